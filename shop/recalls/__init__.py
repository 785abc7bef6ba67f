"""Recalls (召回): what a lot has reached over all floors, the decision to stop it, and word to everybody concerned."""
