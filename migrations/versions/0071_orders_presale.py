"""An order from a pre-sale says which, and by when it was promised to leave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0071'
down_revision = '0070'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('orders_order', sa.Column('presale_code', sa.Text(), nullable=True))
    op.add_column('orders_order', sa.Column('ship_by', sa.Date(), nullable=True))
    op.create_check_constraint(op.f('ck_orders_order_presale'), 'orders_order', '(presale_code IS NULL) = (ship_by IS NULL)')
    op.create_index(
        'ix_orders_order_presale', 'orders_order', ['presale_code', 'id'], postgresql_where=sa.text('presale_code IS NOT NULL')
    )


def downgrade() -> None:
    op.drop_index('ix_orders_order_presale', table_name='orders_order')
    op.drop_constraint(op.f('ck_orders_order_presale'), 'orders_order', type_='check')
    op.drop_column('orders_order', 'ship_by')
    op.drop_column('orders_order', 'presale_code')
