"""Organisations, people, households and their consent, places, roles and keys."""
