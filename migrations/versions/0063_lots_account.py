"""The books of each site: what came of every lot and what left, by event time. What was done before is entered from edges, shelves and events.

What was lost of a lot that never lay on a shelf is one line, on the day of its last loss; what was declared wrong, as of its delivery.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0063'
down_revision = '0062'
branch_labels = None
depends_on = None

UNITS = ('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle')
FLOWS = ('delivered', 'made', 'arrived', 'used', 'lost', 'dispatched', 'moved', 'corrected')

# When a lot came to be: when it was brought, else when the step was done that made it.
BEGUN = """
CREATE TEMP TABLE begun ON COMMIT DROP AS
SELECT l.id AS lot_id, l.kind = 'delivery' AS brought, coalesce(min(d.delivered_at), min(e.event_time), l.created_at) AS since,
  bool_or(coalesce(d.slip_state = 'corrected', false)) AS wrong
FROM lots_lot l LEFT JOIN lots_household_delivery d ON d.lot_id = l.id
LEFT JOIN lots_lot_edge g ON g.to_lot_id = l.id LEFT JOIN events_trace_event e ON e.id = g.event_id
GROUP BY l.id
"""
# Where what happened: a line has the lot, the place (NULL: none named), the flow, the signed quantity and the moment.
LINES = """
CREATE TEMP TABLE lines ON COMMIT DROP AS
SELECT l.id AS lot_id, l.place_id, CASE WHEN b.brought THEN 'delivered' ELSE 'made' END AS flow, l.made AS quantity, b.since AS at
FROM lots_lot l JOIN begun b ON b.lot_id = l.id
UNION ALL
SELECT l.id, l.place_id, 'used', -u.quantity, greatest(u.event_time, b.since)
FROM (SELECT DISTINCT g.from_lot_id, g.event_id, g.quantity, e.event_time FROM lots_lot_edge g JOIN events_trace_event e ON e.id = g.event_id) u
JOIN lots_lot l ON l.id = u.from_lot_id AND l.kind <> 'pack' JOIN begun b ON b.lot_id = l.id
UNION ALL
SELECT l.id, l.place_id, CASE WHEN b.wrong THEN 'corrected' ELSE 'lost' END, -l.lost, CASE WHEN b.wrong THEN b.since ELSE greatest(b.since, (
  SELECT max(e.event_time) FROM events_trace_event e WHERE e.lot_code = l.code AND e.biz_step IN ('destroying', 'sampling'))) END
FROM lots_lot l JOIN begun b ON b.lot_id = l.id WHERE l.kind <> 'pack' AND l.lost > 0
UNION ALL
SELECT l.id, s.place_id, CASE m.kind WHEN 'received' THEN 'arrived' WHEN 'discarded' THEN 'lost' WHEN 'opened' THEN 'used' ELSE m.kind END,
  m.quantity, greatest(m.at, b.since)
FROM stock_move m JOIN stock_lot s ON s.id = m.stock_lot_id JOIN lots_lot l ON l.id = s.lot_id JOIN begun b ON b.lot_id = l.id
WHERE m.kind <> 'received' OR s.place_id IS DISTINCT FROM l.place_id
UNION ALL
SELECT l.id, l.place_id, 'moved', -m.quantity, greatest(m.at, b.since)
FROM stock_move m JOIN stock_lot s ON s.id = m.stock_lot_id JOIN lots_lot l ON l.id = s.lot_id JOIN begun b ON b.lot_id = l.id
WHERE m.kind = 'received' AND s.place_id IS DISTINCT FROM l.place_id
"""
# What left a pack lot that no shelf has counted out.
REST = """
INSERT INTO lines SELECT l.id, l.place_id, o.flow, -o.rest, greatest(b.since, l.created_at)
FROM lots_lot l JOIN begun b ON b.lot_id = l.id CROSS JOIN LATERAL (
  SELECT c.flow, c.gone + coalesce((SELECT sum(n.quantity) FROM lines n WHERE n.lot_id = l.id AND n.flow = c.flow), 0) AS rest
  FROM (VALUES ('used', l.used), ('lost', l.lost), ('dispatched', l.dispatched)) AS c (flow, gone)) o
WHERE l.kind = 'pack' AND o.rest > 0
"""
ACCOUNTS = """
INSERT INTO lots_site_account (id, organization_id, place_id, county_code, material, unit)
SELECT gen_random_uuid(), k.* FROM (
  SELECT DISTINCT l.organization_id, n.place_id, l.county_code, l.material, l.unit FROM lines n JOIN lots_lot l ON l.id = n.lot_id) k
"""
MOVES = """
INSERT INTO lots_lot_move (id, account_id, lot_id, flow, quantity, happened_at)
SELECT gen_random_uuid(), a.id, l.id, n.flow, n.quantity, n.at FROM lines n JOIN lots_lot l ON l.id = n.lot_id
JOIN lots_site_account a ON (a.organization_id, a.county_code, a.material, a.unit) = (l.organization_id, l.county_code, l.material, l.unit)
  AND a.place_id IS NOT DISTINCT FROM n.place_id
"""
STANDINGS = """
INSERT INTO lots_site_lot (lot_id, account_id, came, gone, since, first_gone_at, last_at)
SELECT lot_id, account_id, sum(quantity) FILTER (WHERE quantity > 0), coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0),
  min(happened_at) FILTER (WHERE quantity > 0), min(happened_at) FILTER (WHERE quantity < 0), max(happened_at)
FROM lots_lot_move GROUP BY 1, 2
"""


def upgrade() -> None:
    op.create_table('lots_site_account',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('unit', sa.Enum(*UNITS, name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_lots_site_account_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_lots_site_account_place_id_parties_place')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_site_account')),
    sa.UniqueConstraint('organization_id', 'place_id', 'county_code', 'material', 'unit', name='uq_lots_site_account_key', postgresql_nulls_not_distinct=True)
    )
    op.create_index('ix_lots_site_account_organization', 'lots_site_account', ['organization_id', 'material', 'id'], unique=False)
    op.create_index('ix_lots_site_account_place', 'lots_site_account', ['place_id', 'material', 'id'], unique=False)
    op.create_index('ix_lots_site_account_county', 'lots_site_account', ['county_code', 'material', 'id'], unique=False)
    op.create_index('ix_lots_site_account_material', 'lots_site_account', ['material', 'id'], unique=False)
    op.create_table('lots_site_lot',
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('came', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('gone', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('first_gone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('came > 0 AND gone >= 0', name=op.f('ck_lots_site_lot_amounts')),
    sa.CheckConstraint('came - gone >= 0', name=op.f('ck_lots_site_lot_balance')),
    sa.CheckConstraint('first_gone_at >= since AND last_at >= since', name=op.f('ck_lots_site_lot_order')),
    sa.ForeignKeyConstraint(['account_id'], ['lots_site_account.id'], name=op.f('fk_lots_site_lot_account_id_lots_site_account')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_site_lot_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('lot_id', 'account_id', name=op.f('pk_lots_site_lot'))
    )
    op.create_index(op.f('ix_lots_site_lot_account_id'), 'lots_site_lot', ['account_id'], unique=False)
    op.create_table('lots_lot_move',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('flow', sa.Enum(*FLOWS, name='flow', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("quantity <> 0 AND (quantity > 0) = (flow IN ('delivered', 'made', 'arrived'))", name=op.f('ck_lots_lot_move_sign')),
    sa.ForeignKeyConstraint(['account_id'], ['lots_site_account.id'], name=op.f('fk_lots_lot_move_account_id_lots_site_account')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_lot_move_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_lot_move'))
    )
    op.create_index('ix_lots_lot_move_account', 'lots_lot_move', ['account_id', 'happened_at', 'id'], unique=False)
    op.create_index(op.f('ix_lots_lot_move_lot_id'), 'lots_lot_move', ['lot_id'], unique=False)
    for statement in (BEGUN, LINES, REST, ACCOUNTS, MOVES, STANDINGS):
        op.execute(statement)
    op.execute('CREATE TRIGGER lots_lot_move_append_only BEFORE UPDATE OR DELETE ON lots_lot_move FOR EACH ROW EXECUTE FUNCTION refuse_change()')


def downgrade() -> None:
    op.drop_table('lots_lot_move')
    op.drop_table('lots_site_lot')
    op.drop_table('lots_site_account')
