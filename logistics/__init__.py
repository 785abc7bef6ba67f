"""The logistics floor: where it is, and whose it is to be."""
