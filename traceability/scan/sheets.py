"""Label sheets: one label a box, with QR code, readable identifiers and what it is not. Pure: values in, PDF or PNG out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import pylopdf_fonts_zh_cn
import typst

from traceability.scan.digital_link import build
from traceability.scan.qrcodes import Level, svg
from traceability.scan.states import Sheet

TEMPLATE: Final = Path(__file__).parent / "data" / "labels.typ"
FONTS: Final = Path(pylopdf_fonts_zh_cn.__file__).parent
LEVELS: Final[dict[Sheet, Level]] = {Sheet.A4: "Q", Sheet.ROLL: "M"}  # a bigger symbol can afford to heal more


@dataclass(frozen=True)
class Label:
    """What stands on one label."""

    name: str
    net_content: str
    gtin: str | None
    lot: str
    serial: str
    packed_on: date
    expires_on: date | None


def link_of(label: Label, root: str) -> str:
    """What the QR code says: a GS1 Digital Link, or our own short link for goods without a GTIN."""
    if label.gtin is None:
        return f"{root}/t/{label.serial}"
    return build([("01", label.gtin), ("10", label.lot), ("21", label.serial)]).uri(root)


def human_readable(label: Label) -> str:
    """The human-readable interpretation (GS1 General Specifications, section 4.14): identifiers in brackets."""
    gtin = f"(01){label.gtin}" if label.gtin else ""
    return f"{gtin}(10){label.lot}(21){label.serial}"


def render(
    labels: Sequence[Label],
    sheet: Sheet,
    root: str,
    *,
    demo: bool,
    form: Literal["pdf", "png"] = "pdf",
    tell: Callable[[int], None] | None = None,
) -> bytes:
    """All labels as one PDF (or, with ``form="png"`` and one page, a picture at 300 dpi). ``tell`` hears how many are drawn.

    Raises ValueError without labels.
    """
    if not labels:
        raise ValueError("no labels to draw")
    drawn: list[dict[str, Any]] = []
    for number, label in enumerate(labels, 1):
        grouped = " ".join(label.serial[at : at + 4] for at in range(0, len(label.serial), 4))
        readable = {"qr": svg(link_of(label, root), LEVELS[sheet]), "hri": human_readable(label), "grouped": grouped}
        drawn.append(asdict(label) | readable)
        if tell is not None and number % 100 == 0:
            tell(number)
    data = orjson.dumps({"sheet": sheet.value, "demo": demo, "labels": drawn}).decode()
    made = typst.compile(
        str(TEMPLATE),
        format=form,
        ppi=300.0 if form == "png" else None,
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
    )
    if not isinstance(made, bytes):
        raise TypeError("one page at a time can be drawn as a picture")
    return made
