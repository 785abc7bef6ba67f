"""Codes know the browser that asked for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0062'
down_revision = '0061'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ('browser', 'asked_from'):
        op.add_column('accounts_code', sa.Column(name, sa.Text(), nullable=False, server_default=''))
        op.alter_column('accounts_code', name, server_default=None)


def downgrade() -> None:
    op.drop_column('accounts_code', 'asked_from')
    op.drop_column('accounts_code', 'browser')
