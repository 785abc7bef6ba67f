"""Uploaded tables are kept only while somebody has to mend them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0051'
down_revision = '0050'
branch_labels = None
depends_on = None

# What was said of a faulty table holds what clerks typed: no sweep would find these rows again without their digest.
FORGET = "DELETE FROM cooperative_day_sheet WHERE faults <> '[]'"


def upgrade() -> None:
    op.alter_column('cooperative_day_sheet', 'digest', nullable=True)
    op.execute(FORGET)
    op.execute('UPDATE cooperative_day_sheet SET digest = NULL')
    op.create_index('ix_cooperative_day_sheet_kept', 'cooperative_day_sheet', ['digest'], unique=False, postgresql_where=sa.text('digest IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_cooperative_day_sheet_kept', table_name='cooperative_day_sheet', postgresql_where=sa.text('digest IS NOT NULL'))
    op.execute("UPDATE cooperative_day_sheet SET digest = '' WHERE digest IS NULL")
    op.alter_column('cooperative_day_sheet', 'digest', nullable=False)
