"""Accounts: who somebody is, how they sign in, where they want things sent."""
