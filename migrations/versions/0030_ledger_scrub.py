"""Erasures wait for the scrubber in a table; sealed columns leave no samples in the planner's statistics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None

SEALED = ('ledger_subject_key', 'ledger_disclosure')


def upgrade() -> None:
    op.create_table('ledger_scrub',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('left', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_scrub'))
    )
    op.create_index('ix_ledger_scrub_open', 'ledger_scrub', ['id'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    for table in SEALED:
        op.execute(f'ALTER TABLE {table} ALTER COLUMN sealed TYPE bytea USING sealed')  # forgets the samples taken so far
        op.execute(f'ALTER TABLE {table} ALTER COLUMN sealed SET STATISTICS 0')


def downgrade() -> None:
    for table in SEALED:
        op.execute(f'ALTER TABLE {table} ALTER COLUMN sealed SET STATISTICS -1')
    op.drop_table('ledger_scrub')
