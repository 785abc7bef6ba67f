"""Create the tables of backoffice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('backoffice_audit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_backoffice_audit_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_backoffice_audit')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER backoffice_audit_append_only BEFORE UPDATE OR DELETE ON backoffice_audit FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER backoffice_audit_append_only ON backoffice_audit')]}
    )
    op.create_index('ix_backoffice_audit_person_id', 'backoffice_audit', ['person_id', 'id'], unique=False)
    op.create_index('ix_backoffice_audit_subject', 'backoffice_audit', ['subject', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER backoffice_audit_append_only BEFORE UPDATE OR DELETE ON backoffice_audit FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('backoffice_refund_proposal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('needs_second', sa.Boolean(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'agreed', 'refused', name='proposalstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=False),
    sa.Column('proposed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("NOT needs_second OR state = 'waiting' OR decided_by IS NOT NULL", name=op.f('ck_backoffice_refund_proposal_second_person')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_backoffice_refund_proposal_amount')),
    sa.CheckConstraint('decided_by IS NULL OR decided_by <> proposed_by', name=op.f('ck_backoffice_refund_proposal_two_people')),
    sa.ForeignKeyConstraint(['decided_by'], ['parties_person.id'], name=op.f('fk_backoffice_refund_proposal_decided_by_parties_person')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments_payment.id'], name=op.f('fk_backoffice_refund_proposal_payment_id_payments_payment')),
    sa.ForeignKeyConstraint(['proposed_by'], ['parties_person.id'], name=op.f('fk_backoffice_refund_proposal_proposed_by_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_backoffice_refund_proposal')),
    sa.UniqueConstraint('code', name=op.f('uq_backoffice_refund_proposal_code'))
    )
    op.create_index('ix_backoffice_refund_proposal_order_code', 'backoffice_refund_proposal', ['order_code'], unique=False)
    op.create_index('ix_backoffice_refund_proposal_waiting', 'backoffice_refund_proposal', ['id'], unique=False, postgresql_where="state = 'waiting'")


def downgrade() -> None:
    op.drop_table('backoffice_refund_proposal')
    op.execute("DROP TRIGGER backoffice_audit_append_only ON backoffice_audit")
    op.drop_table('backoffice_audit')
