"""Whether certificates hold of a lot. Of what came out of a tank that was not empty nobody has said so: they do not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0064'
down_revision = '0063'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_lot', sa.Column('certifiable', sa.Boolean(), nullable=False, server_default='true'))
    op.execute("UPDATE lots_lot SET certifiable = false WHERE custody = 'mass_balance'")
    op.alter_column('lots_lot', 'certifiable', server_default=None)
    op.create_check_constraint(op.f('ck_lots_lot_certifiable'), 'lots_lot', "certifiable OR custody = 'mass_balance'")


def downgrade() -> None:
    op.drop_constraint(op.f('ck_lots_lot_certifiable'), 'lots_lot', type_='check')
    op.drop_column('lots_lot', 'certifiable')
