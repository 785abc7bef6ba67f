"""People who buy without an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0054'
down_revision = '0053'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts_guest',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_accounts_guest_person_id_parties_person')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_accounts_guest'))
    )
    op.create_index(op.f('ix_accounts_guest_created_at'), 'accounts_guest', ['created_at'], unique=False)
    op.create_index(op.f('ix_accounts_guest_phone'), 'accounts_guest', ['phone'], unique=False)


def downgrade() -> None:
    op.drop_table('accounts_guest')
