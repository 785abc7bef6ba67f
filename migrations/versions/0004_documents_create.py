"""Create the tables of documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('documents_document',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('business_licence', 'food_production_licence', 'slaughter_licence', 'animal_quarantine', 'meat_inspection', 'promise_certificate', 'green_food', 'organic', 'geographical_indication', 'test_report', name='documentkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('subject_kind', sa.Enum('organization', 'product', 'lot', name='subjectkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('subject_code', sa.Text(), nullable=False),
    sa.Column('issuer', sa.Text(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('check_state', sa.Enum('recorded', 'format_ok', 'checked_at_source', name='checkstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('checked_by', sa.Text(), nullable=False),
    sa.Column('checker', sa.Text(), nullable=False),
    sa.Column('checked_on', sa.Date(), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_reason', sa.Text(), nullable=False),
    sa.Column('file_digest', sa.Text(), nullable=True),
    sa.Column('file_type', sa.Text(), nullable=True),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint("(revoked_at IS NULL) = (revoked_reason = '')", name=op.f('ck_documents_document_revoked_with_reason')),
    sa.CheckConstraint("check_state <> 'checked_at_source' OR (checked_on IS NOT NULL AND checked_by <> '')", name=op.f('ck_documents_document_checked_by_whom')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_documents_document')),
    info={'extra_ddl': [("ALTER TABLE documents_document ADD CONSTRAINT ex_documents_document_period EXCLUDE USING gist (kind WITH =, number WITH =, subject_kind WITH =, subject_code WITH =, daterange(valid_from, valid_to, '[]') WITH &&) WHERE (revoked_at IS NULL)", 'ALTER TABLE documents_document DROP CONSTRAINT ex_documents_document_period')]}
    )
    op.create_index('ix_documents_document_subject', 'documents_document', ['subject_kind', 'subject_code', 'kind'], unique=False)
    op.execute("ALTER TABLE documents_document ADD CONSTRAINT ex_documents_document_period EXCLUDE USING gist (kind WITH =, number WITH =, subject_kind WITH =, subject_code WITH =, daterange(valid_from, valid_to, '[]') WITH &&) WHERE (revoked_at IS NULL)")
    op.create_table('documents_promise_certificate',
    sa.Column('document_id', sa.Uuid(), nullable=False),
    sa.Column('lot_code', sa.Text(), nullable=False),
    sa.Column('product_name', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('basis', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('promiser_code', sa.Text(), nullable=False),
    sa.Column('promiser_name', sa.Text(), nullable=False),
    sa.Column('contact', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_documents_promise_certificate_quantity_positive')),
    sa.ForeignKeyConstraint(['document_id'], ['documents_document.id'], name=op.f('fk_documents_promise_certificate_document_id_documents_document')),
    sa.PrimaryKeyConstraint('document_id', name=op.f('pk_documents_promise_certificate'))
    )
    op.create_index(op.f('ix_documents_promise_certificate_lot_code'), 'documents_promise_certificate', ['lot_code'], unique=False)


def downgrade() -> None:
    op.drop_table('documents_promise_certificate')
    op.execute("ALTER TABLE documents_document DROP CONSTRAINT ex_documents_document_period")
    op.drop_table('documents_document')
