"""Doors of parties: organisations, households, pairings (areas themselves know no actors)."""
