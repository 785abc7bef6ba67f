"""Deliveries typed without a network: when they were brought and when we heard of it, the clerks' phones, numbers handed out to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_household_delivery', sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE lots_household_delivery SET recorded_at = delivered_at')
    op.alter_column('lots_household_delivery', 'recorded_at', nullable=False)
    op.create_check_constraint(op.f('ck_lots_household_delivery_times'), 'lots_household_delivery', 'delivered_at <= recorded_at')
    op.create_table('cooperative_device',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.CheckConstraint('(ended_at IS NULL) = (ended_by IS NULL)', name=op.f('ck_cooperative_device_ended')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_cooperative_device_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_cooperative_device_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cooperative_device')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_cooperative_device_token_hash'))
    )
    op.create_index('ix_cooperative_device_organization_id', 'cooperative_device', ['organization_id', 'id'], unique=False)
    op.create_table('cooperative_slip_number',
    sa.Column('slip_code', sa.Text(), nullable=False),
    sa.Column('lot_code', sa.Text(), nullable=False),
    sa.Column('device_id', sa.Uuid(), nullable=False),
    sa.Column('handed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('entry_key', sa.Text(), nullable=True),
    sa.CheckConstraint('(used_at IS NULL) = (entry_key IS NULL)', name=op.f('ck_cooperative_slip_number_used')),
    sa.ForeignKeyConstraint(['device_id'], ['cooperative_device.id'], name=op.f('fk_cooperative_slip_number_device_id_cooperative_device')),
    sa.PrimaryKeyConstraint('slip_code', name=op.f('pk_cooperative_slip_number')),
    sa.UniqueConstraint('lot_code', name=op.f('uq_cooperative_slip_number_lot_code'))
    )
    op.create_index('ix_cooperative_slip_number_free', 'cooperative_slip_number', ['device_id', 'slip_code'], unique=False, postgresql_where='used_at IS NULL')


def downgrade() -> None:
    op.drop_table('cooperative_slip_number')
    op.drop_table('cooperative_device')
    op.drop_constraint(op.f('ck_lots_household_delivery_times'), 'lots_household_delivery', type_='check')
    op.drop_column('lots_household_delivery', 'recorded_at')
