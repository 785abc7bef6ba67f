"""Create the tables of cooperative."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('cooperative_county_question',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('refusal', sa.Text(), nullable=False),
    sa.Column('question', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('answered_by', sa.Text(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(answer IS NULL) = (answered_at IS NULL)', name=op.f('ck_cooperative_county_question_answered')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_cooperative_county_question_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cooperative_county_question'))
    )
    op.create_index('ix_cooperative_county_question_open', 'cooperative_county_question', ['county_code', 'id'], unique=False, postgresql_where='answered_at IS NULL')
    op.create_index('ix_cooperative_county_question_organization_id', 'cooperative_county_question', ['organization_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('cooperative_county_question')
