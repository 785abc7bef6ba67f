"""Pictures of products."""

from __future__ import annotations

import csv
from pathlib import Path

from catalog.products.pictures import PLAIN, picture_address

ROOT = Path(__file__).parents[3]


def test_the_uploaded_picture_goes_before_the_drawing() -> None:
    assert picture_address("lamb", "ab12") == "/products/pictures/ab12"
    assert picture_address("lamb") == "/static/food/lamb.svg"
    assert picture_address("") == f"/static/food/{PLAIN}.svg"


def test_every_drawing_named_is_there() -> None:
    rows = csv.DictReader((ROOT / "catalog/products/pictures.csv").read_text().splitlines())
    named = {row["picture"] for row in rows} | {PLAIN}
    assert [slug for slug in named if not (ROOT / f"kernel/static/food/{slug}.svg").exists()] == []
