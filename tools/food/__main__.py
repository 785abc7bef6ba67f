"""Draw every illustration into kernel/static/food."""

from pathlib import Path

from tools.food import PICTURES

FOLDER = Path(__file__).resolve().parents[2] / "kernel" / "static" / "food"

if __name__ == "__main__":
    for slug, svg in PICTURES.items():
        (FOLDER / f"{slug}.svg").write_text(svg)
