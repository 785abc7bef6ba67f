"""A history to trace in: families of households, lots, boxes and events, seeded; and a lot that a whole city bought. Made by the database.

Rows are those our acts would write, but made in bulk with triggers and foreign keys off. A family is six households whose deliveries are
mixed, slaughtered and packed into five boxes: nine lots, eight edges, twenty events.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, create_engine, text

from shop.config import Config

FAMILY = 20  # events
BOXES = 5
SMALL, MIDDLING, LARGE, FULL = 10_000, 100_000, 1_000_000, 10_000_000
LINES, FULL_LINES = 100_000, 1_000_000
GENEALOGY = 10_000  # lots
GTIN = "09520123456788"
ROOT = "LOT-BENCH-ROOT"
COOPERATIVE = "md5('cooperative')::uuid"
PACKS = 100  # pack lots the order lines are from
CASE = 20  # boxes in a case, cases on a pallet

_PARTIES = f"""
INSERT INTO parties_organization (id, code, name, name_en, kind, address, contact_phone, licence_note, is_demo, created_at)
VALUES ({COOPERATIVE}, 'PTY-BENCH', '示例合作社', '', 'cooperative', '', '', '', true, now());
INSERT INTO parties_household (id, cooperative_id, member_no, head_name, pinyin_initials, county_code, town, village, capacity, is_demo,
  created_at)
SELECT md5('household' || n)::uuid, {COOPERATIVE}, n, '示例' || n, 'sl', '640323', '', '', '{{}}', true, now()
FROM generate_series(1, :households) n;
"""
_LOT = """
INSERT INTO lots_lot (id, code, kind, material, organization_id, county_code, unit, made, used, lost, dispatched, produced_on, custody,
  certifiable, recall_state, created_at)
"""
_LOTS = f"""{_LOT}
SELECT md5('lot' || f || '.' || k)::uuid, 'LOT-' || f || '-' || k,
  CASE WHEN k <= 6 THEN 'delivery' WHEN k = 7 THEN 'bulk' WHEN k = 8 THEN 'processed' ELSE 'pack' END, '滩羊', {COOPERATIVE}, '640323',
  'kg', 100, 0, 0, 0, '2026-11-01', 'segregated', true, 'none',
  timestamptz '2026-11-01' + f * interval '1 second' + k * interval '1 millisecond'
FROM generate_series(1, :families) f, generate_series(1, 9) k;
INSERT INTO lots_lot_edge (id, from_lot_id, to_lot_id, quantity, unit, event_id)
SELECT md5('edge' || f || '.' || k)::uuid, md5('lot' || f || '.' || k)::uuid, md5('lot' || f || '.' || greatest(k + 1, 7))::uuid, 100, 'kg',
  md5('event' || f || '.7')::uuid FROM generate_series(1, :families) f, generate_series(1, 8) k;
INSERT INTO lots_lot_share (lot_id, household_id, share)
SELECT md5('lot' || f || '.' || k)::uuid, md5('household' || (f * 6 + h) % :households + 1)::uuid, CASE WHEN k <= 6 THEN 1 ELSE 1 / 6.0 END
FROM generate_series(1, :families) f, generate_series(1, 9) k, generate_series(1, 6) h WHERE k > 6 OR k = h;
INSERT INTO lots_trade_item (id, serial, gtin, lot_id, state)
SELECT md5('item' || f || '.' || k)::uuid, 'S' || f || '.' || k, '{GTIN}', md5('lot' || f || '.9')::uuid, 'activated'
FROM generate_series(1, :families) f, generate_series(1, {BOXES}) k;
"""
_EVENTS = f"""
INSERT INTO events_trace_event (id, event_uri, is_declaration, event_type, action, event_time, time_zone_offset, record_time, biz_step,
  organization_id, origin, actor, lot_code, body, event_hash)
SELECT md5('event' || f || '.' || k)::uuid, 'urn:bench:' || f || '.' || k, false, 'ObjectEvent', 'OBSERVE',
  timestamptz '2026-11-01' + f * interval '1 second' + k * interval '1 millisecond', '+08:00', timestamptz '2026-11-02', 'shipping',
  {COOPERATIVE}, 'own', 'bench', 'LOT-' || f || '-9',
  jsonb_build_object('type', 'ObjectEvent', 'action', 'OBSERVE', 'bizStep', 'shipping', 'epcList',
    jsonb_build_array('https://id.gs1.org/01/{GTIN}/21/S' || f || '.' || k % {BOXES} + 1)), md5('hash' || f || '.' || k)
FROM generate_series(1, :families) f, generate_series(1, {FAMILY}) k;
INSERT INTO events_event_epc (id, event_id, role, epc, event_time, organization_id)
SELECT md5('epc' || f || '.' || k)::uuid, md5('event' || f || '.' || k)::uuid, 'epc',
  'https://id.gs1.org/01/{GTIN}/21/S' || f || '.' || k % {BOXES} + 1,
  timestamptz '2026-11-01' + f * interval '1 second' + k * interval '1 millisecond', {COOPERATIVE}
FROM generate_series(1, :families) f, generate_series(1, {FAMILY}) k;
"""
HISTORY = _PARTIES + _EVENTS + _LOTS
# Every lot goes into two, so that the way down splits and the way up comes together again.
_GENEALOGY = f"""{_LOT}
SELECT md5('node' || n)::uuid, 'NODE-' || n, 'bulk', '滩羊', {COOPERATIVE}, '640323', 'kg', 100, 0, 0, 0, '2026-11-01', 'segregated',
  true, 'none', timestamptz '2026-11-01' + n * interval '1 second' FROM generate_series(1, {GENEALOGY}) n;
INSERT INTO lots_lot_edge (id, from_lot_id, to_lot_id, quantity, unit, event_id)
SELECT md5('way' || n || '.' || k)::uuid, md5('node' || (n + k) / 2)::uuid, md5('node' || n)::uuid, 1, 'kg', md5('event1.7')::uuid
FROM generate_series(2, {GENEALOGY}) n, generate_series(0, 1) k WHERE (n + k) / 2 < n AND (k = 0 OR (n + 1) / 2 <> n / 2);
"""
_SALES = f"""
INSERT INTO products_product (id, sku, name, name_en, aliases, category, materials, county_code, cooperative_id, seller_id,
  pack_amount, pack_unit, net_content, gross_grams, shelf_life_days, storage, temperature, needs, season_months, season_note, picture,
  vat_class, return_class, state, description, description_en, search, is_demo, created_at)
VALUES (md5('product')::uuid, 'BENCH', '滩羊肉', '', '', '肉类', '["滩羊肉"]', '640323', {COOPERATIVE}, {COOPERATIVE}, 1, 'kg', '1kg/盒',
  1000, 365, '', 'frozen', '[]', '[]', '', '', '', 'fresh_no_return', 'on_sale', '', '', '', true, now());
{_LOT}
SELECT md5('root')::uuid, '{ROOT}', 'processed', '滩羊胴体', {COOPERATIVE}, '640323', 'kg', 100, 0, 0, 0, '2026-11-01', 'segregated',
  true, 'none', now();
{_LOT}
SELECT md5('pack' || n)::uuid, 'LOT-PACK-' || n, 'pack', '滩羊', {COOPERATIVE}, '640323', 'box', 100000, 0, 0, 0, '2026-11-01',
  'segregated', true, 'none', now() FROM generate_series(0, {PACKS - 1}) n;
INSERT INTO lots_lot_edge (id, from_lot_id, to_lot_id, quantity, unit, event_id)
SELECT md5('cut' || n)::uuid, md5('root')::uuid, md5('pack' || n)::uuid, 1, 'kg', md5('event')::uuid FROM generate_series(0, {PACKS - 1}) n;
INSERT INTO lots_lot_share (lot_id, household_id, share) SELECT md5('root')::uuid, md5('household' || n)::uuid, 1 / 6.0
FROM generate_series(1, 6) n;
INSERT INTO stock_lot (id, lot_id, product_id, place_id, on_hand, held, allocated, dispatched, received_at)
SELECT md5('stock' || n)::uuid, md5('pack' || n)::uuid, md5('product')::uuid, md5('place')::uuid, 50, 0, 0, 100000, now()
FROM generate_series(0, {PACKS - 1}) n;
INSERT INTO orders_order (id, code, kind, purpose, state, buyer_person_id, buyer_organization_id, address, province_code, items_fen,
  freight_fen, total_fen, paid_fen, refunded_fen, on_terms, checkout_key, reference, placed_at)
SELECT md5('order' || n)::uuid, 'ORD-' || n, CASE WHEN n % 20 = 0 THEN 'organization' ELSE 'consumer' END, 'personal', 'delivered',
  md5('person' || n % (:lines / 4 + 1))::uuid, CASE WHEN n % 20 = 0 THEN md5('buyer' || n % 400)::uuid END, '{{}}', '310000', 100, 0, 100,
  100, 0, false, 'bench-' || n, '', now() FROM generate_series(1, :lines / 2) n;
INSERT INTO stock_allocation (id, order_code, line_code, stock_lot_id, quantity, dispatched, allocated_at)
SELECT md5('line' || n)::uuid, 'ORD-' || (n + 1) / 2, 'ORD-' || (n + 1) / 2 || '-' || n % 2, md5('stock' || n % {PACKS})::uuid, 1,
  1, now() FROM generate_series(1, :lines) n;
INSERT INTO shipments_shipment (id, code, order_code, seller_id, from_place_id, temperature, state, recipient_name, recipient_phone,
  province_code, city, county_code, street, opened_at)
SELECT md5('ship' || n)::uuid, 'SHP-' || n, 'ORD-' || n, {COOPERATIVE}, md5('place')::uuid, 'frozen', 'dispatched', '', '', '310000', '',
  '', '', now() FROM generate_series(1, :lines / 2) n;
INSERT INTO shipments_packing_task (id, shipment_id, line_code, product_id, lot_id, quantity)
SELECT md5('task' || n)::uuid, md5('ship' || (n + 1) / 2)::uuid, 'ORD-' || (n + 1) / 2 || '-' || n % 2, md5('product')::uuid,
  md5('pack' || n % {PACKS})::uuid, 1 FROM generate_series(1, :lines) n;
INSERT INTO lots_trade_item (id, serial, gtin, lot_id, state)
SELECT md5('box' || n)::uuid, 'B' || n, '{GTIN}', md5('pack' || n % {PACKS})::uuid, 'sold' FROM generate_series(1, :lines) n;
INSERT INTO pallets_container (id, code, kind, organization_id, place_id, closed_by, closed_at, left_at)
SELECT md5(kind || n)::uuid, 'CTN-' || kind || n, kind, {COOPERATIVE}, md5('place')::uuid, 'bench', now(), now()
FROM (VALUES ('case', :lines / {CASE}), ('pallet', :lines / {CASE * CASE})) AS t (kind, many), generate_series(1, many) n;
INSERT INTO pallets_content (id, parent_id, item_id)
SELECT md5('in' || n)::uuid, md5('case' || (n - 1) / {CASE} + 1)::uuid, md5('box' || n)::uuid FROM generate_series(1, :lines) n;
INSERT INTO pallets_content (id, parent_id, container_id)
SELECT md5('on' || n)::uuid, md5('pallet' || (n - 1) / {CASE} + 1)::uuid, md5('case' || n)::uuid FROM generate_series(1, :lines / {CASE}) n;
"""


def name_of(events: int) -> str:
    """The database of a history of so many events."""
    return f"trace{events}"


def sales_name_of(lines: int) -> str:
    """The database of a lot with so many order lines."""
    return f"sales{lines}"


def build_history(config: Config, events: int) -> None:
    """Families until there are so many events, and a genealogy of GENEALOGY lots that is the same in every size."""
    _run(config, HISTORY + _GENEALOGY, families=events // FAMILY, households=max(events // 100, 100))


def build_sales(config: Config, lines: int) -> None:
    """One lot, packed into PACKS lots, sold in so many order lines, two an order."""
    _run(config, _PARTIES + _SALES, lines=lines, households=100)


def _run(config: Config, script: str, **numbers: int) -> None:
    engine = create_engine(config.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("SET maintenance_work_mem = '512MB'"))
        indexes = connection.execute(_INDEXES, {"tables": list(set(re.findall(r"INSERT INTO (\w+)", script)))}).all()
        for name, _ in indexes:
            connection.exec_driver_sql(f"DROP INDEX {name}")
        fill(connection, script, **numbers)
        for _, made_by in indexes:  # once over all rows costs a fifth of row by row
            connection.exec_driver_sql(made_by.replace("%", "%%"))
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


_INDEXES = text("""
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(:tables)
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexname::regclass)
""")


def fill(connection: Connection, script: str, **numbers: int) -> None:
    """Run the statements. The numbers stand in the text: as parameters the planner would not know how many rows come."""
    for name, number in numbers.items():
        script = script.replace(f":{name}", str(number))
    for statement in filter(None, map(str.strip, script.split(";"))):
        connection.exec_driver_sql(statement.replace("%", "%%"))
