"""The catalog floor: who grows what, and may they sell it."""
