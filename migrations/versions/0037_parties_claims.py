"""What a cooperative says of a household's land, herd or hives waits for the county; what stands already counts as confirmed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parties_capacity_claim',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('was', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('amount', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('found', sa.Numeric(precision=20, scale=6), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('open', 'lowered', 'confirmed', 'refused', name='claimstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('claimed_by', sa.Text(), nullable=True),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision', sa.Text(), nullable=False),
    sa.CheckConstraint("(state IN ('confirmed', 'refused')) = (decided_by IS NOT NULL)", name=op.f('ck_parties_capacity_claim_decided')),
    sa.CheckConstraint("state <> 'lowered' OR amount <= was", name=op.f('ck_parties_capacity_claim_raising_needs_the_county')),
    sa.CheckConstraint('(decided_by IS NULL) = (decided_at IS NULL)', name=op.f('ck_parties_capacity_claim_decided_when')),
    sa.CheckConstraint('amount >= 0 AND found >= 0', name=op.f('ck_parties_capacity_claim_amounts')),
    sa.CheckConstraint('decided_by <> claimed_by', name=op.f('ck_parties_capacity_claim_two_people')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_parties_capacity_claim_household_id_parties_household')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_capacity_claim'))
    )
    op.create_index('ix_parties_capacity_claim_household_id', 'parties_capacity_claim', ['household_id', 'id'], unique=False)
    op.create_index('ix_parties_capacity_claim_open', 'parties_capacity_claim', ['county_code', 'id'], unique=False, postgresql_where="state = 'open'")
    op.create_index('uq_parties_capacity_claim_open', 'parties_capacity_claim', ['household_id', 'basis'], unique=True, postgresql_where="state = 'open'")


def downgrade() -> None:
    op.drop_table('parties_capacity_claim')
