"""A household confirms or disputes its slip; what was said stays in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None

STATES = ('waiting', 'confirmed', 'disputed', 'answered', 'corrected')
SUBJECTS = ('weight', 'price', 'money', 'strange', 'other')


def upgrade() -> None:
    state = sa.Enum(*STATES, name='slipstate', native_enum=False, create_constraint=False, length=40)
    op.add_column('lots_household_delivery', sa.Column('slip_state', state, nullable=False, server_default='waiting'))
    op.alter_column('lots_household_delivery', 'slip_state', server_default=None)
    op.create_check_constraint(op.f('ck_lots_household_delivery_slipstate'), 'lots_household_delivery', sa.column('slip_state').in_(STATES))
    op.create_index('ix_lots_household_delivery_disputed', 'lots_household_delivery', ['id'], unique=False, postgresql_where=sa.text("slip_state = 'disputed'"))
    op.create_table('lots_slip_word',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum(*STATES, name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('about', sa.Enum(*SUBJECTS, name='disputesubject', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('words', sa.Text(), nullable=True),
    sa.Column('said_by', sa.Text(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state <> 'waiting'", name=op.f('ck_lots_slip_word_says_something')),
    sa.ForeignKeyConstraint(['delivery_id'], ['lots_household_delivery.id'], name=op.f('fk_lots_slip_word_delivery_id_lots_household_delivery')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_slip_word'))
    )
    op.create_index('ix_lots_slip_word_delivery', 'lots_slip_word', ['delivery_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('lots_slip_word')
    op.drop_index('ix_lots_household_delivery_disputed', table_name='lots_household_delivery')
    op.drop_constraint(op.f('ck_lots_household_delivery_slipstate'), 'lots_household_delivery')
    op.drop_column('lots_household_delivery', 'slip_state')
