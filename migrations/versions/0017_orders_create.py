"""Create the tables of orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('orders_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('consumer', 'organization', name='orderkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('purpose', sa.Enum('personal', 'canteen', 'staff_gift', 'union', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('state', sa.Enum('placed', 'confirmed', 'paid', 'shipped', 'delivered', 'accepted', 'completed', 'cancelled', 'expired', name='orderstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('buyer_person_id', sa.Uuid(), nullable=True),
    sa.Column('buyer_organization_id', sa.Uuid(), nullable=True),
    sa.Column('address', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('items_fen', sa.BigInteger(), nullable=False),
    sa.Column('freight_fen', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('paid_fen', sa.BigInteger(), nullable=False),
    sa.Column('refunded_fen', sa.BigInteger(), nullable=False),
    sa.Column('on_terms', sa.Boolean(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('checkout_key', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('placed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('no_return_agreed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'organization') = (buyer_organization_id IS NOT NULL)", name=op.f('ck_orders_order_buyer')),
    sa.CheckConstraint('items_fen >= 0 AND freight_fen >= 0 AND total_fen = items_fen + freight_fen', name=op.f('ck_orders_order_total')),
    sa.CheckConstraint('refunded_fen >= 0 AND refunded_fen <= paid_fen', name=op.f('ck_orders_order_refund_within_paid')),
    sa.ForeignKeyConstraint(['buyer_organization_id'], ['parties_organization.id'], name=op.f('fk_orders_order_buyer_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['buyer_person_id'], ['parties_person.id'], name=op.f('fk_orders_order_buyer_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders_order')),
    sa.UniqueConstraint('checkout_key', name=op.f('uq_orders_order_checkout_key')),
    sa.UniqueConstraint('code', name=op.f('uq_orders_order_code'))
    )
    op.create_index('ix_orders_order_expiring', 'orders_order', ['expires_at'], unique=False, postgresql_where="state = 'placed'")
    op.create_index('ix_orders_order_organization', 'orders_order', ['buyer_organization_id', 'id'], unique=False)
    op.create_index('ix_orders_order_person', 'orders_order', ['buyer_person_id', 'id'], unique=False)
    op.create_index('ix_orders_order_state', 'orders_order', ['state', 'id'], unique=False)
    op.create_table('orders_sub_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('items_fen', sa.BigInteger(), nullable=False),
    sa.Column('freight_fen', sa.BigInteger(), nullable=False),
    sa.Column('payable_fen', sa.BigInteger(), nullable=False),
    sa.Column('paid_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('items_fen >= 0 AND freight_fen >= 0', name=op.f('ck_orders_sub_order_amounts')),
    sa.CheckConstraint('paid_fen >= 0', name=op.f('ck_orders_sub_order_paid')),
    sa.CheckConstraint('payable_fen >= 0 AND payable_fen <= items_fen + freight_fen', name=op.f('ck_orders_sub_order_payable_within')),
    sa.ForeignKeyConstraint(['order_id'], ['orders_order.id'], name=op.f('fk_orders_sub_order_order_id_orders_order')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_orders_sub_order_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders_sub_order')),
    sa.UniqueConstraint('code', name=op.f('uq_orders_sub_order_code'))
    )
    op.create_index('ix_orders_sub_order_order_id', 'orders_sub_order', ['order_id'], unique=False)
    op.create_index('ix_orders_sub_order_seller_id', 'orders_sub_order', ['seller_id', 'id'], unique=False)
    op.create_table('orders_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('sub_order_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('net_content', sa.Text(), nullable=False),
    sa.Column('picture', sa.Text(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('unit_price_fen', sa.BigInteger(), nullable=False),
    sa.Column('discount_fen', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('shipped', sa.BigInteger(), nullable=False),
    sa.Column('accepted_boxes', sa.BigInteger(), nullable=True),
    sa.Column('accepted_amount', sa.Numeric(precision=20, scale=6), nullable=True),
    sa.Column('accepted_unit', sa.Text(), nullable=True),
    sa.CheckConstraint('accepted_boxes IS NULL OR (accepted_boxes >= 0 AND accepted_boxes <= quantity)', name=op.f('ck_orders_line_accepted_within')),
    sa.CheckConstraint('amount_fen = unit_price_fen * quantity - discount_fen AND amount_fen >= 0', name=op.f('ck_orders_line_amount')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_orders_line_quantity')),
    sa.CheckConstraint('shipped >= 0 AND shipped <= quantity', name=op.f('ck_orders_line_shipped_within')),
    sa.CheckConstraint('unit_price_fen > 0 AND discount_fen >= 0', name=op.f('ck_orders_line_price')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_orders_line_product_id_products_product')),
    sa.ForeignKeyConstraint(['sub_order_id'], ['orders_sub_order.id'], name=op.f('fk_orders_line_sub_order_id_orders_sub_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders_line')),
    sa.UniqueConstraint('code', name=op.f('uq_orders_line_code'))
    )
    op.create_index('ix_orders_line_product_id', 'orders_line', ['product_id', 'id'], unique=False)
    op.create_index('ix_orders_line_sub_order_id', 'orders_line', ['sub_order_id'], unique=False)
    op.create_table('orders_receipt',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('sub_order_id', sa.Uuid(), nullable=False),
    sa.Column('used_fen', sa.BigInteger(), nullable=False),
    sa.Column('refunded_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('used_fen >= 0 AND refunded_fen >= 0 AND refunded_fen <= used_fen', name=op.f('ck_orders_receipt_refund_within_used')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments_payment.id'], name=op.f('fk_orders_receipt_payment_id_payments_payment')),
    sa.ForeignKeyConstraint(['sub_order_id'], ['orders_sub_order.id'], name=op.f('fk_orders_receipt_sub_order_id_orders_sub_order')),
    sa.PrimaryKeyConstraint('payment_id', 'sub_order_id', name=op.f('pk_orders_receipt'))
    )
    op.create_index('ix_orders_receipt_sub_order_id', 'orders_receipt', ['sub_order_id'], unique=False)


def downgrade() -> None:
    op.drop_table('orders_receipt')
    op.drop_table('orders_line')
    op.drop_table('orders_sub_order')
    op.drop_table('orders_order')
