"""Invoices know their kind and what was sold, and when a red-letter one is due; a guest's requests and reviews follow its orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0068'
down_revision = '0076'
branch_labels = None
depends_on = None

KEEP_REQUEST = """
CREATE OR REPLACE FUNCTION invoices_keep_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := CASE OLD.state
  WHEN 'requested' THEN ARRAY['state', 'invoice_number', 'issued_on', 'recorded_by', 'recorded_at']
  WHEN 'issued' THEN ARRAY['state', 'red_number', 'red_on', 'red_reason'%s]
  ELSE ARRAY[]::text[] END;
BEGIN
  IF current_setting('shanhai.erasing', true) = 'on' THEN may_change := ARRAY['email', 'note']; END IF;
%s  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
    OR (OLD.state = 'issued' AND NEW.state NOT IN ('issued', 'red'))
  THEN RAISE EXCEPTION 'an invoice request is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$
""".strip()
KEEP_WORDS = """
CREATE OR REPLACE FUNCTION reviews_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := ARRAY['state', 'hidden_reason', 'hidden_by'];
BEGIN
%s  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
  THEN RAISE EXCEPTION 'a review is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$
""".strip()
ADOPTING = "  IF current_setting('shanhai.adopting', true) = 'on' THEN may_change := ARRAY['%s']; END IF;\n"


# What was issued before and is more than its seller keeps since: owed from today on.
OWED = """
UPDATE invoices_request SET red_due_at = now() + interval '3 days'
FROM (SELECT part.code, sum(receipt.used_fen - receipt.refunded_fen) AS kept
  FROM orders_receipt receipt JOIN orders_sub_order part ON part.id = receipt.sub_order_id GROUP BY part.code) worth
WHERE subject_code = worth.code AND state = 'issued' AND amount_fen > worth.kept
""".strip()
KINDS = "'after_sales', 'scan_report', 'suspected_copy', 'parcel', 'payment', 'recall', 'presale'"


def upgrade() -> None:
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', f"kind IN ({KINDS}, 'invoice')")
    op.create_index('ix_cases_case_owner', 'cases_case', ['owner_id', 'id'], unique=False, postgresql_where="state <> 'closed'")
    op.add_column('invoices_request', sa.Column('special', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('invoices_request', sa.Column('items', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default='[]'))
    op.add_column('invoices_request', sa.Column('red_due_at', sa.DateTime(timezone=True), nullable=True))
    op.alter_column('invoices_request', 'special', server_default=None)
    op.alter_column('invoices_request', 'items', server_default=None)
    op.create_check_constraint(op.f('ck_invoices_request_special'), 'invoices_request', "NOT special OR title_kind = 'organization'")
    op.create_index('ix_invoices_request_red_due', 'invoices_request', ['red_due_at'], unique=False, postgresql_where="state = 'issued' AND red_due_at IS NOT NULL")
    op.execute(KEEP_REQUEST % (", 'red_due_at'", ADOPTING % 'buyer_person_id'))
    op.execute(KEEP_WORDS % (ADOPTING % 'person_id'))
    op.execute(OWED)


def downgrade() -> None:
    op.execute("UPDATE cases_case SET kind = 'payment' WHERE kind = 'invoice'")
    op.drop_index('ix_cases_case_owner', table_name='cases_case')
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', f'kind IN ({KINDS})')
    op.execute(KEEP_WORDS % '')
    op.execute(KEEP_REQUEST % ('', ''))
    op.drop_index('ix_invoices_request_red_due', table_name='invoices_request')
    op.drop_constraint(op.f('ck_invoices_request_special'), 'invoices_request', type_='check')
    op.drop_column('invoices_request', 'red_due_at')
    op.drop_column('invoices_request', 'items')
    op.drop_column('invoices_request', 'special')
