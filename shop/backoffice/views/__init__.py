"""The doors of the back office."""
