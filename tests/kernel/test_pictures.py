"""Photographs made small and without their history (kernel.pictures)."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from PIL import Image

from kernel import pictures
from kernel.errors import Invalid
from tests.factories.pictures import make_photo


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_small_upright_and_without_a_past(form: str) -> None:
    content = make_photo(form=form)
    with opened(content) as given:
        assert given.getexif(), "the test's own photograph tells where it was taken"
    small = pictures.shrink(content)
    assert len(small) <= pictures.MOST_BYTES
    with opened(small) as made:
        assert (made.format, made.mode) == ("JPEG", "RGB")
        assert max(made.size) <= pictures.LONGEST
        assert made.width < made.height, "turned as the camera said"
        assert dict(made.getexif()) == {}
        assert not {"exif", "icc_profile", "xmp", "photoshop"} & made.info.keys()
    for word in (b"Exif", b"GPS", b"Example Phone", b"2026:11"):
        assert word not in small


def test_saving_it_as_it_came_would_keep_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is the drawing anew: what only saves, keeps what the camera wrote."""

    def careless(picture: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, exif=picture.getexif())
        return out.getvalue()

    monkeypatch.setattr(pictures, "_encode", careless)
    assert b"Example Phone" in pictures.shrink(make_photo(noisy=False))


def test_two_photographs_are_never_one_file() -> None:
    content = make_photo(300, 200)
    assert pictures.shrink(content) != pictures.shrink(content)


def monstrous() -> bytes:
    """A PNG of a few bytes that says it has 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.4", b"<svg/>", b"\xff\xd8\xff" + b"\0" * 200, make_photo(300, 200)[:900], monstrous(), b"GIF89a" + b"\0" * 60],
    ids=["empty", "pdf", "svg", "broken", "cut off", "monstrous", "gif"],
)
def test_what_is_no_photograph_is_told(content: bytes) -> None:
    with pytest.raises(Invalid) as told:
        pictures.shrink(content)
    assert told.value.field == "photo"


def test_too_many_pixels_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    with pytest.raises(Invalid, match="像素太多"):
        pictures.shrink(make_photo(300, 200))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Pillow grumbles about each broken tag
def test_what_a_camera_wrote_wrong_spoils_no_picture() -> None:
    """A tag of the wrong type, a list cut short: such pictures open everywhere else."""
    content, chance = make_photo(60, 40, noisy=False), random.Random(5)
    begin = content.index(b"Exif")
    for _ in range(400):
        broken = bytearray(content)
        for _ in range(3):
            broken[begin + 6 + chance.randrange(150)] = chance.randrange(256)
        with opened(pictures.shrink(bytes(broken))) as made:
            assert made.format == "JPEG"
