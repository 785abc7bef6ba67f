"""Create the tables of payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('payments_notice',
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('provider', sa.Enum('stripe', 'bank_transfer', name='provider', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=True),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('missed', sa.Boolean(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('event_id', name=op.f('pk_payments_notice'))
    )
    op.create_index('ix_payments_notice_open', 'payments_notice', ['received_at'], unique=False, postgresql_where='handled_at IS NULL')
    op.create_table('payments_reconciliation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('seen', sa.BigInteger(), nullable=False),
    sa.Column('missed', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payments_reconciliation'))
    )
    op.create_index(op.f('ix_payments_reconciliation_finished_at'), 'payments_reconciliation', ['finished_at'], unique=False)
    op.create_table('payments_payee_account',
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('holder', sa.Text(), nullable=False),
    sa.Column('bank', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('changed_by', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_payments_payee_account_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('seller_id', name=op.f('pk_payments_payee_account'))
    )
    op.create_table('payments_payment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('provider', sa.Enum('stripe', 'bank_transfer', name='provider', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('state', sa.Enum('created', 'open', 'captured', 'closed', name='paymentstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('captured_fen', sa.BigInteger(), nullable=False),
    sa.Column('refunded_fen', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('disputed_fen', sa.BigInteger(), nullable=False),
    sa.Column('provider_reference', sa.Text(), nullable=True),
    sa.Column('remittance_code', sa.Text(), nullable=True),
    sa.Column('pay_url', sa.Text(), nullable=True),
    sa.Column('locale', sa.Text(), nullable=True),
    sa.Column('method', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('captured_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('read_after', sa.DateTime(timezone=True), nullable=False),
    sa.Column('close_asked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.CheckConstraint("(provider = 'bank_transfer') = (remittance_code IS NOT NULL)", name=op.f('ck_payments_payment_remittance_code')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_payments_payment_amount')),
    sa.CheckConstraint('captured_fen >= 0', name=op.f('ck_payments_payment_captured')),
    sa.CheckConstraint('refunded_fen >= 0 AND refunded_fen <= captured_fen', name=op.f('ck_payments_payment_refund_within_captured')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_payments_payment_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payments_payment')),
    sa.UniqueConstraint('code', name=op.f('uq_payments_payment_code')),
    sa.UniqueConstraint('remittance_code', name=op.f('uq_payments_payment_remittance_code'))
    )
    op.create_index('ix_payments_payment_order_code', 'payments_payment', ['order_code'], unique=False)
    op.create_index('ix_payments_payment_seller_id', 'payments_payment', ['seller_id', 'id'], unique=False)
    op.create_index('ix_payments_payment_unsettled', 'payments_payment', ['read_after'], unique=False, postgresql_where="state IN ('created', 'open')")
    op.create_index('uq_payments_payment_one_open', 'payments_payment', ['order_code'], unique=True, postgresql_where="state IN ('created', 'open') AND close_asked_at IS NULL")
    op.create_index('uq_payments_payment_reference', 'payments_payment', ['provider', 'provider_reference'], unique=True, postgresql_where='provider_reference IS NOT NULL')
    op.create_table('payments_statement_import',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('lines', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('imported_by', sa.Text(), nullable=False),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_payments_statement_import_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payments_statement_import'))
    )
    op.create_index(op.f('ix_payments_statement_import_seller_id'), 'payments_statement_import', ['seller_id'], unique=False)
    op.create_table('payments_refund',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('request_key', sa.Text(), nullable=False),
    sa.Column('unused', sa.Boolean(), nullable=False),
    sa.Column('state', sa.Enum('requested', 'sent', 'done', 'failed', name='refundstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('provider_reference', sa.Text(), nullable=True),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempt', sa.BigInteger(), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_payments_refund_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments_payment.id'], name=op.f('fk_payments_refund_payment_id_payments_payment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payments_refund')),
    sa.UniqueConstraint('request_key', name=op.f('uq_payments_refund_request_key'))
    )
    op.create_index('ix_payments_refund_payment_id', 'payments_refund', ['payment_id'], unique=False)
    op.create_index('ix_payments_refund_unsent', 'payments_refund', ['created_at'], unique=False, postgresql_where="state IN ('requested', 'sent')")
    op.create_index('uq_payments_refund_reference', 'payments_refund', ['provider_reference'], unique=True, postgresql_where='provider_reference IS NOT NULL')
    op.create_table('payments_statement_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('import_id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('fingerprint', sa.Text(), nullable=False),
    sa.Column('booked_on', sa.Date(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('payer', sa.Text(), nullable=False),
    sa.Column('memo', sa.Text(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('verdict', sa.Enum('exact', 'part', 'over', 'double', 'assigned', 'unmatched', 'ambiguous', 'other_seller', 'known', 'not_credit', 'unreadable', name='verdict', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('assigned_by', sa.Text(), nullable=True),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_payments_statement_line_amount')),
    sa.ForeignKeyConstraint(['import_id'], ['payments_statement_import.id'], name=op.f('fk_payments_statement_line_import_id_payments_statement_import')),
    sa.ForeignKeyConstraint(['payment_id'], ['payments_payment.id'], name=op.f('fk_payments_statement_line_payment_id_payments_payment')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_payments_statement_line_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payments_statement_line')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_payments_statement_line_fingerprint'))
    )
    op.create_index(op.f('ix_payments_statement_line_import_id'), 'payments_statement_line', ['import_id'], unique=False)
    op.create_index('ix_payments_statement_line_open', 'payments_statement_line', ['seller_id', 'id'], unique=False, postgresql_where='payment_id IS NULL')
    op.create_index(op.f('ix_payments_statement_line_payment_id'), 'payments_statement_line', ['payment_id'], unique=False)


def downgrade() -> None:
    op.drop_table('payments_statement_line')
    op.drop_table('payments_refund')
    op.drop_table('payments_statement_import')
    op.drop_table('payments_payment')
    op.drop_table('payments_payee_account')
    op.drop_table('payments_reconciliation')
    op.drop_table('payments_notice')
