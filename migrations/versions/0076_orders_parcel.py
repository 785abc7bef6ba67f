"""Orders keep what becomes a parcel (freight, promised days), and lines what the buyer was told of returning, keeping and freshness."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0076'
down_revision = '0074'
branch_labels = None
depends_on = None

COPIED = {
    'return_class': sa.Enum('fresh_no_return', 'seven_days', name='returnclass', native_enum=False, create_constraint=True, length=40),
    'temperature': sa.Enum('ambient', 'chilled', 'frozen', name='temperature', native_enum=False, create_constraint=True, length=40),
    'storage': sa.Text(),
    'shelf_life_days': sa.BigInteger(),
}


def upgrade() -> None:
    op.create_table(
        'orders_parcel',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('sub_order_id', sa.Uuid(), nullable=False),
        sa.Column('number', sa.BigInteger(), nullable=False),
        sa.Column('place_id', sa.Uuid(), nullable=True),
        sa.Column('temperature', COPIED['temperature'], nullable=False),
        sa.Column('boxes', sa.BigInteger(), nullable=False),
        sa.Column('grams', sa.BigInteger(), nullable=False),
        sa.Column('freight_fen', sa.BigInteger(), nullable=False),
        sa.Column('ship_by', sa.Date(), nullable=True),
        sa.Column('arrive_from', sa.Date(), nullable=True),
        sa.Column('arrive_by', sa.Date(), nullable=True),
        sa.CheckConstraint('boxes > 0 AND grams >= 0 AND freight_fen >= 0', name=op.f('ck_orders_parcel_amounts')),
        sa.CheckConstraint('ship_by <= arrive_from AND arrive_from <= arrive_by', name=op.f('ck_orders_parcel_days_in_order')),
        sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_orders_parcel_place_id_parties_place')),
        sa.ForeignKeyConstraint(['sub_order_id'], ['orders_sub_order.id'], name=op.f('fk_orders_parcel_sub_order_id_orders_sub_order')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_orders_parcel')),
        sa.UniqueConstraint('sub_order_id', 'number', name=op.f('uq_orders_parcel_sub_order_id_number')),
    )
    for name, kind in COPIED.items():
        op.add_column('orders_line', sa.Column(name, kind, nullable=True))
    op.add_column('orders_line', sa.Column('fresh_days', sa.BigInteger(), nullable=True))
    # Orders of before agreed to what the product says; nothing better is known of them.
    op.execute(
        'UPDATE orders_line SET return_class = product.return_class, temperature = product.temperature, storage = product.storage, '
        'shelf_life_days = product.shelf_life_days FROM products_product product WHERE product.id = orders_line.product_id'
    )
    for name in COPIED:
        op.alter_column('orders_line', name, nullable=False)


def downgrade() -> None:
    for name in ('fresh_days', *reversed(COPIED)):
        op.drop_column('orders_line', name)
    op.drop_table('orders_parcel')
