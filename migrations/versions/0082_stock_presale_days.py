"""A promise of a coming harvest keeps how far away its buyer lives: only boxes that are still fresh there serve it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0082'
down_revision = '0079'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What the order's parcels say of the way; three days where the seller had said nothing (freshness.TRANSIT_DAYS).
    op.add_column('stock_promise', sa.Column('days', sa.Integer(), server_default='3', nullable=False))
    op.execute(
        """UPDATE stock_promise SET days = way.days FROM (
            SELECT o.code, max(p.arrive_by - p.ship_by) AS days FROM orders_order o JOIN orders_sub_order s ON s.order_id = o.id
            JOIN orders_parcel p ON p.sub_order_id = s.id WHERE o.presale_code IS NOT NULL GROUP BY o.code
        ) way WHERE way.code = stock_promise.order_code AND way.days IS NOT NULL"""
    )
    op.alter_column('stock_promise', 'days', server_default=None)


def downgrade() -> None:
    op.drop_column('stock_promise', 'days')
