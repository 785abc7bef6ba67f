"""The look: readable contrast, small files, one style of pictures, and macros that keep what people typed."""

import csv
import gzip
import re
from pathlib import Path

import pytest

from tools import food

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "kernel" / "static"
CSS = (STATIC / "shanhai.css").read_text()
TOKEN = re.compile(r"--([\w-]+): (#[0-9a-f]{3,8})\b")

# text on ground: WCAG 2.2, 1.4.3 asks 4.5; what only frames or marks (edge, accent as a focus ring): 1.4.11 asks 3
TEXT = [
    ("ink", "paper"), ("ink", "sheet"), ("ink", "sunk"), ("ink", "wash"), ("soft", "paper"), ("soft", "sheet"), ("soft", "sunk"),
    ("accent", "paper"), ("accent", "sheet"), ("accent", "wash"), ("on-accent", "accent"), ("on-accent", "accent-deep"),
    ("ok", "ok-wash"), ("warn", "warn-wash"), ("bad", "bad-wash"), ("bad", "sheet"), ("bad", "paper"), ("ink", "bad-wash"), ("ink", "warn-wash"), ("ink", "ok-wash"), ("accent", "bad-wash"),
]  # fmt: skip
FRAMES = [("edge", "sheet"), ("edge", "paper"), ("accent", "paper"), ("accent", "sheet"), ("accent", "sunk")]


def palettes() -> dict[str, dict[str, str]]:
    light, _, rest = CSS.partition("@media (prefers-color-scheme: dark)")
    base = dict(TOKEN.findall(light.split("/* ---- ground")[0]))
    return {"light": base, "dark": base | dict(TOKEN.findall(rest.split("/* ---- ground")[0]))}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_calculated_rightly() -> None:
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")  # the well-known border case


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_frames_have_enough_contrast(scheme: str) -> None:
    palette = palettes()[scheme]
    weak = {(a, b): contrast(palette[a], palette[b]) for a, b in TEXT if contrast(palette[a], palette[b]) < 4.5}
    weak |= {(a, b): contrast(palette[a], palette[b]) for a, b in FRAMES if contrast(palette[a], palette[b]) < 3}
    assert weak == {}


def test_what_every_page_loads_is_small() -> None:
    """The first page may weigh 200 KB in all: the shell takes less than 12 of them."""
    shell = [STATIC / name for name in ("shanhai.css", "shanhai.js", "favicon.svg", "icon-32.png")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in shell) < 12_000


def test_no_template_styles_or_scripts_inline() -> None:
    """The policy of the site refuses them (style-src 'self'; script-src 'self' and nonces)."""
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for floor in ("kernel", "catalog", "traceability", "logistics", "shop")
        for path in (ROOT / floor).rglob("templates/**/*.html")
        if "mail" not in path.parts
        for found in re.finditer(
            r"\sstyle=|<style\b|\son\w+=[\"']|<script(?![^>]*(src=|nonce=|application/(ld\+)?json))[^>]*>", path.read_text()
        )
    ]
    assert wrong == []


def test_the_pictures_are_what_the_generator_draws() -> None:
    drawn = {path.stem: path.read_text() for path in (STATIC / "food").glob("*.svg")}
    assert drawn == food.PICTURES, "python -m tools.food"


def test_pictures_are_small_and_hold_no_script() -> None:
    assert len(food.PICTURES) >= 24
    for slug, svg in food.PICTURES.items():
        assert len(svg.encode()) <= 3072, slug
        assert 'viewBox="0 0 240 240"' in svg
        assert not re.search(r"<script|<style|<text|<image|\bon\w+=|href=\"[^#]", svg), slug


def test_every_product_has_a_picture_that_exists() -> None:
    with (ROOT / "catalog" / "products" / "pictures.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 80
    assert {row["picture"] for row in rows} <= set(food.PICTURES)
