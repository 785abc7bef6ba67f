"""A mark may stop single boxes of a pack lot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0057'
down_revision = '0056'
branch_labels = None
depends_on = None

STATES = ('none', 'held', 'recalled')


def upgrade() -> None:
    op.add_column('lots_trade_item', sa.Column('stopped', sa.String(length=40), nullable=True))
    op.create_check_constraint(op.f('ck_lots_trade_item_recallstate'), 'lots_trade_item', sa.column('stopped').in_(STATES))
    op.create_table('lots_recall_item',
    sa.Column('mark_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['lots_trade_item.id'], name=op.f('fk_lots_recall_item_item_id_lots_trade_item')),
    sa.ForeignKeyConstraint(['mark_id'], ['lots_recall_mark.id'], name=op.f('fk_lots_recall_item_mark_id_lots_recall_mark')),
    sa.PrimaryKeyConstraint('mark_id', 'item_id', name=op.f('pk_lots_recall_item'))
    )
    op.create_index(op.f('ix_lots_recall_item_item_id'), 'lots_recall_item', ['item_id'])


def downgrade() -> None:
    op.drop_index(op.f('ix_lots_recall_item_item_id'), table_name='lots_recall_item')
    op.drop_table('lots_recall_item')
    op.drop_constraint(op.f('ck_lots_trade_item_recallstate'), 'lots_trade_item', type_='check')
    op.drop_column('lots_trade_item', 'stopped')
