"""Where a product's picture is, pure: the uploaded one, else the drawing of its kind of food."""

from __future__ import annotations

PLAIN = "basket"


def picture_address(drawing: str, uploaded: str | None = None) -> str:
    """The path of a picture: ``uploaded`` is a file's digest, ``drawing`` the slug of a picture in ``kernel/static/food``."""
    return f"/products/pictures/{uploaded}" if uploaded else f"/static/food/{drawing or PLAIN}.svg"
