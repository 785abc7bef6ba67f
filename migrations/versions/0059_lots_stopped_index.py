"""Boxes that a recall stops one by one are counted; nothing is held for them any more."""

from __future__ import annotations

from alembic import op

revision = '0059'
down_revision = '0058'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_lots_trade_item_stopped', 'lots_trade_item', ['lot_id'], unique=False, postgresql_where='stopped IS NOT NULL')
    op.execute(
        "UPDATE stock_lot SET held = held - kept.boxes FROM "
        "(SELECT stock_lot_id, sum(quantity) AS boxes FROM stock_hold WHERE holder LIKE 'recall:%' GROUP BY stock_lot_id) AS kept "
        'WHERE id = kept.stock_lot_id'
    )
    op.execute("DELETE FROM stock_hold WHERE holder LIKE 'recall:%'")


def downgrade() -> None:
    op.drop_index('ix_lots_trade_item_stopped', table_name='lots_trade_item', postgresql_where='stopped IS NOT NULL')
