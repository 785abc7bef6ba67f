"""A 数电发票 as its XML tells it, pure: root ``EInvoice`` (财政部 电子凭证会计数据标准; a red-letter one has negative amounts).

Only what we check is read. Document types and entities are refused: no invoice has them, and they are how XML harms its reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from kernel.errors import Invalid
from kernel.money import Money

MOST_BYTES = 2 * 1024 * 1024
SPECIAL = {"01": True, "02": False}


@dataclass(frozen=True, slots=True)
class TaxDocument:
    """One invoice. ``amount`` (价税合计) is negative on a red-letter one; ``special`` None when the file does not say."""

    number: str
    issued_on: date
    amount: Money
    buyer_name: str
    buyer_tax_number: str
    seller_tax_number: str
    special: bool | None

    @property
    def is_red(self) -> bool:
        """Whether it takes another invoice back (红字)."""
        return self.amount.minor < 0


def read_document(content: bytes) -> TaxDocument:
    """Read the XML of one invoice. Raises Invalid (field ``document``) when it is none, or lacks what we check."""
    root = _parse(content)
    if root.tag.rpartition("}")[2] != "EInvoice":
        raise _unreadable()
    said = {path: _text(root, path) for path in _PATHS}
    number = said["TaxSupervisionInfo/InvoiceNumber"] or said["Header/EIid"]
    amount, day = said["EInvoiceData/BasicInformation/TotalTax-includedAmount"], said["TaxSupervisionInfo/IssueTime"]
    if not (number and amount and day):
        raise _unreadable()
    try:
        return TaxDocument(
            number=number,
            issued_on=date.fromisoformat(day[:10].replace("/", "-")),
            amount=_money(amount),
            buyer_name=said["EInvoiceData/BuyerInformation/BuyerName"],
            buyer_tax_number=said["EInvoiceData/BuyerInformation/BuyerIdNum"],
            seller_tax_number=said["EInvoiceData/SellerInformation/SellerIdNum"],
            special=SPECIAL.get(said["Header/InherentLabel/GeneralOrSpecialVAT/LabelCode"]),
        )
    except (ValueError, Invalid) as error:
        raise _unreadable() from error


_PATHS = (
    "Header/EIid",
    "Header/InherentLabel/GeneralOrSpecialVAT/LabelCode",
    "EInvoiceData/SellerInformation/SellerIdNum",
    "EInvoiceData/BuyerInformation/BuyerIdNum",
    "EInvoiceData/BuyerInformation/BuyerName",
    "EInvoiceData/BasicInformation/TotalTax-includedAmount",
    "TaxSupervisionInfo/InvoiceNumber",
    "TaxSupervisionInfo/IssueTime",
)


class _Plain(TreeBuilder):
    """Builds elements only; has no document type."""

    def doctype(self, *_: object) -> None:
        """Called before anything declared there could be used."""
        raise _unreadable()


def _parse(content: bytes) -> Element:
    if len(content) > MOST_BYTES:
        raise _unreadable()
    parser = XMLParser(target=_Plain())  # noqa: S314 (without a document type nothing expands)
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise _unreadable() from error
    return root


def _text(root: Element, path: str) -> str:
    """The text at a path of local names, whatever their namespace; "" when it is not there."""
    here: Element | None = root
    for name in path.split("/"):
        here = next((child for child in here if child.tag.rpartition("}")[2] == name), None) if here is not None else None
    return " ".join((here.text or "").split())[:200] if here is not None else ""


def _money(text: str) -> Money:
    amount = Money.parse(text.removeprefix("-"), field="document")
    return Money(-amount.minor) if text.startswith("-") else amount


def _unreadable() -> Invalid:
    return Invalid("这个文件读不出数电发票。请上传税务系统下载的 XML 文件，不是 PDF、OFD 或压缩包。", field="document")
