"""Addresses know the area that was picked, and which of them is the usual one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0055'
down_revision = '0054'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('accounts_address', sa.Column('area_code', sa.Text(), nullable=True))
    op.add_column('accounts_address', sa.Column('is_default', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('accounts_address', 'is_default', server_default=None)
    op.create_foreign_key(op.f('fk_accounts_address_area_code_areas_area'), 'accounts_address', 'areas_area', ['area_code'], ['code'])
    op.create_check_constraint(op.f('ck_accounts_address_area_in_province'), 'accounts_address', 'left(area_code, 2) = left(province_code, 2)')
    op.create_index('uq_accounts_address_default', 'accounts_address', ['person_id'], unique=True, postgresql_where='is_default AND removed_at IS NULL')


def downgrade() -> None:
    op.drop_index('uq_accounts_address_default', table_name='accounts_address')
    op.drop_constraint(op.f('ck_accounts_address_area_in_province'), 'accounts_address', type_='check')
    op.drop_constraint(op.f('fk_accounts_address_area_code_areas_area'), 'accounts_address', type_='foreignkey')
    op.drop_column('accounts_address', 'is_default')
    op.drop_column('accounts_address', 'area_code')
