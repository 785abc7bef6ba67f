"""A certificate is carried by what was brought for it. Boxes that have one with other goods in them lose it, and may lose it without a tank.

What was poured into a tank of other goods and is not packed yet is for no product any more, so that it can be packed as one without.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0080'
down_revision = '0082'
branch_labels = None
depends_on = None

MIXED = """
WITH RECURSIVE made_of (pack_id, lot_id) AS (
  SELECT l.id, l.id FROM lots_lot l WHERE l.kind = 'pack'
  UNION SELECT m.pack_id, g.from_lot_id FROM made_of m JOIN lots_lot_edge g ON g.to_lot_id = m.lot_id)
UPDATE lots_lot SET certifiable = false WHERE id IN (
  SELECT m.pack_id FROM made_of m JOIN lots_lot p ON p.id = m.pack_id JOIN products_product mine ON mine.sku = p.product_sku
  JOIN lots_lot d ON d.id = m.lot_id AND d.kind = 'delivery' JOIN products_product other ON other.sku = d.product_sku
  JOIN unnest(ARRAY['organic', 'green_food', 'geographical_indication']) k ON mine.needs @> to_jsonb(k) AND NOT other.needs @> to_jsonb(k))
"""
STUCK = """
UPDATE lots_lot SET product_sku = NULL WHERE NOT certifiable AND kind <> 'pack' AND EXISTS (
  SELECT FROM products_product p JOIN unnest(ARRAY['organic', 'green_food', 'geographical_indication']) k ON p.needs @> to_jsonb(k) WHERE p.sku = product_sku)
"""


def upgrade() -> None:
    op.drop_constraint(op.f('ck_lots_lot_certifiable'), 'lots_lot', type_='check')
    for statement in (MIXED, STUCK):
        op.execute(sa.text(statement))


def downgrade() -> None:
    op.execute("UPDATE lots_lot SET certifiable = true WHERE custody <> 'mass_balance'")
    op.create_check_constraint(op.f('ck_lots_lot_certifiable'), 'lots_lot', "certifiable OR custody = 'mass_balance'")
