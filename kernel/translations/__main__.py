"""`python -m kernel.translations`: compile what changed."""

from kernel.translations import ensure_compiled

if __name__ == "__main__":
    ensure_compiled()
