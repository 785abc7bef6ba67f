"""承诺达标合格证: three kinds of basis, one a lot, a new one after mixing, none for meat, none without an owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.documents.issuing import PromiseBasis
from catalog.documents.models import Document, DocumentKind, PromiseCertificate, SubjectKind
from catalog.documents.queries import find_promise, find_standing_promise
from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid
from tests.factories.catalog import make_actor, make_household, make_organization, make_product
from tests.factories.lots import SHEEP, activate, heads, kg, make_chain, make_delivery, make_pack_lot, make_yield
from traceability.lots import balancing, gating, mixing, processing, promising
from traceability.lots.gating import find_missing_papers
from traceability.lots.models import Lot
from traceability.lots.states import Step


class Grower:
    """Two lots of apples of one cooperative, with its clerk and its product."""

    def __init__(self, session: Session) -> None:
        self.cooperative = make_organization(session)
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        self.product = make_product(
            session,
            self.cooperative,
            needs=[DocumentKind.PROMISE_CERTIFICATE],
            name="静宁苹果",
            category="水果",
            materials=["苹果"],
        )
        self.lots = [
            session.get_one(Lot, make_delivery(session, make_household(session, self.cooperative), kg(100)).lot_id)
            for _ in range(2)
        ]

    def promise(self, session: Session, lot: Lot, at: datetime, basis: PromiseBasis = PromiseBasis.OWN_TEST) -> Document:
        return promising.promise_lot(session, self.clerk, lot_code=lot.code, basis=[basis], origin="静宁县", at=at)

    def pack(self, session: Session, lot: Lot, at: datetime) -> tuple[Lot, list[str]]:
        packed = processing.pack_lot(
            session, self.clerk, lot_id=lot.id, product_sku=self.product.sku, boxes=5, box=kg(1), expires_on=None, at=at
        )
        return packed, [item.serial for item in activate(session, packed, at=at)]


@pytest.fixture
def grower(session: Session) -> Grower:
    return Grower(session)


@pytest.mark.parametrize("basis", list(PromiseBasis))
def test_it_says_what_the_order_asks_for(session: Session, grower: Grower, at: datetime, basis: PromiseBasis) -> None:
    document = grower.promise(session, grower.lots[0], at, basis)
    promise = find_promise(session, document.id)
    assert promise is not None
    assert (promise.product_name, promise.quantity, promise.origin, promise.basis) == ("苹果", 100, "静宁县", [basis.value])
    assert (promise.promiser_name, promise.contact, promise.issued_at) == (grower.cooperative.name, "13800000000", at)
    with pytest.raises(Conflict, match="已开过"):
        grower.promise(session, grower.lots[0], at)


def test_mixing_needs_a_new_one_which_voids_the_old(session: Session, grower: Grower, at: datetime) -> None:
    """From the first lot boxes were packed before: they keep its certificate."""
    one, other = grower.lots
    old = [grower.promise(session, lot, at) for lot in (one, other)]
    early, serials = grower.pack(session, one, at)
    later = at + timedelta(days=2)
    mixed = mixing.mix_lots(
        session,
        grower.clerk,
        inputs=[(one.id, kg(95)), (other.id, kg(60))],
        material="苹果",
        product_sku=grower.product.sku,
        at=later,
    )
    late, late_serials = grower.pack(session, mixed, later)
    with pytest.raises(Conflict, match="缺少承诺达标合格证"):
        balancing.dispatch_items(session, late.id, late_serials, later)
    new = grower.promise(session, mixed, later)
    kept = [session.get_one(PromiseCertificate, document.id).replaced_by for document in old]
    assert kept == [new.id, None], "of the second lot 40 kg are still there, with their certificate"
    assert find_standing_promise(session, one.code) is None
    assert find_standing_promise(session, other.code) is old[1]
    balancing.dispatch_items(session, late.id, late_serials, later + timedelta(days=1))
    balancing.dispatch_items(session, early.id, serials, later + timedelta(days=1))


def test_what_is_only_sorted_keeps_its_certificate(session: Session, grower: Grower, at: datetime) -> None:
    lot = grower.lots[0]
    old = grower.promise(session, lot, at)
    assert promising.list_mixed_into(session, grower.pack(session, lot, at)[0]) == []
    assert find_standing_promise(session, lot.code) is old


def test_without_replacing_two_certificates_would_stand_for_one_apple(
    session: Session, grower: Grower, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promising, "list_mixed_into", lambda *_: [])
    for lot in grower.lots:
        grower.promise(session, lot, at)
    inputs = [(lot.id, kg(100)) for lot in grower.lots]
    grower.promise(session, mixing.mix_lots(session, grower.clerk, inputs=inputs, material="苹果", at=at), at)
    assert len(session.scalars(select(Document).where(Document.valid_to.is_(None), Document.subject_kind == "lot")).all()) == 3


def test_live_sheep_have_one_and_meat_has_papers_instead(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=2)
    clerk, basis = chain.clerk, [PromiseBasis.QUALITY_CONTROL]
    with pytest.raises(Invalid, match="检疫和肉品品质检验"):
        promising.promise_lot(session, clerk, lot_code=chain.pack.code, basis=basis, origin="盐池县", at=at)
    household = make_household(session, chain.cooperative)
    live = make_delivery(session, household, heads(2), material="滩羊（活羊）", product_sku=chain.product.sku)
    lot = session.get_one(Lot, live.lot_id)
    assert promising.promise_lot(session, clerk, lot_code=lot.code, basis=basis, origin="盐池县", at=at).subject_code == lot.code


@pytest.mark.parametrize("name", ["carcass", "leg", "trimmings", "frozen", "hides", "pack"])
def test_meat_is_known_by_the_way_it_came_not_by_its_product(session: Session, at: datetime, name: str) -> None:
    """None of these lots names a product that asks for meat papers; the pack's product needs nothing at all."""
    chain = make_chain(session, boxes=1, needs=[])
    lot: Lot = getattr(chain, name)
    assert lot.product_sku in (None, chain.product.sku)
    with pytest.raises(Invalid, match="检疫和肉品品质检验"):
        promising.promise_lot(
            session, chain.clerk, lot_code=lot.code, basis=[PromiseBasis.OWN_TEST], origin="盐池县", at=at + timedelta(minutes=1)
        )


def test_a_step_by_another_name_does_not_bring_the_animal_back(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    clerk = make_actor(session, Role.clerk, cooperative)
    live = make_delivery(session, make_household(session, cooperative), heads(2), material=SHEEP)
    make_yield(session, "鲜品", 10, 20, step=Step.PROCESSING)
    output = processing.OutputDraft("鲜品", kg(30), Decimal(10), Decimal(20))
    (made,) = processing.process_lot(
        session, clerk, step=Step.PROCESSING, inputs=[(live.lot_id, heads(2))], outputs=[output], place_id=None, at=at
    )
    with pytest.raises(Invalid, match="检疫和肉品品质检验"):
        promising.promise_lot(session, clerk, lot_code=made.code, basis=[PromiseBasis.OWN_TEST], origin="盐池县", at=at)


def test_only_the_owner_and_only_what_is_there(session: Session, grower: Grower, at: datetime) -> None:
    lot = grower.lots[0]
    own, grower.clerk = grower.clerk, make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        grower.promise(session, lot, at)
    balancing.record_loss(session, own, lot_id=lot.id, quantity=kg(100), reason="冻坏了", at=at)
    grower.clerk = own
    with pytest.raises(Conflict, match="没有剩余"):
        grower.promise(session, lot, at)


def kinds_missing(session: Session, lot: Lot, at: datetime) -> set[DocumentKind]:
    session.execute(delete(Document).where(Document.subject_kind == SubjectKind.LOT))
    return {paper.kind for paper in find_missing_papers(session, lot, at.date())}


def test_meat_leaves_with_its_papers_whatever_was_ticked(session: Session, at: datetime) -> None:
    pack = make_chain(session, boxes=1, needs=[]).pack
    assert kinds_missing(session, pack, at) == {DocumentKind.ANIMAL_QUARANTINE, DocumentKind.MEAT_INSPECTION}


def test_fruit_leaves_with_its_certificate_whatever_was_ticked(session: Session, at: datetime) -> None:
    product = make_product(session, category="水果", needs=[], name="静宁苹果")
    lot = make_pack_lot(session, product)
    assert kinds_missing(session, lot, at) == {DocumentKind.PROMISE_CERTIFICATE}


def test_with_both_rules_off_they_leave_without_any(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gating, "MEAT_KINDS", frozenset())
    monkeypatch.setattr(gating, "PROMISED_CATEGORIES", frozenset())
    assert kinds_missing(session, make_chain(session, boxes=1, needs=[]).pack, at) == set()
