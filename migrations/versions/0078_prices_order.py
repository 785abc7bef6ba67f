"""Lists sorted by price read no further than their page, however many products share a price."""

from __future__ import annotations

from alembic import op

revision = '0078'
down_revision = '0075'
branch_labels = None
depends_on = None

NAME, TABLE, BEFORE = 'ix_prices_price_fen', 'prices_price', ['price_list_id', 'min_quantity', 'fen']


def upgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, [*BEFORE, 'product_id'], unique=False)


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, BEFORE, unique=False)
