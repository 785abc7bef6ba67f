"""Where the picture of a product is on this site."""

from __future__ import annotations

from typing import Any

from flask import url_for


def picture_of(product: Any) -> str:
    """The path of a product's picture: an uploaded photo, else its drawing."""
    if getattr(product, "picture_digest", None):
        return url_for("storefront_product.picture", sku=product.sku, digest=product.picture_digest)
    return url_for("static", filename=f"food/{product.picture or 'basket'}.svg")
