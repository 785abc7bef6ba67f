"""Create the tables of notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('notices_notice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('params', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=True),
    sa.Column('state', sa.Enum('queued', 'sending', 'sent', 'failed', name='noticestate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_notices_notice_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices_notice')),
    sa.UniqueConstraint('key', name=op.f('uq_notices_notice_key'))
    )
    op.create_index(op.f('ix_notices_notice_order_code'), 'notices_notice', ['order_code'], unique=False)
    op.create_index('ix_notices_notice_person', 'notices_notice', ['person_id', 'id'], unique=False)
    op.create_index('ix_notices_notice_unsent', 'notices_notice', ['not_before'], unique=False, postgresql_where="state IN ('queued', 'sending')")


def downgrade() -> None:
    op.drop_table('notices_notice')
