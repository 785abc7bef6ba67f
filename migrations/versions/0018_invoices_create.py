"""Create the tables of invoices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('invoices_counter',
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_invoices_counter_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('seller_id', name=op.f('pk_invoices_counter'))
    )
    op.create_table('invoices_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('subject_code', sa.Text(), nullable=False),
    sa.Column('buyer_person_id', sa.Uuid(), nullable=True),
    sa.Column('buyer_organization_id', sa.Uuid(), nullable=True),
    sa.Column('title_kind', sa.Enum('personal', 'organization', name='titlekind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('tax_number', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('requested', 'issued', 'red', 'withdrawn', name='invoicestate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('invoice_number', sa.Text(), nullable=True),
    sa.Column('issued_on', sa.Date(), nullable=True),
    sa.Column('recorded_by', sa.Text(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('red_number', sa.Text(), nullable=True),
    sa.Column('red_on', sa.Date(), nullable=True),
    sa.Column('red_reason', sa.Text(), nullable=True),
    sa.CheckConstraint("(state = 'red') = (red_number IS NOT NULL)", name=op.f('ck_invoices_request_red')),
    sa.CheckConstraint("(state IN ('issued', 'red')) = (invoice_number IS NOT NULL)", name=op.f('ck_invoices_request_issued')),
    sa.CheckConstraint("(title_kind = 'organization') = (tax_number IS NOT NULL)", name=op.f('ck_invoices_request_tax_number')),
    sa.CheckConstraint("invoice_number ~ '^([0-9]{20}|示例-.*)$'", name=op.f('ck_invoices_request_invoice_number_format')),
    sa.CheckConstraint('buyer_person_id IS NOT NULL OR buyer_organization_id IS NOT NULL', name=op.f('ck_invoices_request_buyer')),
    sa.CheckConstraint('number > 0 AND amount_fen > 0', name=op.f('ck_invoices_request_positive')),
    sa.ForeignKeyConstraint(['buyer_organization_id'], ['parties_organization.id'], name=op.f('fk_invoices_request_buyer_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['buyer_person_id'], ['parties_person.id'], name=op.f('fk_invoices_request_buyer_person_id_parties_person')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_invoices_request_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoices_request')),
    sa.UniqueConstraint('code', name=op.f('uq_invoices_request_code')),
    sa.UniqueConstraint('seller_id', 'number', name=op.f('uq_invoices_request_seller_id_number')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION invoices_keep_request() RETURNS trigger LANGUAGE plpgsql AS $$\nDECLARE may_change text[] := CASE OLD.state\n  WHEN 'requested' THEN ARRAY['state', 'invoice_number', 'issued_on', 'recorded_by', 'recorded_at']\n  WHEN 'issued' THEN ARRAY['state', 'red_number', 'red_on', 'red_reason']\n  ELSE ARRAY[]::text[] END;\nBEGIN\n  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change\n    OR (OLD.state = 'issued' AND NEW.state NOT IN ('issued', 'red'))\n  THEN RAISE EXCEPTION 'an invoice request is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;\n  RETURN NEW;\nEND $$", 'SELECT 1'), ('CREATE TRIGGER invoices_request_kept BEFORE UPDATE OR DELETE ON invoices_request FOR EACH ROW EXECUTE FUNCTION invoices_keep_request()', 'DROP TRIGGER invoices_request_kept ON invoices_request')]}
    )
    op.create_index('ix_invoices_request_organization', 'invoices_request', ['buyer_organization_id', 'id'], unique=False)
    op.create_index('ix_invoices_request_person', 'invoices_request', ['buyer_person_id', 'id'], unique=False)
    op.create_index('ix_invoices_request_state', 'invoices_request', ['state', 'id'], unique=False)
    op.create_index('ix_invoices_request_subject_code', 'invoices_request', ['subject_code', 'id'], unique=False)
    op.create_index('uq_invoices_request_invoice', 'invoices_request', ['invoice_number'], unique=True, postgresql_where='invoice_number IS NOT NULL')
    op.create_index('uq_invoices_request_live', 'invoices_request', ['subject_code'], unique=True, postgresql_where="state IN ('requested', 'issued')")
    op.create_index('uq_invoices_request_red', 'invoices_request', ['red_number'], unique=True, postgresql_where='red_number IS NOT NULL')
    op.execute("""CREATE OR REPLACE FUNCTION invoices_keep_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := CASE OLD.state
  WHEN 'requested' THEN ARRAY['state', 'invoice_number', 'issued_on', 'recorded_by', 'recorded_at']
  WHEN 'issued' THEN ARRAY['state', 'red_number', 'red_on', 'red_reason']
  ELSE ARRAY[]::text[] END;
BEGIN
  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
    OR (OLD.state = 'issued' AND NEW.state NOT IN ('issued', 'red'))
  THEN RAISE EXCEPTION 'an invoice request is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$""")
    op.execute("CREATE TRIGGER invoices_request_kept BEFORE UPDATE OR DELETE ON invoices_request FOR EACH ROW EXECUTE FUNCTION invoices_keep_request()")


def downgrade() -> None:
    op.execute("DROP TRIGGER invoices_request_kept ON invoices_request")
    op.drop_table('invoices_request')
    op.drop_table('invoices_counter')
