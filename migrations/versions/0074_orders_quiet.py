"""Delivered orders are found by the time they arrived: those nobody complains about complete."""

from __future__ import annotations

from alembic import op

revision = '0074'
down_revision = '0073'
branch_labels = None
depends_on = None

NAME, TABLE = 'ix_orders_order_delivered', 'orders_order'


def upgrade() -> None:
    op.create_index(NAME, TABLE, ['delivered_at'], unique=False, postgresql_where="state = 'delivered'")


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
