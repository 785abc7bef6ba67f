"""Freight templates say how many days handing over and carrying take, and who set and ended them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0075'
down_revision = '0072'
branch_labels = None
depends_on = None

DAYS = ('handling_days', 'days_from', 'days_to')


def upgrade() -> None:
    for name in DAYS:
        op.add_column('prices_freight_template', sa.Column(name, sa.BigInteger(), nullable=True))
    for name in ('set_by', 'ended_by'):
        op.add_column('prices_freight_template', sa.Column(name, sa.Text(), nullable=False, server_default=''))
        op.alter_column('prices_freight_template', name, server_default=None)
    op.create_check_constraint(op.f('ck_prices_freight_template_days_together'), 'prices_freight_template', 'num_nulls(handling_days, days_from, days_to) IN (0, 3)')
    op.create_check_constraint(op.f('ck_prices_freight_template_days_in_order'), 'prices_freight_template', 'handling_days >= 0 AND days_from >= 0 AND days_to >= days_from')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_prices_freight_template_days_in_order'), 'prices_freight_template')
    op.drop_constraint(op.f('ck_prices_freight_template_days_together'), 'prices_freight_template')
    for name in ('ended_by', 'set_by', *reversed(DAYS)):
        op.drop_column('prices_freight_template', name)
