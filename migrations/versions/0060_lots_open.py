"""Lots with something left in them have an index of their own."""

from __future__ import annotations

from alembic import op

revision = '0060'
down_revision = '0059'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_lots_lot_open', 'lots_lot', ['organization_id', 'kind', 'id'], postgresql_where='made - used - lost - dispatched > 0')


def downgrade() -> None:
    op.drop_index('ix_lots_lot_open', table_name='lots_lot')
