"""Create the tables of accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts_address',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('street', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("province_code ~ '^[1-8][0-9]0000$'", name=op.f('ck_accounts_address_province_code')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_address_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts_address'))
    )
    op.create_index(op.f('ix_accounts_address_person_id'), 'accounts_address', ['person_id'], unique=False)
    op.create_table('accounts_login',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_login_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts_login')),
    sa.UniqueConstraint('name', name=op.f('uq_accounts_login_name'))
    )
    op.create_index(op.f('ix_accounts_login_person_id'), 'accounts_login', ['person_id'], unique=False)
    op.create_table('accounts_session',
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_session_person_id_parties_person')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_accounts_session'))
    )
    op.create_index(op.f('ix_accounts_session_expires_at'), 'accounts_session', ['expires_at'], unique=False)
    op.create_index(op.f('ix_accounts_session_person_id'), 'accounts_session', ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_table('accounts_session')
    op.drop_table('accounts_login')
    op.drop_table('accounts_address')
