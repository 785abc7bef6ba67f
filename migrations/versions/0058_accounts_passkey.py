"""Passkeys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0058'
down_revision = '0057'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts_passkey',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(), nullable=False),
    sa.Column('credential', sa.LargeBinary(), nullable=False),
    sa.Column('used_count', sa.BigInteger(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('used_count >= 0', name=op.f('ck_accounts_passkey_used_count')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_passkey_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts_passkey')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_accounts_passkey_credential_id'))
    )
    op.create_index(op.f('ix_accounts_passkey_person_id'), 'accounts_passkey', ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_table('accounts_passkey')
