"""A product says what it is made of; of those there are, what was brought for them says it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0047'
down_revision = '0046'
branch_labels = None
depends_on = None

BROUGHT = """
WITH RECURSIVE way(sku, lot_id) AS (
    SELECT product_sku, id FROM lots_lot WHERE product_sku IS NOT NULL
    UNION SELECT way.sku, edge.from_lot_id FROM way JOIN lots_lot_edge edge ON edge.to_lot_id = way.lot_id
), brought AS (
    SELECT way.sku, jsonb_agg(DISTINCT lot.material) AS materials
    FROM way JOIN lots_lot lot ON lot.id = way.lot_id WHERE lot.kind = 'delivery' GROUP BY way.sku
)
UPDATE products_product SET materials = brought.materials FROM brought WHERE brought.sku = products_product.sku
"""


def upgrade() -> None:
    op.add_column('products_product', sa.Column('materials', postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.execute("UPDATE products_product SET materials = jsonb_build_array(coalesce(nullif(trim(split_part(name, '（', 1)), ''), name))")
    op.execute(BROUGHT)
    op.alter_column('products_product', 'materials', nullable=False)
    op.create_check_constraint(op.f('ck_products_product_made_of_something'), 'products_product', 'jsonb_array_length(materials) > 0')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_products_product_made_of_something'), 'products_product', type_='check')
    op.drop_column('products_product', 'materials')
