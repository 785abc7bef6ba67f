"""A household's card; households are found by their first letters in pinyin through an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('parties_household', sa.Column('card_token', sa.Text(), nullable=True))
    op.create_index('uq_parties_household_card_token', 'parties_household', ['card_token'], unique=True, postgresql_where=sa.text('card_token IS NOT NULL'))
    op.create_index('ix_parties_household_initials', 'parties_household', ['cooperative_id', 'pinyin_initials', 'member_no'], unique=False, postgresql_ops={'pinyin_initials': 'text_pattern_ops'})


def downgrade() -> None:
    op.drop_index('ix_parties_household_initials', table_name='parties_household')
    op.drop_index('uq_parties_household_card_token', table_name='parties_household')
    op.drop_column('parties_household', 'card_token')
