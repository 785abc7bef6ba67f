"""Create the tables of stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('stock_lot',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=False),
    sa.Column('on_hand', sa.BigInteger(), nullable=False),
    sa.Column('held', sa.BigInteger(), nullable=False),
    sa.Column('allocated', sa.BigInteger(), nullable=False),
    sa.Column('dispatched', sa.BigInteger(), nullable=False),
    sa.Column('expires_on', sa.Date(), nullable=True),
    sa.Column('sell_until', sa.Date(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('on_hand - held - allocated >= 0', name=op.f('ck_stock_lot_not_oversold')),
    sa.CheckConstraint('on_hand >= 0 AND held >= 0 AND allocated >= 0 AND dispatched >= 0', name=op.f('ck_stock_lot_not_negative')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_stock_lot_lot_id_lots_lot')),
    sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_stock_lot_place_id_parties_place')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_stock_lot_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_lot')),
    sa.UniqueConstraint('lot_id', 'place_id', name=op.f('uq_stock_lot_lot_id_place_id')),
    postgresql_with={'fillfactor': '70'}
    )
    op.create_index('ix_stock_lot_offer', 'stock_lot', ['product_id', 'expires_on', 'id'], unique=False, postgresql_where='on_hand > 0')
    op.create_index('ix_stock_lot_place_id', 'stock_lot', ['place_id', 'id'], unique=False)
    op.create_table('stock_allocation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('line_code', sa.Text(), nullable=False),
    sa.Column('stock_lot_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('dispatched', sa.BigInteger(), nullable=False),
    sa.Column('allocated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('dispatched >= 0 AND dispatched <= quantity', name=op.f('ck_stock_allocation_dispatched_within')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_allocation_positive')),
    sa.ForeignKeyConstraint(['stock_lot_id'], ['stock_lot.id'], name=op.f('fk_stock_allocation_stock_lot_id_stock_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_allocation')),
    sa.UniqueConstraint('line_code', 'stock_lot_id', name=op.f('uq_stock_allocation_line_code_stock_lot_id'))
    )
    op.create_index('ix_stock_allocation_order_code', 'stock_allocation', ['order_code'], unique=False)
    op.create_index('ix_stock_allocation_stock_lot_id', 'stock_allocation', ['stock_lot_id', 'id'], unique=False)
    op.create_table('stock_hold',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('holder', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('stock_lot_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_hold_positive')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_stock_hold_product_id_products_product')),
    sa.ForeignKeyConstraint(['stock_lot_id'], ['stock_lot.id'], name=op.f('fk_stock_hold_stock_lot_id_stock_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_hold')),
    sa.UniqueConstraint('holder', 'stock_lot_id', name=op.f('uq_stock_hold_holder_stock_lot_id'))
    )
    op.create_index('ix_stock_hold_stock_lot_id', 'stock_hold', ['stock_lot_id', 'until'], unique=False)
    op.create_index('ix_stock_hold_until', 'stock_hold', ['until'], unique=False)
    op.create_table('stock_move',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('stock_lot_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('received', 'dispatched', 'discarded', name='movekind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('quantity <> 0', name=op.f('ck_stock_move_not_zero')),
    sa.ForeignKeyConstraint(['stock_lot_id'], ['stock_lot.id'], name=op.f('fk_stock_move_stock_lot_id_stock_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_move')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER stock_move_append_only BEFORE UPDATE OR DELETE ON stock_move FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER stock_move_append_only ON stock_move')]}
    )
    op.create_index('ix_stock_move_stock_lot_id', 'stock_move', ['stock_lot_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER stock_move_append_only BEFORE UPDATE OR DELETE ON stock_move FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER stock_move_append_only ON stock_move")
    op.drop_table('stock_move')
    op.drop_table('stock_hold')
    op.drop_table('stock_allocation')
    op.drop_table('stock_lot')
