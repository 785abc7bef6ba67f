"""Price lists with tiers and periods, freight, and quotes."""
