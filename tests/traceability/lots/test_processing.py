"""Steps: who may, what may be poured together, what a box is made of."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import YANCHI, make_actor, make_household, make_organization, make_product
from tests.factories.lots import kg, make_chain, make_lot, make_pack_lot
from traceability.lots import mixing, processing, ruling, transforming, yields
from traceability.lots.models import Lot, LotYield, TradeItem
from traceability.lots.queries import list_upstream_households
from traceability.lots.states import Custody, ItemState, LotKind, Step

DRY = processing.OutputDraft("苹果干", kg(20), Decimal("0.1"), Decimal("0.25"))


def test_mixing_keeps_quantity_shares_and_custody(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    one, other = (make_lot(session, kg(n), household=make_household(session, cooperative)) for n in (20, 60))
    other.custody = Custody.MASS_BALANCE
    session.flush()
    lot = mixing.mix_lots(
        session, SYSTEM, inputs=[(one.id, kg(20)), (other.id, Quantity(Decimal(60), Unit.JIN))], material="苹果", at=at
    )
    assert (lot.kind, lot.made, lot.unit, lot.custody) == (LotKind.BULK, Decimal(50), Unit.KG, Custody.MASS_BALANCE)
    assert sorted(share for _, share in list_upstream_households(session, lot.id)) == [Decimal("0.4"), Decimal("0.6")]
    assert other.left == kg(30)


def test_the_origin_of_a_mixture_must_stay_one(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    here = make_lot(session, household=make_household(session, cooperative))
    there = make_lot(session, household=make_household(session, cooperative, county_code="620826"))
    with pytest.raises(Invalid, match="说不清产地"):
        mixing.mix_lots(session, SYSTEM, inputs=[(here.id, kg(1)), (there.id, kg(1))], material="苹果", at=at)
    with pytest.raises(Invalid, match="同一单位"):
        mixing.mix_lots(session, SYSTEM, inputs=[(here.id, kg(1)), (make_lot(session).id, kg(1))], material="苹果", at=at)
    with pytest.raises(Invalid, match="只选一次"):
        mixing.mix_lots(session, SYSTEM, inputs=[(here.id, kg(1)), (here.id, kg(1))], material="苹果", at=at)
    with pytest.raises(NotFound):
        mixing.mix_lots(session, SYSTEM, inputs=[(uuid7(), kg(1))], material="苹果", at=at)


def test_only_those_of_the_owner_may(session: Session, at: datetime) -> None:
    lot = make_lot(session)
    with pytest.raises(Forbidden):
        mixing.mix_lots(session, make_actor(session, Role.clerk), inputs=[(lot.id, kg(1))], material="苹果", at=at)


def test_the_yield_is_kept_and_the_database_guards_it_too(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = make_lot(session)
    (dried,) = processing.process_lot(
        session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(80))], outputs=[DRY], place_id=None, at=at
    )
    kept = session.get_one(LotYield, dried.id)
    assert (kept.taken, kept.taken_unit, kept.given, kept.yield_high) == (80, Unit.KG, 20, Decimal("0.25"))
    with pytest.raises(Invalid, match="太多了"):
        processing.process_lot(session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(20))], outputs=[DRY], place_id=None, at=at)
    monkeypatch.setattr(yields, "find_deviations", lambda *_: [])
    with pytest.raises(IntegrityError, match="not_inflated"), session.begin_nested():
        processing.process_lot(session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(20))], outputs=[DRY], place_id=None, at=at)
    for name in ("not_inflated", "within_rule"):
        session.execute(text(f"ALTER TABLE lots_lot_yield DROP CONSTRAINT ck_lots_lot_yield_{name}"))
    (forged,) = processing.process_lot(
        session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(20))], outputs=[DRY], place_id=None, at=at
    )
    assert forged.made == 20, "with both guards off twenty kilograms become twenty kilograms of dried apple"


def test_a_rule_of_the_county_bounds_the_declared_range(session: Session, at: datetime) -> None:
    officer = make_actor(session, Role.county_officer)
    values = {"step": Step.DRYING, "material": "苹果干", "low": Decimal("0.1"), "high": Decimal("0.2"), "unit": Unit.KG}
    ruling.set_yield_rule(session, officer, county_code=YANCHI, per_unit=Unit.KG, valid_from=date(2026, 1, 1), **values)  # type: ignore[arg-type]
    lot = make_lot(session)
    with pytest.raises(Invalid, match="核定范围"):
        processing.process_lot(session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(100))], outputs=[DRY], place_id=None, at=at)
    with pytest.raises(Forbidden):
        ruling.set_yield_rule(
            session, make_actor(session), county_code=YANCHI, per_unit=Unit.KG, valid_from=date(2026, 1, 1), **values
        )  # type: ignore[arg-type]


def test_boxes_have_serials_of_their_own_and_an_expiry(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=3, activated=False)
    assert chain.pack.unit is Unit.BOX
    assert chain.pack.expires_on == date(2026, 11, 22) + timedelta(days=365)
    items = session.scalars(select(TradeItem).where(TradeItem.lot_id == chain.pack.id)).all()
    assert {item.state for item in items} == {ItemState.MADE}
    assert len({item.serial for item in items}) == 3
    assert {item.gtin for item in items} == {chain.product.gtin}


def test_what_was_made_for_one_product_is_not_sold_as_another(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1)
    other = make_product(session, chain.cooperative, county_code=chain.product.county_code)
    chain.frozen.product_sku = chain.product.sku
    session.flush()
    pack = {"boxes": 1, "box": Quantity(other.pack_amount, other.pack_unit), "expires_on": None, "at": at}
    with pytest.raises(Invalid, match="是为另一种产品做的"):
        processing.pack_lot(session, SYSTEM, lot_id=chain.frozen.id, product_sku=other.sku, **pack)  # type: ignore[arg-type]


def test_sheep_are_not_packed_as_apples_whatever_they_are_called_on_the_way(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frozen lot names no product. What households brought decides: the product has to be made of it."""
    chain = make_chain(session, boxes=1)
    apples = make_product(
        session, chain.cooperative, county_code=chain.product.county_code, name="静宁苹果", materials=["苹果", "苹果（次果）"]
    )
    step = {"inputs": [(chain.frozen.id, kg(5))], "place_id": None, "at": at, "step": Step.SORTING}
    as_apples = processing.OutputDraft("苹果", kg(5), Decimal("0.5"), Decimal(1), product_sku=apples.sku)
    refused = "“静宁苹果”的原料是“苹果、苹果（次果）”，不能用“滩羊（活羊）”做"
    with pytest.raises(Invalid, match=refused):
        processing.process_lot(session, SYSTEM, outputs=[as_apples], **step)  # type: ignore[arg-type]
    pack = {"product_sku": apples.sku, "boxes": 2, "box": kg(1), "expires_on": None, "at": at}
    with pytest.raises(Invalid, match=refused):
        processing.pack_lot(session, SYSTEM, lot_id=chain.frozen.id, **pack)  # type: ignore[arg-type]
    household = make_household(session, chain.cooperative)
    with pytest.raises(Invalid, match="不能用“梨”做"):
        make_lot(session, household=household, material="梨", product_sku=apples.sku)
    real = make_lot(session, household=household, material="苹果（次果）", product_sku=apples.sku)
    assert processing.pack_lot(session, SYSTEM, lot_id=real.id, **pack).product_sku == apples.sku  # type: ignore[arg-type]
    monkeypatch.setattr(transforming, "must_be_made_of", lambda *_: None)
    assert processing.pack_lot(session, SYSTEM, lot_id=chain.frozen.id, **pack).material == "静宁苹果", "without the guard they are"  # type: ignore[arg-type]


def test_one_strange_kilogram_in_the_mixture_is_enough(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    product = make_product(session, cooperative, name="静宁苹果", materials=["苹果"])
    lots = [
        make_lot(session, household=make_household(session, cooperative), material=material) for material in ("苹果", "苹果", "梨")
    ]
    mixed = mixing.mix_lots(session, SYSTEM, inputs=[(lot.id, kg(9)) for lot in lots], material="苹果", at=at)
    with pytest.raises(Invalid, match="不能用“梨”做"):
        processing.pack_lot(session, SYSTEM, lot_id=mixed.id, product_sku=product.sku, boxes=1, box=kg(1), expires_on=None, at=at)


def test_a_pack_is_of_the_products_own_place_and_weight(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1)
    pack = {"boxes": 1, "expires_on": None, "at": at}
    foreign = make_product(session)
    with pytest.raises(Invalid, match=r"不是“.*”的产地或合作社出的"):
        processing.pack_lot(session, SYSTEM, lot_id=chain.frozen.id, product_sku=foreign.sku, box=kg(1), **pack)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="每盒应装 1 千克"):
        processing.pack_lot(session, SYSTEM, lot_id=chain.frozen.id, product_sku=chain.product.sku, box=kg("0.9"), **pack)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="晚于今天"):
        processing.pack_lot(
            session, SYSTEM, lot_id=chain.frozen.id, product_sku=chain.product.sku, boxes=1, box=kg(1), expires_on=at.date(), at=at
        )
    with pytest.raises(Conflict, match="只剩 49 千克，不够 50 千克"):
        processing.pack_lot(
            session, SYSTEM, lot_id=chain.frozen.id, product_sku=chain.product.sku, boxes=50, box=kg(1), expires_on=None, at=at
        )


def test_expired_material_is_not_processed(session: Session, at: datetime) -> None:
    lot = make_lot(session)
    lot.expires_on = at.date() - timedelta(days=1)
    session.flush()
    with pytest.raises(Conflict, match="已过保质期"):
        transforming.begin(session, SYSTEM, [(lot.id, kg(1))], at)


def test_boxes_are_not_used_up_behind_the_back_of_the_shelf(session: Session, at: datetime) -> None:
    lot = make_pack_lot(session, boxes=1)
    with pytest.raises(Invalid, match="装好盒的批次不能再加工"):
        mixing.mix_lots(session, SYSTEM, inputs=[(lot.id, lot.left)], material="混", at=at)


def test_nothing_keeps_longer_for_being_packed(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1)
    pack = {"lot_id": chain.frozen.id, "product_sku": chain.product.sku, "boxes": 1, "box": kg(1), "at": at}
    year = date(2026, 11, 22) + timedelta(days=365)
    assert processing.pack_lot(session, SYSTEM, expires_on=year, **pack).expires_on == year  # type: ignore[arg-type]
    with pytest.raises(Invalid, match=f"最晚是 {year}"):
        processing.pack_lot(session, SYSTEM, expires_on=year + timedelta(days=1), **pack)  # type: ignore[arg-type]
    chain.frozen.expires_on = date(2026, 12, 1)
    session.flush()
    assert processing.pack_lot(session, SYSTEM, expires_on=None, **pack).expires_on == date(2026, 12, 1)  # type: ignore[arg-type]


def test_a_box_is_not_measured_in_another_unit_than_its_product(session: Session, at: datetime) -> None:
    """A hundredth of a sheep in each box would make a flock of one."""
    chain = make_chain(session, boxes=1)
    sheep = make_lot(session, Quantity(Decimal(1), Unit.HEAD), household=chain.households[0], material="滩羊（活羊）")
    with pytest.raises(Invalid, match="每盒应装 1 千克"):
        processing.pack_lot(
            session, SYSTEM, lot_id=sheep.id, product_sku=chain.product.sku, boxes=100, box=Quantity(Decimal("0.01"), Unit.HEAD),
            expires_on=None, at=at,
        )  # fmt: skip


def test_no_outputs_is_no_step(session: Session, at: datetime) -> None:
    lot = make_lot(session)
    with pytest.raises(Invalid):
        processing.process_lot(session, SYSTEM, step=Step.DRYING, inputs=[(lot.id, kg(1))], outputs=[], place_id=None, at=at)
    assert session.get_one(Lot, lot.id).used == 0
