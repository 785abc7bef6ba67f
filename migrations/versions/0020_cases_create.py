"""Create the tables of cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('cases_case',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('after_sales', 'scan_report', 'suspected_copy', 'parcel', 'payment', 'recall', name='casekind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('state', sa.Enum('open', 'waiting', 'closed', name='casestate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('opened_by', sa.Uuid(), nullable=True),
    sa.Column('contact', sa.Text(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f('ck_cases_case_closed')),
    sa.CheckConstraint("(state = 'open') = (due_at IS NOT NULL)", name=op.f('ck_cases_case_due_while_open')),
    sa.CheckConstraint('char_length(contact) <= 100', name=op.f('ck_cases_case_contact_bounded')),
    sa.ForeignKeyConstraint(['opened_by'], ['parties_person.id'], name=op.f('fk_cases_case_opened_by_parties_person')),
    sa.ForeignKeyConstraint(['owner_id'], ['parties_person.id'], name=op.f('fk_cases_case_owner_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases_case')),
    sa.UniqueConstraint('code', name=op.f('uq_cases_case_code'))
    )
    op.create_index('ix_cases_case_due', 'cases_case', ['due_at'], unique=False, postgresql_where="state = 'open'")
    op.create_index('ix_cases_case_person', 'cases_case', ['opened_by', 'id'], unique=False)
    op.create_index('ix_cases_case_state', 'cases_case', ['state', 'id'], unique=False)
    op.create_table('cases_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('side', sa.Enum('reporter', 'staff', name='side', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('photo_digest', sa.Text(), nullable=True),
    sa.Column('photo_type', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(photo_digest IS NULL) = (photo_type IS NULL)', name=op.f('ck_cases_message_photo')),
    sa.CheckConstraint('char_length(text) BETWEEN 1 AND 1000', name=op.f('ck_cases_message_text_bounded')),
    sa.ForeignKeyConstraint(['case_id'], ['cases_case.id'], name=op.f('fk_cases_message_case_id_cases_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases_message')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER cases_message_append_only BEFORE UPDATE OR DELETE ON cases_message FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER cases_message_append_only ON cases_message')]}
    )
    op.create_index('ix_cases_message_case_id', 'cases_message', ['case_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER cases_message_append_only BEFORE UPDATE OR DELETE ON cases_message FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('cases_subject',
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases_case.id'], name=op.f('fk_cases_subject_case_id_cases_case')),
    sa.PrimaryKeyConstraint('case_id', 'code', name=op.f('pk_cases_subject'))
    )
    op.create_index(op.f('ix_cases_subject_code'), 'cases_subject', ['code'], unique=False)


def downgrade() -> None:
    op.drop_table('cases_subject')
    op.execute("DROP TRIGGER cases_message_append_only ON cases_message")
    op.drop_table('cases_message')
    op.drop_table('cases_case')
