"""Papers gate the shelf: a product is put on sale, and may be sold on a day, only while each paper it needs holds on that day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.documents.gating import MissingPaper, Need, find_missing, list_holding
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import Actor, Organization, Role
from catalog.parties.queries import map_organizations
from catalog.products.models import Product, ProductState, RecognitionStep
from catalog.products.needs import Holders, shelf_needs
from catalog.products.recognising import move
from catalog.products.states import FLOW
from kernel.clock import today_shanghai
from kernel.errors import Conflict, FieldError, Gettext


class NotForSale(Conflict):
    """The product may not be sold on the day asked; the message names each missing paper."""


def put_on_sale(session: Session, actor: Actor, product: Product, at: datetime) -> RecognitionStep:
    """Put an approved product on the shelf; its seller's clerk or the operator may.

    Raises Forbidden, Conflict (not approved), NotForSale with every reason in words.
    """
    actor.must_any({Role.clerk: product.seller_id, Role.operator: None})
    FLOW.check(product.state, ProductState.ON_SALE)
    missing = find_missing_papers(session, [product], today_shanghai(at))[product.id]
    if missing:
        reasons = "".join(paper.reason_text for paper in missing)
        each = [FieldError("papers", paper.reason, paper.params) for paper in missing]
        raise NotForSale("“%(name)s”还不能上架：%(reasons)s", params={"name": product.name, "reasons": reasons}, errors=each)
    return move(session, actor, product, ProductState.ON_SALE, "", at)


def take_off_sale(session: Session, actor: Actor, product: Product, at: datetime, note: str) -> RecognitionStep:
    """Take a product off the shelf. Raises Forbidden, Conflict."""
    actor.must_any({Role.clerk: product.seller_id, Role.operator: None})
    return move(session, actor, product, ProductState.DELISTED, note, at)


def why_not_on_sale(session: Session, product: Product, on: date, gettext: Gettext = str) -> list[str]:
    """Why the product may not be sold on that day, one sentence a reason; empty when it may."""
    return why_not_on_sale_many(session, [product], on, gettext)[product.id]


def why_not_on_sale_many(session: Session, products: Sequence[Product], on: date, gettext: Gettext = str) -> dict[UUID, list[str]]:
    """The same for many products, with one look at the papers."""
    missing = find_missing_papers(session, products, on)
    return {
        product.id: [
            *([] if product.state is ProductState.ON_SALE else [gettext("这个产品没有上架。")]),
            *(paper.text(gettext) for paper in missing[product.id]),
        ]
        for product in products
    }


def must_be_on_sale(session: Session, products: Sequence[Product], on: date) -> None:
    """Raises NotForSale naming the first product that may not be sold on that day and why."""
    reasons = why_not_on_sale_many(session, products, on)
    for product in products:
        if reasons[product.id]:
            params = {"name": product.name, "reasons": "".join(reasons[product.id])}
            raise NotForSale("“%(name)s”今天不能销售：%(reasons)s", params=params)


def find_missing_papers(session: Session, products: Sequence[Product], on: date) -> dict[UUID, list[MissingPaper]]:
    """The shelf papers each product misses on that day."""
    needs = shelf_needs_of(session, products)
    missing = {
        (paper.kind, paper.subject_kind, paper.subject_code): paper
        for paper in find_missing(session, (need for each in needs.values() for need in each), on)
    }
    return {product_id: [missing[need] for need in each if need in missing] for product_id, each in needs.items()}


def list_shown_documents(session: Session, product: Product, on: date) -> list[Document]:
    """The papers that hold for the product on that day, for its page."""
    return list_holding(session, shelf_needs_of(session, [product])[product.id], on)


def shelf_needs_of(session: Session, products: Sequence[Product]) -> Mapping[UUID, list[Need]]:
    """What each product needs before it is on sale, with the holders' codes filled in."""
    ids: Iterable[UUID] = {i for p in products for i in (p.seller_id, p.cooperative_id, p.processor_id) if i is not None}
    parties: dict[UUID, Organization] = map_organizations(session, ids)
    return {
        product.id: shelf_needs(
            kinds_of(product),
            Holders(product.sku, parties[product.seller_id].code, parties[product.processor_id or product.cooperative_id].code),
        )
        for product in products
    }


def kinds_of(product: Product) -> list[DocumentKind]:
    """The kinds of papers the product needs."""
    return [DocumentKind(value) for value in product.needs]
