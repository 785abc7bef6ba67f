"""Create the tables of recalls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('recalls_recall',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('mark_code', sa.Text(), nullable=False),
    sa.Column('lot_code', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('snapshot', sa.Text(), nullable=False),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('confirmed_by', sa.Text(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lifted_by', sa.Text(), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("snapshot ~ '^[0-9a-f]{64}$'", name=op.f('ck_recalls_recall_snapshot')),
    sa.CheckConstraint('(lifted_by IS NULL) = (lifted_at IS NULL)', name=op.f('ck_recalls_recall_lifted')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recalls_recall')),
    sa.UniqueConstraint('mark_code', name=op.f('uq_recalls_recall_mark_code'))
    )
    op.create_index('ix_recalls_recall_lot_code', 'recalls_recall', ['lot_code'], unique=False)


def downgrade() -> None:
    op.drop_table('recalls_recall')
