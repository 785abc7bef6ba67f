"""Photographs people send, pure: bytes of any camera in, a small JPEG without its history out.

What a camera writes beside the picture (EXIF: place, time, device, a small copy of the whole) is left behind by drawing it anew. Each
result carries random bytes, so that two photographs are never one file and deleting one never deletes another's.
"""

from __future__ import annotations

import io
import secrets
import struct
from typing import Final

from PIL import Image

from kernel.errors import Invalid

LONGEST: Final = 1280  # pixels: enough to read a scale or an ear tag
MOST_BYTES: Final = 200 * 1024
MOST_PIXELS: Final = 50_000_000
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def shrink(content: bytes, field: str = "photo") -> bytes:
    """At most ``MOST_BYTES`` of JPEG, the longer side at most ``LONGEST``, upright. Raises Invalid (no picture, or a monstrous one)."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as given:
            if given.width * given.height > MOST_PIXELS:
                raise Invalid("这张照片的像素太多了，请换一张小一些的。", field=field)
            given.draft("RGB", (LONGEST, LONGEST))  # a JPEG is decoded near its final size: little memory
            turn = _read_turn(given)
            picture = given.convert("RGB")
    except _BROKEN as error:
        raise Invalid("这张照片打不开，请重新拍一张（JPG、PNG 或 WebP）。", field=field) from error
    picture.thumbnail((LONGEST, LONGEST))
    if turn is not None:
        picture = picture.transpose(turn)
    for quality in (80, 65, 50, 35):
        made = _encode(picture, quality)
        if len(made) <= MOST_BYTES:
            return made
    picture.thumbnail((LONGEST // 2, LONGEST // 2))
    return _encode(picture, 35)


def _read_turn(given: Image.Image) -> Image.Transpose | None:
    """How the camera was held. Nothing else of what it wrote is looked at, and where that is broken the picture is taken as it lies."""
    try:
        return _TURNS.get(given.getexif().get(_ORIENTATION, 1))
    except (*_BROKEN, struct.error, TypeError, KeyError, AttributeError):
        return None


def _encode(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)  # nothing but pixels: no profile, no text, no thumbnail
    clean.save(out, "JPEG", quality=quality, optimize=True, comment=secrets.token_bytes(16))
    return out.getvalue()
