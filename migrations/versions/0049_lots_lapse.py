"""A grant ends with the delivery it was given for; a question to the county knows its household; lists have their indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0049'
down_revision = '0048'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_capacity_request', sa.Column('lapsed', sa.Numeric(precision=20, scale=6), nullable=False, server_default='0'))
    op.alter_column('lots_capacity_request', 'lapsed', server_default=None)
    op.create_check_constraint(op.f('ck_lots_capacity_request_lapsed'), 'lots_capacity_request', 'lapsed >= 0 AND lapsed <= coalesce(granted, 0)')
    op.add_column('cooperative_county_question', sa.Column('household_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_cooperative_county_question_household_id_parties_household'), 'cooperative_county_question', 'parties_household', ['household_id'], ['id'])
    op.create_index(op.f('ix_cooperative_county_question_household_id'), 'cooperative_county_question', ['household_id'])
    op.create_index('ix_cooperative_county_question_county_code', 'cooperative_county_question', ['county_code', 'id'])
    op.create_index('ix_lots_lot_delivered', 'lots_lot', ['organization_id', 'produced_on', 'id'], postgresql_where="kind = 'delivery'")


def downgrade() -> None:
    op.drop_index('ix_lots_lot_delivered', table_name='lots_lot')
    op.drop_index('ix_cooperative_county_question_county_code', table_name='cooperative_county_question')
    op.drop_index(op.f('ix_cooperative_county_question_household_id'), table_name='cooperative_county_question')
    op.drop_constraint(op.f('fk_cooperative_county_question_household_id_parties_household'), 'cooperative_county_question', type_='foreignkey')
    op.drop_column('cooperative_county_question', 'household_id')
    op.drop_constraint(op.f('ck_lots_capacity_request_lapsed'), 'lots_capacity_request', type_='check')
    op.drop_column('lots_capacity_request', 'lapsed')
