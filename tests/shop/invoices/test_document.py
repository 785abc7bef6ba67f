"""The XML of a 数电发票: what is read of it, what is refused, and that it must be the invoice that was asked for."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import TreeBuilder

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from shop.invoices import document
from shop.invoices.document import TaxDocument, read_document
from shop.invoices.issuing import record_document
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.requesting import Item
from shop.invoices.states import InvoiceState
from tests.factories.catalog import AT, make_organization
from tests.factories.invoices import USCC, make_document, make_invoice_request

LAUGHS = '<!DOCTYPE EInvoice [<!ENTITY a "哈"><!ENTITY b "&a;&a;&a;">]>'


@pytest.fixture
def invoice(session: Session) -> InvoiceRequest:
    return make_invoice_request(session)


def test_what_is_read(session: Session, invoice: InvoiceRequest) -> None:
    seller = session.get_one(Organization, invoice.seller_id).uscc
    assert seller
    found = read_document(make_document(invoice))
    assert found == TaxDocument(
        "26112000000012345678", date(2026, 11, 22), Money(12_800), invoice.title, USCC, seller, special=False
    )
    spaced = make_document(invoice).replace(b"<EInvoice>", b'<f:EInvoice xmlns:f="urn:x" xmlns="urn:y">')
    assert read_document(spaced.replace(b"</EInvoice>", b"</f:EInvoice>")) == found, "whatever the namespace"
    assert read_document(make_document(invoice, amount="-128.00")).is_red


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"%PDF-1.7",
        lambda content: b"",
        lambda content: content[:-9],
        lambda content: content.replace(b"EInvoice>", b"Other>"),
        lambda content: content.replace(b"128.00", b"128.001"),
        lambda content: content.replace(b"128.00", b"NaN"),
        lambda content: content.replace(b"128.00", b""),
        lambda content: content.replace(b"2026-11-22", b"yesterday"),
        lambda content: content + b" " * document.MOST_BYTES,
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_told_kindly(invoice: InvoiceRequest, change: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_document(change(make_document(invoice)))  # type: ignore[operator]
    assert caught.value.field == "document"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(invoice: InvoiceRequest, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    text = make_document(invoice, head=LAUGHS, buyer="&b;").decode().replace("UTF-8", encoding)
    with pytest.raises(Invalid):
        read_document(text.encode(encoding))
    monkeypatch.setattr(document, "_Plain", TreeBuilder)
    assert read_document(text.encode(encoding)).buyer_name == "哈哈哈", "the guard switched off"


def record(session: Session, invoice: InvoiceRequest, **over: str) -> InvoiceRequest:
    return record_document(session, SYSTEM, invoice.code, read_document(make_document(invoice, **over)), at=AT)


def test_the_invoice_then_the_red_one(session: Session, invoice: InvoiceRequest) -> None:
    assert record(session, invoice).state is InvoiceState.ISSUED
    with pytest.raises(Conflict):
        record(session, invoice, number="26112000000012345679")
    with pytest.raises(Invalid):
        record(session, invoice, number="26112000000012345679", amount="-100.00")
    red = record(session, invoice, number="26112000000012345679", amount="-128.00")
    assert (red.state, red.red_number) == (InvoiceState.RED, "26112000000012345679")


@pytest.mark.parametrize(
    ("over", "field", "said"),
    [
        ({"amount": "127.99"}, "amount", "127.99"),
        ({"buyer_tax": "91110000600037341X"}, "buyer_tax_number", "税号"),
        ({"buyer_tax": ""}, "buyer_tax_number", "请填写发票上的购买方税号"),
        ({"buyer": "别的单位"}, "document", "别的单位"),
        ({"label": "01"}, "document", "专用"),
        ({"label": ""}, "document", "没有写明"),
        ({"label": "03"}, "document", "没有写明"),
        ({"seller": ""}, "document", "销售方税号应为"),
        ({"time": "2026-12-22 10:11:12"}, "issued_on", "今天"),
        ({"number": "123"}, "invoice_number", "123"),
    ],
)
def test_another_invoice_than_asked_for(
    session: Session, invoice: InvoiceRequest, over: dict[str, str], field: str, said: str
) -> None:
    with pytest.raises(Invalid) as caught:
        record(session, invoice, **over)
    told = caught.value.by_field(lambda text: text)
    assert said in told[field]
    assert invoice.state is InvoiceState.REQUESTED


def test_of_another_seller(session: Session) -> None:
    seller: Organization = make_organization(session, is_demo=False)
    invoice = make_invoice_request(session, seller.id)
    with pytest.raises(Invalid) as unknown:
        record(session, invoice, seller=USCC)
    assert "还没有登记" in unknown.value.by_field(lambda text: text)["document"]
    seller.uscc = USCC
    with pytest.raises(Invalid):
        record(session, invoice, seller="911100006000373411")
    assert record(session, invoice, seller=USCC).state is InvoiceState.ISSUED


def test_a_special_one_is_for_bodies_and_its_items_add_up(session: Session) -> None:
    items = (Item("滩羊 2 kg", 2, "盒", 10_000), Item("枸杞 500 g", 1, "盒", 5_000), Item("运费", 1, "次", 0))
    asked = make_invoice_request(session, special=True, items=items, amount=Money(10_001))
    assert [(item["name"], item["amount_fen"]) for item in asked.items] == [("滩羊 2 kg", 6_667), ("枸杞 500 g", 3_334)]
    assert record(session, asked, label="01").state is InvoiceState.ISSUED
    with pytest.raises(Invalid) as caught:
        make_invoice_request(session, special=True, title_kind=TitleKind.PERSONAL, title="个人", tax_number="")
    assert [error.field for error in caught.value.errors] == ["special"]


def test_a_missing_tax_number_is_told_as_missing(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        make_invoice_request(session, tax_number=" ")
    assert "请填写" in caught.value.by_field(lambda text: text)["tax_number"]
