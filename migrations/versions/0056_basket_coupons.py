"""Coupons (优惠码) of sellers, and the orders that used them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0056'
down_revision = '0055'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('basket_coupon',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('off_fen', sa.BigInteger(), nullable=False),
    sa.Column('from_fen', sa.BigInteger(), nullable=False),
    sa.Column('budget_fen', sa.BigInteger(), nullable=False),
    sa.Column('spent_fen', sa.BigInteger(), nullable=False),
    sa.Column('per_person', sa.BigInteger(), nullable=False),
    sa.Column('issued_by', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('off_fen > 0 AND from_fen > off_fen', name=op.f('ck_basket_coupon_amounts')),
    sa.CheckConstraint('spent_fen BETWEEN 0 AND budget_fen', name=op.f('ck_basket_coupon_within_budget')),
    sa.CheckConstraint('per_person >= 1', name=op.f('ck_basket_coupon_per_person')),
    sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{5,19}$'", name=op.f('ck_basket_coupon_code')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_basket_coupon_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_basket_coupon')),
    sa.UniqueConstraint('code', name=op.f('uq_basket_coupon_code'))
    )
    op.create_index('ix_basket_coupon_seller_id', 'basket_coupon', ['seller_id', 'id'], unique=False)
    op.create_table('basket_coupon_use',
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('coupon_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('turn', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('returned_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_basket_coupon_use_amount')),
    sa.CheckConstraint('turn >= 1', name=op.f('ck_basket_coupon_use_turn')),
    sa.ForeignKeyConstraint(['coupon_id'], ['basket_coupon.id'], name=op.f('fk_basket_coupon_use_coupon_id_basket_coupon')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_basket_coupon_use_person_id_parties_person')),
    sa.PrimaryKeyConstraint('order_code', name=op.f('pk_basket_coupon_use'))
    )
    op.create_index('uq_basket_coupon_use_turn', 'basket_coupon_use', ['coupon_id', 'person_id', 'turn'], unique=True, postgresql_where='returned_at IS NULL')


def downgrade() -> None:
    op.drop_index('uq_basket_coupon_use_turn', table_name='basket_coupon_use', postgresql_where='returned_at IS NULL')
    op.drop_table('basket_coupon_use')
    op.drop_index('ix_basket_coupon_seller_id', table_name='basket_coupon')
    op.drop_table('basket_coupon')
