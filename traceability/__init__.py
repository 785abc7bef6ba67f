"""The traceability floor: what happened to it, provably."""
