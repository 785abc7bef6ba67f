"""An uploaded table is a job with a state: tried first, recorded in slices. Cases are listed by who closed them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0067'
down_revision = '0078'
branch_labels = None
depends_on = None

TABLE = 'cooperative_day_sheet'
STATES = ('waiting', 'checking', 'recording', 'done', 'faulty', 'failed')


def upgrade() -> None:
    state = sa.Enum(*STATES, name='sheetstate', native_enum=False, create_constraint=True, length=40)
    op.add_column(TABLE, sa.Column('state', state, nullable=False, server_default='done'))
    op.add_column(TABLE, sa.Column('done', sa.BigInteger(), nullable=False, server_default='0'))
    op.add_column(TABLE, sa.Column('tries', sa.BigInteger(), nullable=False, server_default='0'))
    op.add_column(TABLE, sa.Column('claimed_at', sa.DateTime(timezone=True)))
    op.execute("UPDATE cooperative_day_sheet SET done = row_count, state = CASE WHEN digest IS NULL THEN 'done' ELSE 'faulty' END")
    for name in ('state', 'done', 'tries'):
        op.alter_column(TABLE, name, server_default=None)
    op.create_check_constraint(op.f('ck_cooperative_day_sheet_progress'), TABLE, 'done >= 0 AND done <= row_count')
    op.create_check_constraint(op.f('ck_cooperative_day_sheet_done_without_file'), TABLE, "(state = 'done') = (digest IS NULL)")
    under_way = sa.text("state IN ('waiting', 'checking', 'recording')")
    op.create_index('ix_cooperative_day_sheet_under_way', TABLE, ['id'], postgresql_where=under_way)
    standing = sa.text('opened_at IS NULL AND left_at IS NULL')
    op.create_index('ix_pallets_container_closed', 'pallets_container', ['organization_id', 'id'], postgresql_where=standing)


def downgrade() -> None:
    op.drop_index('ix_pallets_container_closed', table_name='pallets_container')
    op.drop_index('ix_cooperative_day_sheet_under_way', table_name=TABLE)
    op.drop_constraint(op.f('ck_cooperative_day_sheet_done_without_file'), TABLE)
    op.drop_constraint(op.f('ck_cooperative_day_sheet_progress'), TABLE)
    op.execute("DELETE FROM cooperative_day_sheet WHERE state IN ('waiting', 'checking', 'recording')")
    for name in ('claimed_at', 'tries', 'done', 'state'):
        op.drop_column(TABLE, name)
