"""Named queries, subscriptions and their deliveries; lists of what an organisation's events name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None

BROWSED = ('biz_step', 'disposition', 'read_point', 'biz_location')


def upgrade() -> None:
    op.create_table('epcis_named_query',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('query', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('words', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_epcis_named_query_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epcis_named_query')),
    sa.UniqueConstraint('organization_id', 'name', name=op.f('uq_epcis_named_query_organization_id_name'))
    )
    op.create_table('epcis_subscription',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('query_id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('key_label', sa.Text(), nullable=False),
    sa.Column('dest', sa.Text(), nullable=False),
    sa.Column('sealed_token', sa.LargeBinary(), nullable=True),
    sa.Column('stream', sa.Boolean(), nullable=False),
    sa.Column('schedule', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('report_if_empty', sa.Boolean(), nullable=False),
    sa.Column('epc_format', sa.Enum('No_Preference', 'Always_GS1_Digital_Link', 'Always_EPC_URN', 'Never_Translates', name='epcformat', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('initial_record_time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cursor', sa.BigInteger(), nullable=False),
    sa.Column('batch', sa.BigInteger(), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('parked', sa.Boolean(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('last_executed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_notified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('batch > 0', name=op.f('ck_epcis_subscription_batch_positive')),
    sa.CheckConstraint('cursor >= 0', name=op.f('ck_epcis_subscription_cursor_not_negative')),
    sa.CheckConstraint('stream = (schedule IS NULL)', name=op.f('ck_epcis_subscription_stream_or_schedule')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_epcis_subscription_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['query_id'], ['epcis_named_query.id'], name=op.f('fk_epcis_subscription_query_id_epcis_named_query'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epcis_subscription'))
    )
    op.create_index('ix_epcis_subscription_due', 'epcis_subscription', ['next_at'], unique=False, postgresql_where='NOT parked')
    op.create_index('ix_epcis_subscription_query', 'epcis_subscription', ['query_id', 'id'], unique=False)
    op.create_table('epcis_delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('subscription_id', sa.Uuid(), nullable=False),
    sa.Column('event_ids', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('begins', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'claimed', 'delivered', 'parked', name='deliverystate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['subscription_id'], ['epcis_subscription.id'], name=op.f('fk_epcis_delivery_subscription_id_epcis_subscription'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epcis_delivery'))
    )
    op.create_index(op.f('ix_epcis_delivery_subscription_id'), 'epcis_delivery', ['subscription_id'], unique=False)
    op.create_index('ix_epcis_delivery_done', 'epcis_delivery', ['delivered_at'], unique=False, postgresql_where="state = 'delivered'")
    op.create_index('ix_epcis_delivery_due', 'epcis_delivery', ['not_before'], unique=False, postgresql_where="state IN ('waiting', 'claimed')")
    op.create_index('uq_epcis_delivery_open', 'epcis_delivery', ['subscription_id'], unique=True, postgresql_where="state <> 'delivered'")
    op.create_table('epcis_ended_token',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_epcis_ended_token'))
    )
    op.create_index(op.f('ix_epcis_ended_token_ended_at'), 'epcis_ended_token', ['ended_at'], unique=False)

    op.add_column('events_event_epc', sa.Column('organization_id', sa.Uuid(), nullable=True))
    op.execute('ALTER TABLE events_event_epc DISABLE TRIGGER events_event_epc_append_only')
    op.execute('UPDATE events_event_epc e SET organization_id = t.organization_id FROM events_trace_event t WHERE t.id = e.event_id')
    op.execute('ALTER TABLE events_event_epc ENABLE TRIGGER events_event_epc_append_only')
    op.create_index('ix_events_event_epc_own', 'events_event_epc', ['organization_id', 'epc'], unique=False)
    for name in BROWSED:
        op.create_index(f'ix_events_trace_event_{name}', 'events_trace_event', ['organization_id', name], unique=False)


def downgrade() -> None:
    for name in BROWSED:
        op.drop_index(f'ix_events_trace_event_{name}', table_name='events_trace_event')
    op.drop_index('ix_events_event_epc_own', table_name='events_event_epc')
    op.drop_column('events_event_epc', 'organization_id')
    op.drop_table('epcis_ended_token')
    op.drop_table('epcis_delivery')
    op.drop_table('epcis_subscription')
    op.drop_table('epcis_named_query')
