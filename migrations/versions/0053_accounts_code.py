"""One-time codes, agreements, and messages to an address behind which nobody is known yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0053'
down_revision = '0052'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('contact', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('tries >= 0', name=op.f('ck_accounts_code_tries')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts_code'))
    )
    op.create_index(op.f('ix_accounts_code_asked_at'), 'accounts_code', ['asked_at'], unique=False)
    op.create_index('ix_accounts_code_contact', 'accounts_code', ['contact', 'id'], unique=False)
    op.create_table('accounts_agreement',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('agreed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_agreement_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts_agreement'))
    )
    op.create_index(op.f('ix_accounts_agreement_person_id'), 'accounts_agreement', ['person_id'], unique=False)
    op.add_column('notices_notice', sa.Column('address', sa.Text(), nullable=True))
    op.alter_column('notices_notice', 'person_id', nullable=True)
    op.create_check_constraint(op.f('ck_notices_notice_addressee'), 'notices_notice', '(person_id IS NULL) <> (address IS NULL)')


def downgrade() -> None:
    op.execute('DELETE FROM notices_notice WHERE person_id IS NULL')
    op.drop_constraint(op.f('ck_notices_notice_addressee'), 'notices_notice', type_='check')
    op.alter_column('notices_notice', 'person_id', nullable=False)
    op.drop_column('notices_notice', 'address')
    op.drop_table('accounts_agreement')
    op.drop_table('accounts_code')
