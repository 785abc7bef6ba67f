"""Orders of a day and orders of a purchase request are found without looking through all."""

from __future__ import annotations

from alembic import op

revision = '0069'
down_revision = '0068'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_orders_order_placed_at', 'orders_order', ['placed_at'], unique=False)
    op.create_index('ix_orders_order_reference', 'orders_order', ['reference'], unique=False, postgresql_where="reference <> ''")


def downgrade() -> None:
    op.drop_index('ix_orders_order_reference', table_name='orders_order')
    op.drop_index('ix_orders_order_placed_at', table_name='orders_order')
