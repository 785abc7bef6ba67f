"""Erasing households and persons: by two people, over all rooms; what they said in cases and mail addresses on invoices may go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None

ERASABLE = """
CREATE OR REPLACE FUNCTION refuse_change_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('shanhai.erasing', true) = 'on' AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
""".strip()
KEEP_REQUEST = """
CREATE OR REPLACE FUNCTION invoices_keep_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := CASE OLD.state
  WHEN 'requested' THEN ARRAY['state', 'invoice_number', 'issued_on', 'recorded_by', 'recorded_at']
  WHEN 'issued' THEN ARRAY['state', 'red_number', 'red_on', 'red_reason']
  ELSE ARRAY[]::text[] END;
BEGIN
%s  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
    OR (OLD.state = 'issued' AND NEW.state NOT IN ('issued', 'red'))
  THEN RAISE EXCEPTION 'an invoice request is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$
""".strip()
BUT_ERASING = "  IF current_setting('shanhai.erasing', true) = 'on' THEN may_change := ARRAY['email', 'note']; END IF;\n"
TRIGGER = "CREATE TRIGGER cases_message_append_only BEFORE UPDATE OR DELETE ON cases_message FOR EACH ROW EXECUTE FUNCTION "


def upgrade() -> None:
    op.add_column('parties_household', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f('ck_parties_household_erased'), 'parties_household', "erased_at IS NULL OR head_name = ''")
    op.add_column('parties_person', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f('ck_parties_person_erased'), 'parties_person', "erased_at IS NULL OR (name = '' AND phone IS NULL AND email IS NULL)")
    op.create_table('backoffice_erasure',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('subject_kind', sa.Enum('household', 'person', name='subjectkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('subject_code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('found', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'decided', 'refused', name='erasurestate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=False),
    sa.Column('proposed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name=op.f('ck_backoffice_erasure_two_people')),
    sa.CheckConstraint("(state = 'waiting') = (decided_by IS NULL)", name=op.f('ck_backoffice_erasure_second_person')),
    sa.ForeignKeyConstraint(['decided_by'], ['parties_person.id'], name=op.f('fk_backoffice_erasure_decided_by_parties_person')),
    sa.ForeignKeyConstraint(['proposed_by'], ['parties_person.id'], name=op.f('fk_backoffice_erasure_proposed_by_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_backoffice_erasure')),
    sa.UniqueConstraint('code', name=op.f('uq_backoffice_erasure_code'))
    )
    op.create_index('ix_backoffice_erasure_subject_id', 'backoffice_erasure', ['subject_id', 'id'], unique=False)
    op.create_index('uq_backoffice_erasure_waiting', 'backoffice_erasure', ['subject_id'], unique=True, postgresql_where="state = 'waiting'")
    op.execute(ERASABLE)
    op.execute('DROP TRIGGER cases_message_append_only ON cases_message')
    op.execute(f"{TRIGGER}refuse_change_but_erasing('author', 'text', 'photo_digest', 'photo_type')")
    op.execute(KEEP_REQUEST % BUT_ERASING)


def downgrade() -> None:
    op.execute(KEEP_REQUEST % '')
    op.execute('DROP TRIGGER cases_message_append_only ON cases_message')
    op.execute(f'{TRIGGER}refuse_change()')
    op.drop_table('backoffice_erasure')
    op.drop_constraint(op.f('ck_parties_person_erased'), 'parties_person', type_='check')
    op.drop_column('parties_person', 'erased_at')
    op.drop_constraint(op.f('ck_parties_household_erased'), 'parties_household', type_='check')
    op.drop_column('parties_household', 'erased_at')
