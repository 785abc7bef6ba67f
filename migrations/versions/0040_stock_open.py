"""Boxes on a shelf may be opened again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0040'
down_revision = '0039'
branch_labels = None
depends_on = None

KINDS = ('received', 'dispatched', 'discarded')


def upgrade() -> None:
    _choices((*KINDS, 'opened'))


def downgrade() -> None:
    _choices(KINDS)


def _choices(values: tuple[str, ...]) -> None:
    name = op.f('ck_stock_move_movekind')
    op.drop_constraint(name, 'stock_move', type_='check')
    op.create_check_constraint(name, 'stock_move', sa.column('kind').in_(values))
