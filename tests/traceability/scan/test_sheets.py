"""Rendered labels are read back: by a decoder as a phone would, whole, small, blurred and turned."""

from __future__ import annotations

import io
import re
import zlib
from datetime import date

import pytest
import zxingcpp
from PIL import Image, ImageFilter

from kernel.ids import new_code, new_serial
from traceability.scan import sheets
from traceability.scan.digital_link import parse
from traceability.scan.qrcodes import QUIET, cached_svg, modules, svg
from traceability.scan.sheets import Label, human_readable, link_of, render
from traceability.scan.states import Sheet

ROOT = "https://shop.example.cn"


def label(**over: object) -> Label:
    values: dict[str, object] = {
        "name": "盐池滩羊肉（羊腿切块）",
        "net_content": "1kg/盒",
        "gtin": "09520123456788",
        "lot": new_code("LOT"),
        "serial": new_serial(),
        "packed_on": date(2026, 11, 22),
        "expires_on": date(2027, 11, 22),
    }
    return Label(**(values | over))  # type: ignore[arg-type]


def picture(labels: list[Label], sheet: Sheet, *, demo: bool = True) -> Image.Image:
    return Image.open(io.BytesIO(render(labels, sheet, ROOT, demo=demo, form="png")))


def read(image: Image.Image) -> set[str]:
    return {found.text for found in zxingcpp.read_barcodes(image.convert("L"))}


@pytest.mark.parametrize("gtin", ["09520123456788", None])
def test_a_roll_label_reads_back(gtin: str | None) -> None:
    one = label(gtin=gtin)
    image = picture([one], Sheet.ROLL)
    wanted = {link_of(one, ROOT)}
    assert image.size == (591, 354), "50 x 30 mm at 300 dpi"
    assert read(image) == wanted
    assert read(image.resize((250, 150), Image.Resampling.LANCZOS)) == wanted, "as on a screenshot"
    assert read(image.filter(ImageFilter.GaussianBlur(1.5))) == wanted
    assert read(image.rotate(7, expand=True, fillcolor="white")) == wanted
    assert read(image.rotate(180)) == wanted


def test_every_label_of_a_sheet_reads_back() -> None:
    many = [label() for _ in range(24)]
    image = picture(many, Sheet.A4)
    assert read(image) == {link_of(one, ROOT) for one in many}


def test_the_link_is_a_digital_link_of_all_levels() -> None:
    one = label()
    link = parse(link_of(one, ROOT))
    assert (link.get("01"), link.get("10"), link.get("21")) == (one.gtin, one.lot, one.serial)
    assert human_readable(one) == f"(01){one.gtin}(10){one.lot}(21){one.serial}"


def test_the_quiet_zone_is_four_modules() -> None:
    rows = modules("TEST")
    assert f'viewBox="0 0 {len(rows) + 2 * QUIET} {len(rows) + 2 * QUIET}"' in svg("TEST")
    assert f"M{QUIET} {QUIET}h7" in svg("TEST"), "the finder pattern begins behind it"
    assert cached_svg("TEST") == svg("TEST")


def test_text_in_data_stays_text() -> None:
    tricky = label(name='#panic("x") *stark* $1$ `a` "b" <c>')
    assert picture([tricky], Sheet.ROLL).size


def test_demo_labels_say_so_and_others_do_not() -> None:
    one = label()
    assert picture([one], Sheet.ROLL, demo=True).tobytes() != picture([one], Sheet.ROLL, demo=False).tobytes()
    assert "样张·演示数据" in sheets.TEMPLATE.read_text()
    assert "追溯标签，不代替食品标签" in sheets.TEMPLATE.read_text()


def test_a_pdf_has_one_page_a_label_on_a_roll_and_embeds_its_font() -> None:
    told: list[int] = []
    data = render([label() for _ in range(200)], Sheet.ROLL, ROOT, demo=False, tell=told.append)
    assert told == [100, 200]
    streams = [data]
    for raw in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S):
        try:
            streams.append(zlib.decompress(raw))
        except zlib.error:
            continue
    whole = b"".join(streams)
    assert len(re.findall(rb"/Type\s*/Page\b", whole)) == 200
    assert b"NotoSansSC" in whole


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no labels"):
        render([], Sheet.A4, ROOT, demo=True)
