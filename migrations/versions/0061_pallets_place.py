"""Cases are looked for by the place where they lie."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0061'
down_revision = '0060'
branch_labels = None
depends_on = None

STANDING = sa.text('opened_at IS NULL AND left_at IS NULL')


def upgrade() -> None:
    op.drop_index('ix_pallets_container_organization', table_name='pallets_container')
    op.drop_index('ix_pallets_container_standing', table_name='pallets_container', postgresql_where=STANDING)
    op.create_index('ix_pallets_container_place', 'pallets_container', ['place_id', 'id'], unique=False)
    op.create_index('ix_pallets_container_standing', 'pallets_container', ['place_id', 'id'], unique=False, postgresql_where=STANDING)


def downgrade() -> None:
    op.drop_index('ix_pallets_container_standing', table_name='pallets_container', postgresql_where=STANDING)
    op.drop_index('ix_pallets_container_place', table_name='pallets_container')
    op.create_index('ix_pallets_container_standing', 'pallets_container', ['organization_id', 'id'], unique=False, postgresql_where=STANDING)
    op.create_index('ix_pallets_container_organization', 'pallets_container', ['organization_id', 'id'], unique=False)
