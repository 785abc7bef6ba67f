"""Nothing personal is in what the log publishes, after real acts: harvest, mixing, packing, dispatch in cartons, and an erasing.

The search takes every name, phone, address, serial, SSCC, order, lot, token, hash and key from the database itself and looks for it in
every tile, bundle and checkpoint and in the log's public JSON and page. That the search can find is shown by what it must find.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from catalog.parties.models import SYSTEM
from kernel.db import work
from kernel.gs1 import make_gln
from logistics.shipments.packing import close_shipment
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.catalog import AT, make_household, make_organization
from tests.factories.logistics import ADDRESS, fill_shipment, make_hub, make_packer, make_shipment, make_stock
from tests.factories.lots import SHEEP, heads, kg, make_delivery
from tests.traceability.ledger.running import RunningLog
from traceability.ledger.canonical import decode_entry
from traceability.ledger.erasing import erase_subject
from traceability.lots import mixing

SOLE = "1234.567"  # kilograms of one household: a number that stands nowhere else
TYPED = "王示例甲家的苹果"  # a clerk types a name where a material belongs
SECRETS = {
    "households": "SELECT head_name FROM parties_household UNION SELECT village FROM parties_household UNION SELECT town FROM parties_household",
    "household keys": "SELECT id::text FROM parties_household",
    "household tokens": "SELECT household_token::text FROM lots_household_delivery",
    "people": "SELECT name FROM parties_person UNION SELECT phone FROM parties_person WHERE phone IS NOT NULL",
    "places": "SELECT gln FROM parties_place WHERE gln IS NOT NULL UNION SELECT name FROM parties_place",
    "lots": "SELECT code FROM lots_lot",
    "serials": "SELECT serial FROM lots_trade_item",
    "cartons": "SELECT sscc FROM shipments_parcel WHERE sscc IS NOT NULL",
    "shipments": "SELECT code FROM shipments_shipment UNION SELECT order_code FROM shipments_shipment",
    "event hashes": "SELECT event_hash FROM events_trace_event",
    "bodies": "SELECT encode(sha256(body::text::bytea), 'hex') FROM events_trace_event",
    "quantities of one household": f"SELECT '{SOLE}'",
    "what somebody typed": f"SELECT '{TYPED}'",
    "ear tags": "SELECT tag FROM lots_ear_tag",
}
ALLOWED = {
    "event_type",
    "action",
    "biz_step",
    "county",
    "organization",
    "product_class",
    "origin",
    "material",
    "step",
    "outputs",
    "quantity",
    "taken",
}


@pytest.fixture
def told(log: RunningLog, database: str, tmp_path: Path) -> RunningLog:
    """A published log of real acts."""
    (tmp_path / "public").rename(tmp_path / "log")
    log.directory = tmp_path / "log"
    with work() as session:
        cooperative = make_organization(session)
        make_delivery(session, quantity=heads(3), material=SHEEP)
        households = [make_household(session, cooperative, head_name=f"王示例{name}", village="石羊墩村") for name in "甲乙丙"]
        lots = [make_delivery(session, household, kg(SOLE if n == 0 else 50)).lot_id for n, household in enumerate(households)]
        mixing.mix_lots(session, SYSTEM, inputs=[(lot, kg(20)) for lot in lots[1:] if lot], material=TYPED, at=AT)
        hub = make_hub(session, gln=str(make_gln("952", 4712)))
        stock = make_stock(session, place=hub)
        shipment = make_shipment(session, stock, 2)
        fill_shipment(session, shipment, stock)
        close_shipment(session, make_packer(session, hub), shipment.code, AT)
        erase_subject(session, households[1].id, AT)
    log.sequence()
    log.publish()
    return log


def list_secrets() -> dict[str, list[bytes]]:
    """Every value that must not be found, long enough not to turn up by chance."""
    with work() as session:
        found = {what: [str(value).encode() for value in session.scalars(text(query)) if value] for what, query in SECRETS.items()}
    found["buyers"] = [part.encode() for part in (ADDRESS.recipient, ADDRESS.phone, ADDRESS.street)]
    return {what: [value for value in values if len(value) > 5] for what, values in found.items()}


def published(log: RunningLog, client: FlaskClient) -> bytes:
    """All that a stranger can read."""
    files = [path.read_bytes() for path in log.directory.rglob("*") if path.is_file()]
    with work() as session:
        events = session.scalars(text("SELECT event_id FROM ledger_leaf")).all()
    pages = [client.get("/log/").data]
    for event in events:
        pages += [client.get(f"/log/state/{event}").data, client.get(f"/log/proof/{event}").data]
    return b"\n".join([*files, *pages])


def test_a_search_of_all_that_is_published_finds_nothing_personal(told: RunningLog, database: str, tmp_path: Path) -> None:
    client = create_app(make_config(tmp_path, database), connect=False, testing=True).test_client()
    everything = published(told, client)
    assert b"640323" in everything  # the county is there, so the search looks at the right thing
    for what, values in list_secrets().items():
        assert values, what
        assert [value.decode() for value in values if value in everything] == [], what


def test_the_open_part_of_an_entry_has_these_fields_and_no_other(told: RunningLog) -> None:
    """A field that is new here must be judged against point 7 first: it is for everybody for ever."""
    with work() as session:
        entries = [decode_entry(body) for body in session.scalars(text("SELECT body FROM ledger_entry ORDER BY event_id"))]
        shares = dict(session.execute(text("SELECT lot_id, count(*) FROM lots_lot_share GROUP BY lot_id")).all())
    assert len(entries) > 10
    assert 1 in shares.values()
    for entry in entries:
        allowed = {"events", "reason"} if entry.kind == "ledger.erased" else ALLOWED
        assert set(entry.public) <= allowed, entry
        assert len(str(entry.public.get("county", "640323"))) == 6
    assert any("quantity" in entry.public or "taken" in entry.public for entry in entries if entry.kind == "event")
    assert any("quantity" in entry.commitments for entry in entries)
