"""Orders: what was bought, from whom, for how much, and where it stands."""
