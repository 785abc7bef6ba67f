"""A recall may leave out some of the lots made from the recalled one, for a reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0043'
down_revision = '0042'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_recall_mark', sa.Column('left_out', postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.execute("UPDATE lots_recall_mark SET left_out = '[]'")
    op.alter_column('lots_recall_mark', 'left_out', nullable=False)
    op.add_column('lots_recall_mark', sa.Column('left_out_reason', sa.Text(), nullable=True))
    op.create_check_constraint(op.f('ck_lots_recall_mark_left_out_for_a_reason'), 'lots_recall_mark', "(left_out = '[]') = (left_out_reason IS NULL)")


def downgrade() -> None:
    op.drop_constraint(op.f('ck_lots_recall_mark_left_out_for_a_reason'), 'lots_recall_mark', type_='check')
    op.drop_column('lots_recall_mark', 'left_out_reason')
    op.drop_column('lots_recall_mark', 'left_out')
