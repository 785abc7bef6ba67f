"""Create the tables of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('events_trace_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('event_uri', sa.Text(), nullable=False),
    sa.Column('is_declaration', sa.Boolean(), nullable=False),
    sa.Column('event_type', sa.Enum('ObjectEvent', 'AggregationEvent', 'TransactionEvent', 'TransformationEvent', 'AssociationEvent', name='eventtype', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('action', sa.Enum('ADD', 'OBSERVE', 'DELETE', name='action', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('event_time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('time_zone_offset', sa.Text(), nullable=False),
    sa.Column('record_time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('biz_step', sa.Text(), nullable=True),
    sa.Column('disposition', sa.Text(), nullable=True),
    sa.Column('read_point', sa.Text(), nullable=True),
    sa.Column('biz_location', sa.Text(), nullable=True),
    sa.Column('organization_id', sa.Uuid(), nullable=True),
    sa.Column('origin', sa.Enum('own', 'partner', name='origin', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=True),
    sa.Column('product_class', sa.Text(), nullable=True),
    sa.Column('lot_code', sa.Text(), nullable=True),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('event_hash', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_events_trace_event_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_events_trace_event')),
    sa.UniqueConstraint('event_uri', 'is_declaration', name=op.f('uq_events_trace_event_event_uri_is_declaration')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER events_trace_event_append_only BEFORE UPDATE OR DELETE ON events_trace_event FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER events_trace_event_append_only ON events_trace_event')]}
    )
    op.create_index(op.f('ix_events_trace_event_event_hash'), 'events_trace_event', ['event_hash'], unique=False)
    op.create_index('ix_events_trace_event_lot', 'events_trace_event', ['lot_code', 'event_time', 'id'], unique=False)
    op.create_index('ix_events_trace_event_organization', 'events_trace_event', ['organization_id', 'event_time', 'id'], unique=False)
    op.create_index('ix_events_trace_event_record', 'events_trace_event', ['record_time', 'id'], unique=False)
    op.create_index('ix_events_trace_event_time', 'events_trace_event', ['event_time', 'id'], unique=False)
    op.create_index('uq_events_trace_event_partner_hash', 'events_trace_event', ['organization_id', 'event_hash', 'is_declaration'], unique=True, postgresql_where="origin = 'partner'")
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER events_trace_event_append_only BEFORE UPDATE OR DELETE ON events_trace_event FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('events_event_epc',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Enum('epc', 'child', 'parent', 'input', 'output', 'class', 'child_class', 'input_class', 'output_class', name='epcrole', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('epc', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=20, scale=6), nullable=True),
    sa.Column('unit', sa.Text(), nullable=True),
    sa.Column('event_time', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['event_id'], ['events_trace_event.id'], name=op.f('fk_events_event_epc_event_id_events_trace_event')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_events_event_epc')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER events_event_epc_append_only BEFORE UPDATE OR DELETE ON events_event_epc FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER events_event_epc_append_only ON events_event_epc')]}
    )
    op.create_index(op.f('ix_events_event_epc_event_id'), 'events_event_epc', ['event_id'], unique=False)
    op.create_index('ix_events_event_epc_seek', 'events_event_epc', ['epc', 'event_time', 'event_id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER events_event_epc_append_only BEFORE UPDATE OR DELETE ON events_event_epc FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER events_event_epc_append_only ON events_event_epc")
    op.drop_table('events_event_epc')
    op.execute("DROP TRIGGER events_trace_event_append_only ON events_trace_event")
    op.drop_table('events_trace_event')
