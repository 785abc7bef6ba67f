"""A day's deliveries from a table: the files, and the rows that became deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0042'
down_revision = '0041'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('cooperative_day_sheet',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), nullable=False),
    sa.Column('new_count', sa.BigInteger(), nullable=False),
    sa.Column('faults', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('imported_by', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('new_count >= 0 AND new_count <= row_count', name=op.f('ck_cooperative_day_sheet_counts')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_cooperative_day_sheet_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cooperative_day_sheet'))
    )
    op.create_index('ix_cooperative_day_sheet_organization_id', 'cooperative_day_sheet', ['organization_id', 'id'], unique=False)
    op.create_table('cooperative_imported_row',
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['delivery_id'], ['lots_household_delivery.id'], name=op.f('fk_cooperative_imported_row_delivery_id_lots_household_delivery')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_cooperative_imported_row_organization')),
    sa.PrimaryKeyConstraint('organization_id', 'digest', name=op.f('pk_cooperative_imported_row'))
    )


def downgrade() -> None:
    op.drop_table('cooperative_imported_row')
    op.drop_table('cooperative_day_sheet')
