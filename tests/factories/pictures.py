"""Photographs as phones make them: large, lying on their side, and telling where and when."""

from __future__ import annotations

import io
import random

from PIL import Image

GPS, ORIENTATION, WHEN, CAMERA = 0x8825, 0x0112, 0x0132, 0x0110


def make_photo(width: int = 2400, height: int = 1600, form: str = "JPEG", *, noisy: bool = True) -> bytes:
    """A photograph with place, time and camera in it; noise is the hardest to make small."""
    grain = random.Random(7).randbytes(96 * 64 * 3) if noisy else bytes(96 * 64 * 3)
    picture = Image.frombytes("RGB", (96, 64), grain).resize((width, height))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[WHEN] = "2026:11:22 10:00:00"
    exif[CAMERA] = "Example Phone"
    exif.get_ifd(GPS).update({1: "N", 2: (35.0, 31.0, 12.0), 3: "E", 4: (105.0, 43.0, 1.0)})
    out = io.BytesIO()
    picture.save(out, form, exif=exif, quality=95)
    return out.getvalue()
