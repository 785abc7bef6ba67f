"""Boxes of a coming harvest are promised apart from stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0070'
down_revision = '0066'
branch_labels = None
depends_on = None

STATE = ('asked', 'open', 'refused', 'ended')


def state() -> sa.Enum:
    return sa.Enum(*STATE, name='presalestate', native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        'stock_presale',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('product_id', sa.Uuid(), nullable=False),
        sa.Column('harvest_from', sa.Date(), nullable=False),
        sa.Column('harvest_until', sa.Date(), nullable=False),
        sa.Column('ship_by', sa.Date(), nullable=False),
        sa.Column('closes_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('asked_boxes', sa.BigInteger(), nullable=False),
        sa.Column('forecast', sa.BigInteger(), nullable=False),
        sa.Column('promised', sa.BigInteger(), nullable=False),
        sa.Column('served', sa.BigInteger(), nullable=False),
        sa.Column('per_person', sa.BigInteger(), nullable=False),
        sa.Column('state', state(), nullable=False),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('decided_by', sa.Text(), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint('promised <= forecast', name=op.f('ck_stock_presale_not_overpromised')),
        sa.CheckConstraint('served >= 0 AND served <= promised', name=op.f('ck_stock_presale_served_within')),
        sa.CheckConstraint(
            'asked_boxes > 0 AND forecast BETWEEN 0 AND asked_boxes AND per_person > 0', name=op.f('ck_stock_presale_boxes')
        ),
        sa.CheckConstraint('harvest_from <= harvest_until AND harvest_until <= ship_by', name=op.f('ck_stock_presale_days')),
        sa.CheckConstraint('decided_by IS NULL OR decided_by <> asked_by', name=op.f('ck_stock_presale_two_people')),
        sa.CheckConstraint("(state = 'asked') = (decided_by IS NULL)", name=op.f('ck_stock_presale_decided')),
        sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_stock_presale_product_id_products_product')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_presale')),
        sa.UniqueConstraint('code', name=op.f('uq_stock_presale_code')),
        postgresql_with={'fillfactor': '70'},
    )
    op.create_index(
        'uq_stock_presale_standing', 'stock_presale', ['product_id'], unique=True, postgresql_where=sa.text("state IN ('asked', 'open')")
    )
    op.create_index('ix_stock_presale_product_id', 'stock_presale', ['product_id', 'id'])
    op.create_index('ix_stock_presale_open', 'stock_presale', ['ship_by'], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        'stock_presale_step',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('presale_id', sa.Uuid(), nullable=False),
        sa.Column('state', state(), nullable=False),
        sa.Column('boxes', sa.BigInteger(), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('by', sa.Text(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['presale_id'], ['stock_presale.id'], name=op.f('fk_stock_presale_step_presale_id_stock_presale')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_presale_step')),
    )
    op.create_index('ix_stock_presale_step_presale_id', 'stock_presale_step', ['presale_id', 'id'])
    op.execute(
        'CREATE TRIGGER stock_presale_step_append_only BEFORE UPDATE OR DELETE ON stock_presale_step '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    )
    op.create_table(
        'stock_promise',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('presale_id', sa.Uuid(), nullable=False),
        sa.Column('order_code', sa.Text(), nullable=False),
        sa.Column('line_code', sa.Text(), nullable=False),
        sa.Column('holder', sa.Text(), nullable=False),
        sa.Column('boxes', sa.BigInteger(), nullable=False),
        sa.Column('served', sa.BigInteger(), nullable=False),
        sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('served_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint('boxes > 0 AND served BETWEEN 0 AND boxes', name=op.f('ck_stock_promise_boxes')),
        sa.CheckConstraint('released_at IS NULL OR served = 0', name=op.f('ck_stock_promise_released')),
        sa.ForeignKeyConstraint(['presale_id'], ['stock_presale.id'], name=op.f('fk_stock_promise_presale_id_stock_presale')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_promise')),
    )
    standing = sa.text('released_at IS NULL')
    op.create_index('uq_stock_promise_standing', 'stock_promise', ['order_code'], unique=True, postgresql_where=standing)
    op.create_index('ix_stock_promise_order_code', 'stock_promise', ['order_code'])
    op.create_index('ix_stock_promise_holder', 'stock_promise', ['presale_id', 'holder'], postgresql_where=standing)
    op.create_index(
        'ix_stock_promise_waiting',
        'stock_promise',
        ['presale_id', 'paid_at', 'id'],
        postgresql_where=sa.text('released_at IS NULL AND served < boxes'),
    )


def downgrade() -> None:
    op.drop_table('stock_promise')
    op.drop_table('stock_presale_step')
    op.drop_table('stock_presale')
