"""Measurements on the shipped app, each beside yardsticks taken in the same run; ``./shanhai bench`` runs them (see README.md)."""
