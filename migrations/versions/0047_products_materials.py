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
    SELECT way.sku, lot.material, sum(lot.made) AS amount
    FROM way JOIN lots_lot lot ON lot.id = way.lot_id WHERE lot.kind = 'delivery' GROUP BY way.sku, lot.material
), ordered AS (
    SELECT brought.sku, jsonb_agg(material ORDER BY amount DESC, NOT materials ? material, material) AS materials
    FROM brought JOIN products_product ON products_product.sku = brought.sku GROUP BY brought.sku
)
UPDATE products_product SET materials = ordered.materials FROM ordered WHERE ordered.sku = products_product.sku
"""  # new deliveries are booked as the first: what was brought most, of equal ones what the product is called


def upgrade() -> None:
    op.add_column('products_product', sa.Column('materials', postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.execute("UPDATE products_product SET materials = jsonb_build_array(coalesce(nullif(trim(split_part(name, '（', 1)), ''), name))")
    op.execute(BROUGHT)
    op.alter_column('products_product', 'materials', nullable=False)
    op.create_check_constraint(op.f('ck_products_product_made_of_something'), 'products_product', 'jsonb_array_length(materials) > 0')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_products_product_made_of_something'), 'products_product', type_='check')
    op.drop_column('products_product', 'materials')
