"""The bars of an SSCC are read back by a decoder, which must say that it is a GS1-128 and not any Code 128."""

from __future__ import annotations

import re
from random import Random

import pytest
import zxingcpp
from PIL import Image

from kernel.gs1 import Sscc, make_check
from traceability.scan import barcodes
from traceability.scan.barcodes import HEIGHT, QUIET, sscc_bars, sscc_svg


def read(sscc: Sscc, module: int = 2) -> zxingcpp.Barcode:
    """What a scanner reads of the drawn SVG, each module so many pixels wide."""
    drawn = sscc_svg(sscc)
    found = re.search('viewBox="0 0 ([0-9]+) ', drawn)
    assert found
    picture = Image.new("L", (int(found[1]) * module, HEIGHT * module), 255)
    for left, width in re.findall(r"M([0-9]+) 0h([0-9]+)v", drawn):
        if left != "0":  # the white ground
            picture.paste(0, (int(left) * module, 0, (int(left) + int(width)) * module, HEIGHT * module))
    (code,) = zxingcpp.read_barcodes(picture)
    return code


def test_every_pair_of_digits_is_read_back_as_gs1() -> None:
    dice = Random(128)
    pairs = [f"{pair:02d}" for pair in range(100)]
    dice.shuffle(pairs)
    for first in range(0, 100, 8):
        body = "".join((pairs + pairs)[first : first + 8]) + str(dice.randint(0, 9))
        sscc = Sscc(make_check(body))
        code = read(sscc)
        assert (code.symbology_identifier, code.content_type.name) == ("]C1", "GS1")
        assert code.bytes.decode() == f"00{sscc}"
        assert code.text == f"(00){sscc}"


def test_without_its_first_symbol_it_is_any_barcode(monkeypatch: pytest.MonkeyPatch) -> None:
    sscc = Sscc(make_check("0" + "95243210000160001"[:16]))
    assert read(sscc).symbology_identifier == "]C1"
    monkeypatch.setattr(barcodes, "_FNC1", 99)  # as if 99 stood there
    assert read(sscc).symbology_identifier != "]C1"


def test_its_size() -> None:
    """Start, FNC1, ten pairs, check and stop: 156 modules, and two quiet zones of ten."""
    widths = sscc_bars(Sscc(make_check("0" * 17)))
    assert (sum(widths), QUIET) == (13 * 11 + 13, 10)
    assert all(1 <= width <= 4 for width in widths)
    assert len(set(barcodes._WIDTHS)) == 107
    assert all(sum(map(int, each)) == 11 for each in barcodes._WIDTHS[:-1])
