"""What exists: lots that balance, the edges between them, whose harvest is in them, and each serialised box."""
