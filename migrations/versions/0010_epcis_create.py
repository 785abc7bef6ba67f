"""Create the tables of epcis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('epcis_capture_job',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('key_name', sa.Text(), nullable=False),
    sa.Column('key_label', sa.Text(), nullable=False),
    sa.Column('behaviour', sa.Enum('rollback', 'proceed', name='errorbehaviour', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('context', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('waiting', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('stored', sa.BigInteger(), nullable=False),
    sa.Column('errors', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('running', sa.Boolean(), nullable=False),
    sa.Column('success', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('running = (finished_at IS NULL)', name=op.f('ck_epcis_capture_job_finished')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_epcis_capture_job_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epcis_capture_job'))
    )
    op.create_index('ix_epcis_capture_job_organization', 'epcis_capture_job', ['organization_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('epcis_capture_job')
