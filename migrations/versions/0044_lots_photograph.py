"""Photographs taken at deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0044'
down_revision = '0043'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lots_act_photo',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=True),
    sa.Column('faces_agreed', sa.Boolean(), nullable=False),
    sa.Column('added_by', sa.Text(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('digest IS NOT NULL OR erased_at IS NOT NULL', name=op.f('ck_lots_act_photo_gone')),
    sa.ForeignKeyConstraint(['delivery_id'], ['lots_household_delivery.id'], name=op.f('fk_lots_act_photo_delivery_id_lots_household_delivery')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_lots_act_photo_household_id_parties_household')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_act_photo')),
    sa.UniqueConstraint('delivery_id', name=op.f('uq_lots_act_photo_delivery_id')),
    sa.UniqueConstraint('digest', name=op.f('uq_lots_act_photo_digest'))
    )
    op.create_index(op.f('ix_lots_act_photo_household_id'), 'lots_act_photo', ['household_id'], unique=False)
    op.create_index('ix_lots_act_photo_to_delete', 'lots_act_photo', ['id'], unique=False, postgresql_where=sa.text('erased_at IS NOT NULL AND digest IS NOT NULL'))


def downgrade() -> None:
    op.drop_table('lots_act_photo')
