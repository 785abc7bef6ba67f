"""The balance of a site for a month: the worked number of docs/lots.md, who reads it, its page, its lots, its files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text, true
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Place, Role
from kernel.errors import Invalid
from kernel.quantity import Quantity, Unit
from logistics.stock.receiving import open_boxes, receive_pack_lot
from tests.architecture.test_schema import load
from tests.factories.catalog import AT, act_as, make_actor, make_household, make_organization, make_place, make_product
from tests.factories.lots import APPLES, activate, kg, make_chain, make_delivery
from traceability.lots import balancing, reporting
from traceability.lots.correcting import correct_delivery
from traceability.lots.mixing import mix_lots
from traceability.lots.models import Lot, SiteAccount
from traceability.lots.processing import pack_lot
from traceability.lots.queries import list_items
from traceability.lots.reporting import Span, list_balances
from traceability.lots.states import Flow

OCTOBER, NOVEMBER, SEASON = Span.parse("2026-10"), Span.parse("2026-11"), Span.parse("2026")
PICKED = datetime(2026, 10, 20, 2, 0, tzinfo=UTC)


@dataclass
class Orchard:
    cooperative: Organization
    hub: Place
    whole: Lot
    pack: Lot


@pytest.fixture
def orchard(session: Session) -> Orchard:
    """Three households' 3,000 kg, 60 kg of it rotten on the last day of October (typed in November), 500 boxes, 300 of them at a hub."""
    cooperative = make_organization(session, at=PICKED)
    product = make_product(session, cooperative, at=PICKED, needs=[], materials=[APPLES], pack_amount=Decimal(5), pack_unit=Unit.KG)
    brought = [
        make_delivery(session, make_household(session, cooperative, at=PICKED), kg(amount), at=PICKED)
        for amount in (1200, 800, 1000)
    ]
    inputs = [(delivery.lot_id, kg(delivery.quantity)) for delivery in brought]
    whole = mix_lots(session, SYSTEM, inputs=inputs, material=APPLES, at=PICKED + timedelta(hours=6))
    seen = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)
    typed = seen + timedelta(days=2)
    balancing.record_loss(session, SYSTEM, lot_id=whole.id, quantity=kg(60), reason="腐烂", happened_at=seen, at=typed)
    packed = typed + timedelta(days=3)
    box = Quantity(Decimal(5), Unit.KG)
    pack = pack_lot(session, SYSTEM, lot_id=whole.id, product_sku=product.sku, boxes=500, box=box, expires_on=None, at=packed)
    serials = [item.serial for item in activate(session, pack, at=packed)]
    hub = make_place(session, make_organization(session, OrganizationKind.HUB), name="示例仓配中心")
    receive_pack_lot(session, SYSTEM, pack.id, hub.id, 300, packed + timedelta(days=1))
    balancing.dispatch_items(session, pack.id, serials[:120], packed + timedelta(days=2), place_id=hub.id)
    return Orchard(cooperative, hub, whole, pack)


def figures(session: Session, span: Span, **chosen: Any) -> dict[tuple[str, str | None], tuple[int, dict[str, int], int]]:
    return {
        (row.material, row.place): (
            int(row.opening),
            {flow.value: int(amount) for flow, amount in row.flows.items() if amount},
            int(row.closing),
        )
        for row in list_balances(session, true(), span, **chosen)
    }


def books(session: Session) -> set[tuple[str, str | None, str, tuple[tuple[str, int], ...], int]]:
    """All of the season, account by account: the boxes and what was in those that were opened have one name."""
    return {
        (
            row.material,
            row.place,
            row.unit.value,
            tuple(sorted((flow.value, int(n)) for flow, n in row.flows.items() if n)),
            int(row.closing),
        )
        for row in list_balances(session, true(), SEASON)
    }


def test_the_worked_number(session: Session, orchard: Orchard) -> None:
    boxes = orchard.pack.material
    assert figures(session, OCTOBER) == {
        (APPLES, None): (0, {"delivered": 3000, "made": 3000, "used": -3000, "lost": -60}, 2940),
    }
    assert figures(session, NOVEMBER) == {
        (APPLES, None): (2940, {"used": -2500}, 440),
        (boxes, None): (0, {"made": 500, "moved": -300}, 200),
        (boxes, "示例仓配中心"): (0, {"arrived": 300, "dispatched": -120}, 180),
    }
    assert figures(session, SEASON)[(APPLES, None)] == (0, {"delivered": 3000, "made": 3000, "used": -5500, "lost": -60}, 440)
    assert figures(session, Span.parse("2025")) == {}
    assert figures(session, Span.parse("2026-12"))[(boxes, "示例仓配中心")] == (180, {}, 180), "nothing moved, it still lies there"


def test_filters_and_pages(session: Session, orchard: Orchard) -> None:
    boxes = orchard.pack.material
    assert set(figures(session, NOVEMBER, site=orchard.hub.id)) == {(boxes, "示例仓配中心")}
    assert set(figures(session, NOVEMBER, site=orchard.cooperative.id)) == {(APPLES, None), (boxes, None)}
    assert set(figures(session, NOVEMBER, material=APPLES)) == {(APPLES, None)}
    whole = list_balances(session, true(), NOVEMBER)
    paged = []
    while rows := list_balances(session, true(), NOVEMBER, after=paged[-1].account_id if paged else None, limit=1):
        paged += rows
    assert paged == whole
    assert len(paged) == 3


def test_each_figure_opens_to_its_lots(session: Session, orchard: Orchard) -> None:
    (apples,) = list_balances(session, true(), OCTOBER)
    delivered = reporting.list_lines(session, apples.account_id, OCTOBER, flows=[Flow.DELIVERED])
    assert sorted(int(line.quantity) for line in delivered) == [800, 1000, 1200]
    first = reporting.list_lines(session, apples.account_id, OCTOBER, limit=5)
    rest = reporting.list_lines(session, apples.account_id, OCTOBER, after=first[-1].key)
    assert sum(line.quantity for line in [*first, *rest]) == apples.closing
    (standing,) = reporting.list_standing(session, apples.account_id, NOVEMBER.end)
    assert (standing.lot_code, standing.quantity) == (orchard.whole.code, 440)
    assert reporting.list_standing(session, apples.account_id, OCTOBER.start) == []


@pytest.mark.parametrize("period", ["2026-13", "26", "2026-1", "二〇二六", "", "2026-11-01"])
def test_a_period_is_a_month_or_a_season(period: str) -> None:
    with pytest.raises(Invalid):
        Span.parse(period)


def test_periods_are_of_china() -> None:
    assert OCTOBER.end == NOVEMBER.start == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert Span.parse("2026-12").end == SEASON.end
    spans = reporting.list_recent_spans(datetime(2026, 12, 31, 17, 0, tzinfo=UTC), months=3)
    assert spans == ["2027", "2026", "2027-01", "2026-12", "2026-11"], "new year in China"


def test_who_reads_what(
    app: Flask, client: FlaskClient, session: Session, orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own lots wherever they lie, whatever lies at one's own place, the county's; a neighbour sees nothing, and with the scope off all."""
    hub = session.get_one(Organization, orchard.hub.organization_id)
    neighbour = make_actor(session, Role.clerk, make_organization(session))
    (apples,) = list_balances(session, true(), NOVEMBER, material=APPLES)
    seen = [
        (make_actor(session, Role.clerk, orchard.cooperative), 200, True, True),
        (make_actor(session, Role.packer, hub), 404, False, True),
        (make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE)), 200, True, True),
        (make_actor(session, Role.operator), 200, True, True),
        (make_actor(session, Role.auditor), 200, True, True),
        (neighbour, 404, False, False),
    ]
    for actor, status, own, shelf in seen:
        act_as(app, actor)
        page = client.get("/lots/balances?period=2026-11").get_data(as_text=True)
        assert ("2940" in page, "示例仓配中心" in page) == (own, shelf), actor.roles
        assert client.get(f"/lots/balances/{apples.account_id}?period=2026-11").status_code == status
    act_as(app, make_actor(session, Role.consumer))
    assert client.get("/lots/balances").status_code == 403
    act_as(app, neighbour)
    monkeypatch.setattr(reporting, "scope_of", lambda session, actor: true())
    assert "2940" in client.get("/lots/balances?period=2026-11").get_data(as_text=True)


def test_the_pages(app: Flask, client: FlaskClient, session: Session, orchard: Orchard, count_queries: Any) -> None:
    act_as(app, make_actor(session, Role.clerk, orchard.cooperative))
    with count_queries() as few:
        page = client.get("/lots/balances?period=2026-11").get_data(as_text=True)
    assert "−2500" in page
    assert "更正" not in page, "a column nobody needs"
    (apples,) = list_balances(session, true(), NOVEMBER, material=APPLES)
    lots = client.get(f"/lots/balances/{apples.account_id}?period=2026-11&figure=closing").get_data(as_text=True)
    assert f"/lots/{orchard.whole.code}" in lots
    assert "440" in lots
    assert client.get(f"/lots/balances/{apples.account_id}?period=2026-11&figure=nonsense").status_code == 200
    assert "这段时间没有货" in client.get("/lots/balances?period=2024-01").get_data(as_text=True)
    assert client.get("/lots/balances?period=soon").status_code == 422
    make_chain(session)
    act_as(app, make_actor(session, Role.operator))
    with count_queries() as many:
        assert client.get("/lots/balances?period=2026-11").status_code == 200
    assert len(many) <= len(few), "as many questions for ten accounts as for three"


def test_the_files(app: Flask, client: FlaskClient, session: Session, orchard: Orchard) -> None:
    session.execute(text("UPDATE lots_site_account SET material = '=1+1' WHERE unit = 'box' AND place_id IS NULL"))
    act_as(app, make_actor(session, Role.clerk, orchard.cooperative))
    book = client.get("/lots/balances.xlsx?period=2026-11")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book.data)).get_sheet_by_index(0).to_python()
    apples = next(row for row in rows if row[0] == APPLES)
    assert (apples[5], apples[9], apples[-1]) == (2940, -2500, 440)
    lines = client.get("/lots/balances.csv?period=2026-11").data.decode("utf-8-sig").splitlines()
    assert len(lines) == len(rows) == 4
    assert any(line.startswith("'=1+1,") for line in lines), "no spreadsheet takes a name for a formula"
    assert client.get("/lots/balances.pdf?period=2026-11").status_code == 404


def test_what_was_done_before_there_were_books_is_entered(session: Session, orchard: Orchard) -> None:
    """Migration 0063 writes from edges, shelves and events what the acts themselves have written here."""
    opened = open_boxes(session, SYSTEM, receive_pack_lot(session, SYSTEM, orchard.pack.id, orchard.hub.id, 5, AT).id, [
        item.serial for item in list_items(session, orchard.pack.id, limit=500)[-2:]
    ], "标签印错", AT)  # fmt: skip
    wrong = make_delivery(session, make_household(session, orchard.cooperative, at=PICKED), kg(9), at=PICKED)
    correct_delivery(session, SYSTEM, wrong.id, reason="记错了", replacement=None, at=AT)
    written = books(session)
    assert {(opened.material, "示例仓配中心", unit) for unit in ("box", "kg")} <= {row[:3] for row in written}
    # Boxes leave by the floor above, which counts them; here they left by the act below it.
    session.execute(text("UPDATE stock_lot SET on_hand = on_hand - 120, dispatched = 120"))
    session.execute(
        text(
            "INSERT INTO stock_move (id, stock_lot_id, kind, quantity, reference, actor, at) "
            "SELECT gen_random_uuid(), id, 'dispatched', -120, '', '', :at FROM stock_lot"
        ),
        {"at": AT},
    )
    session.execute(text("ALTER TABLE lots_lot_move DISABLE TRIGGER lots_lot_move_append_only"))
    for table in ("lots_lot_move", "lots_site_lot", "lots_site_account"):
        session.execute(text(f"DELETE FROM {table}"))
    migration = load("0063")
    for statement in (
        migration.BEGUN, migration.LINES, migration.REST, migration.ACCOUNTS, migration.MOVES, migration.STANDINGS,
    ):  # fmt: skip
        session.execute(text(statement))
    assert books(session) == written


def test_accounts_are_sought_not_scanned(session: Session, orchard: Orchard) -> None:
    session.execute(text("SET LOCAL enable_seqscan = off"))
    query = "EXPLAIN SELECT sum(quantity) FROM lots_lot_move WHERE account_id = :a AND happened_at < now()"
    (apples,) = list_balances(session, SiteAccount.material == APPLES, NOVEMBER)
    assert "ix_lots_lot_move_account" in "\n".join(session.scalars(text(query), {"a": apples.account_id}))
