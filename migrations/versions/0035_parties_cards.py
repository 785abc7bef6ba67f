"""Cards by which households take consent back; who recorded that it was taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parties_household_card',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('issued_by', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_parties_household_card_household_id_parties_household')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_household_card')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_parties_household_card_token_hash'))
    )
    op.create_index('ix_parties_household_card_household_id', 'parties_household_card', ['household_id', 'id'], unique=False)
    op.add_column('parties_consent', sa.Column('withdrawn_by', sa.Text(), nullable=True))
    # Until now only clerks and the operator could withdraw, and it was not written down which of them did.
    op.execute("UPDATE parties_consent SET withdrawn_by = 'unknown' WHERE withdrawn_at IS NOT NULL")
    op.create_check_constraint(op.f('ck_parties_consent_withdrawn_by_somebody'), 'parties_consent', '(withdrawn_at IS NULL) = (withdrawn_by IS NULL)')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_parties_consent_withdrawn_by_somebody'), 'parties_consent', type_='check')
    op.drop_column('parties_consent', 'withdrawn_by')
    op.drop_table('parties_household_card')
