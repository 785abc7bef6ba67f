"""The doors of the prices room: price lists, and what carrying costs."""
