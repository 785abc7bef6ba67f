"""Doors of the procurement portal, one module for each kind of work."""
