"""Serve the look-book on a free port: `python -m tests.kernel.lookbook [port]`."""

import sys

from tests.kernel.lookbook import create_lookbook

if __name__ == "__main__":
    create_lookbook().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 5870)
