"""A product is also found by the other names people have for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0073'
down_revision = '0067'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('products_product', sa.Column('aliases', sa.Text(), server_default='', nullable=False))
    op.alter_column('products_product', 'aliases', server_default=None)


def downgrade() -> None:
    op.drop_column('products_product', 'aliases')
