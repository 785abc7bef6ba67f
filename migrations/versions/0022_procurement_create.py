"""Create the tables of procurement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('procurement_approval_rule',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Enum('personal', 'canteen', 'staff_gift', 'union', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('from_fen', sa.BigInteger(), nullable=False),
    sa.Column('level', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Enum('consumer', 'clerk', 'packer', 'certifier', 'county_officer', 'operator', 'auditor', 'requester', 'approver', 'finance', 'inspector', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("role IN ('approver', 'finance')", name=op.f('ck_procurement_approval_rule_approving_role')),
    sa.CheckConstraint('from_fen >= 0', name=op.f('ck_procurement_approval_rule_from_fen')),
    sa.CheckConstraint('level BETWEEN 1 AND 9', name=op.f('ck_procurement_approval_rule_level')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_procurement_approval_rule_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_approval_rule')),
    sa.UniqueConstraint('organization_id', 'purpose', 'level', name=op.f('uq_procurement_approval_rule_organization_id_purpose_level'), postgresql_nulls_not_distinct=True)
    )
    op.create_table('procurement_budget',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('year', sa.BigInteger(), nullable=False),
    sa.Column('purpose', sa.Enum('personal', 'canteen', 'staff_gift', 'union', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reserved_fen', sa.BigInteger(), nullable=False),
    sa.Column('spent_fen', sa.BigInteger(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('reserved_fen + spent_fen <= amount_fen', name=op.f('ck_procurement_budget_within')),
    sa.CheckConstraint('reserved_fen >= 0 AND spent_fen >= 0', name=op.f('ck_procurement_budget_counters')),
    sa.CheckConstraint('year BETWEEN 2020 AND 2100', name=op.f('ck_procurement_budget_year')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_procurement_budget_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_budget')),
    sa.UniqueConstraint('organization_id', 'year', 'purpose', name=op.f('uq_procurement_budget_organization_id_year_purpose'))
    )
    op.create_table('procurement_channel',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_procurement_channel_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_channel')),
    info={'extra_ddl': [("ALTER TABLE procurement_channel ADD CONSTRAINT ex_procurement_channel_period EXCLUDE USING gist (coalesce(organization_id::text, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE procurement_channel DROP CONSTRAINT ex_procurement_channel_period')]}
    )
    op.execute("ALTER TABLE procurement_channel ADD CONSTRAINT ex_procurement_channel_period EXCLUDE USING gist (coalesce(organization_id::text, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('procurement_quota',
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('year', sa.BigInteger(), nullable=False),
    sa.Column('canteen_total_fen', sa.BigInteger(), nullable=False),
    sa.Column('no_canteen', sa.Boolean(), nullable=False),
    sa.Column('declared_by', sa.Text(), nullable=False),
    sa.Column('declared_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('canteen_total_fen >= 0', name=op.f('ck_procurement_quota_total')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_procurement_quota_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('organization_id', 'year', name=op.f('pk_procurement_quota'))
    )
    op.create_table('procurement_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('requester_id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Enum('personal', 'canteen', 'staff_gift', 'union', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('draft', 'submitted', 'approved', 'ordered', 'accepted', 'settled', 'refused', 'cancelled', name='requeststate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('year', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('round', sa.BigInteger(), nullable=False),
    sa.Column('trouble', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('total_fen >= 0', name=op.f('ck_procurement_request_total')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_procurement_request_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['requester_id'], ['parties_person.id'], name=op.f('fk_procurement_request_requester_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_request')),
    sa.UniqueConstraint('code', name=op.f('uq_procurement_request_code'))
    )
    op.create_index('ix_procurement_request_organization_id', 'procurement_request', ['organization_id', 'id'], unique=False)
    op.create_index('ix_procurement_request_requester_id', 'procurement_request', ['requester_id', 'id'], unique=False)
    op.create_index('ix_procurement_request_state', 'procurement_request', ['state', 'id'], unique=False)
    op.create_table('procurement_acceptance',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('inspector_id', sa.Uuid(), nullable=False),
    sa.Column('inspector', sa.Text(), nullable=False),
    sa.Column('found', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['inspector_id'], ['parties_person.id'], name=op.f('fk_procurement_acceptance_inspector_id_parties_person')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_acceptance_request_id_procurement_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_acceptance')),
    sa.UniqueConstraint('code', name=op.f('uq_procurement_acceptance_code')),
    sa.UniqueConstraint('order_code', name=op.f('uq_procurement_acceptance_order_code')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER procurement_acceptance_append_only BEFORE UPDATE OR DELETE ON procurement_acceptance FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER procurement_acceptance_append_only ON procurement_acceptance')]}
    )
    op.create_index('ix_procurement_acceptance_request_id', 'procurement_acceptance', ['request_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER procurement_acceptance_append_only BEFORE UPDATE OR DELETE ON procurement_acceptance FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('procurement_approval_step',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('round', sa.BigInteger(), nullable=False),
    sa.Column('level', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Enum('consumer', 'clerk', 'packer', 'certifier', 'county_officer', 'operator', 'auditor', 'requester', 'approver', 'finance', 'inspector', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'approved', 'refused', 'void', name='stepstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('remark', sa.Text(), nullable=False),
    sa.CheckConstraint("state NOT IN ('approved', 'refused') OR decided_by IS NOT NULL", name=op.f('ck_procurement_approval_step_decided')),
    sa.ForeignKeyConstraint(['decided_by'], ['parties_person.id'], name=op.f('fk_procurement_approval_step_decided_by_parties_person')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_approval_step_request_id_procurement_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_approval_step')),
    sa.UniqueConstraint('request_id', 'round', 'level', name=op.f('uq_procurement_approval_step_request_id_round_level'))
    )
    op.create_index('ix_procurement_approval_step_waiting', 'procurement_approval_step', ['request_id'], unique=False, postgresql_where="state = 'waiting'")
    op.create_index('uq_procurement_approval_step_person', 'procurement_approval_step', ['request_id', 'round', 'decided_by'], unique=True, postgresql_where='decided_by IS NOT NULL')
    op.create_table('procurement_budget_entry',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('budget_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('reserve', 'release', 'commit', 'give_back', name='entrykind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('request_code', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_procurement_budget_entry_amount')),
    sa.ForeignKeyConstraint(['budget_id'], ['procurement_budget.id'], name=op.f('fk_procurement_budget_entry_budget_id_procurement_budget')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_budget_entry')),
    sa.UniqueConstraint('key', name=op.f('uq_procurement_budget_entry_key')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER procurement_budget_entry_append_only BEFORE UPDATE OR DELETE ON procurement_budget_entry FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER procurement_budget_entry_append_only ON procurement_budget_entry')]}
    )
    op.create_index('ix_procurement_budget_entry_budget_id', 'procurement_budget_entry', ['budget_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER procurement_budget_entry_append_only BEFORE UPDATE OR DELETE ON procurement_budget_entry FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('procurement_delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('address', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('items_fen', sa.BigInteger(), nullable=False),
    sa.Column('freight_fen', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=True),
    sa.CheckConstraint('total_fen = items_fen + freight_fen AND freight_fen >= 0', name=op.f('ck_procurement_delivery_total')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_delivery_request_id_procurement_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_delivery')),
    sa.UniqueConstraint('order_code', name=op.f('uq_procurement_delivery_order_code')),
    sa.UniqueConstraint('request_id', 'position', name=op.f('uq_procurement_delivery_request_id_position'))
    )
    op.create_table('procurement_history',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('act', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_procurement_history_person_id_parties_person')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_history_request_id_procurement_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_history')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER procurement_history_append_only BEFORE UPDATE OR DELETE ON procurement_history FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER procurement_history_append_only ON procurement_history')]}
    )
    op.create_index('ix_procurement_history_request_id', 'procurement_history', ['request_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER procurement_history_append_only BEFORE UPDATE OR DELETE ON procurement_history FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('procurement_import',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), nullable=False),
    sa.Column('faults', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_procurement_import_person_id_parties_person')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_import_request_id_procurement_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_import'))
    )
    op.create_index('ix_procurement_import_request_id', 'procurement_import', ['request_id', 'id'], unique=False)
    op.create_table('procurement_settlement',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('request_id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('paid_fen', sa.BigInteger(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('state', sa.Enum('open', 'paid', name='settlementstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'paid') = (paid_fen = amount_fen)", name=op.f('ck_procurement_settlement_paid_in_full')),
    sa.CheckConstraint('amount_fen > 0 AND paid_fen >= 0 AND paid_fen <= amount_fen', name=op.f('ck_procurement_settlement_amounts')),
    sa.ForeignKeyConstraint(['request_id'], ['procurement_request.id'], name=op.f('fk_procurement_settlement_request_id_procurement_request')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_procurement_settlement_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_settlement')),
    sa.UniqueConstraint('code', name=op.f('uq_procurement_settlement_code')),
    sa.UniqueConstraint('request_id', 'seller_id', name=op.f('uq_procurement_settlement_request_id_seller_id'))
    )
    op.create_index('ix_procurement_settlement_due', 'procurement_settlement', ['due_on'], unique=False, postgresql_where="state = 'open'")
    op.create_table('procurement_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('net_content', sa.Text(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('boxes', sa.BigInteger(), nullable=False),
    sa.Column('unit_price_fen', sa.BigInteger(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('boxes > 0 AND unit_price_fen > 0 AND amount_fen >= 0', name=op.f('ck_procurement_line_amounts')),
    sa.ForeignKeyConstraint(['delivery_id'], ['procurement_delivery.id'], name=op.f('fk_procurement_line_delivery_id_procurement_delivery')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_procurement_line_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_procurement_line')),
    sa.UniqueConstraint('delivery_id', 'sku', name=op.f('uq_procurement_line_delivery_id_sku'))
    )
    op.create_table('procurement_settlement_part',
    sa.Column('sub_order_code', sa.Text(), nullable=False),
    sa.Column('settlement_id', sa.Uuid(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('paid_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount_fen > 0 AND paid_fen >= 0 AND paid_fen <= amount_fen', name=op.f('ck_procurement_settlement_part_amounts')),
    sa.ForeignKeyConstraint(['settlement_id'], ['procurement_settlement.id'], name=op.f('fk_procurement_settlement_part_settlement_id_procurement_settlement')),
    sa.PrimaryKeyConstraint('sub_order_code', name=op.f('pk_procurement_settlement_part'))
    )
    op.create_index('ix_procurement_settlement_part_settlement_id', 'procurement_settlement_part', ['settlement_id'], unique=False)


def downgrade() -> None:
    op.drop_table('procurement_settlement_part')
    op.drop_table('procurement_line')
    op.drop_table('procurement_settlement')
    op.drop_table('procurement_import')
    op.execute("DROP TRIGGER procurement_history_append_only ON procurement_history")
    op.drop_table('procurement_history')
    op.drop_table('procurement_delivery')
    op.execute("DROP TRIGGER procurement_budget_entry_append_only ON procurement_budget_entry")
    op.drop_table('procurement_budget_entry')
    op.drop_table('procurement_approval_step')
    op.execute("DROP TRIGGER procurement_acceptance_append_only ON procurement_acceptance")
    op.drop_table('procurement_acceptance')
    op.drop_table('procurement_request')
    op.drop_table('procurement_quota')
    op.execute("ALTER TABLE procurement_channel DROP CONSTRAINT ex_procurement_channel_period")
    op.drop_table('procurement_channel')
    op.drop_table('procurement_budget')
    op.drop_table('procurement_approval_rule')
