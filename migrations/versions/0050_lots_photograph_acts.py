"""A photograph belongs to the event of its act, which may be another than a delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0050'
down_revision = '0049'
branch_labels = None
depends_on = None

EVENT_OF_DELIVERY = """
UPDATE lots_act_photo photo SET event_id = event.id
FROM lots_household_delivery delivery JOIN lots_lot lot ON lot.id = delivery.lot_id
JOIN events_trace_event event ON event.lot_code = lot.code AND event.biz_step = 'commissioning' AND NOT event.is_declaration
WHERE delivery.id = photo.delivery_id
"""


def upgrade() -> None:
    op.add_column('lots_act_photo', sa.Column('event_id', sa.Uuid(), nullable=True))
    op.execute(EVENT_OF_DELIVERY)
    op.alter_column('lots_act_photo', 'event_id', nullable=False)
    op.alter_column('lots_act_photo', 'delivery_id', nullable=True)
    op.alter_column('lots_act_photo', 'household_id', nullable=True)
    op.create_foreign_key(op.f('fk_lots_act_photo_event_id_events_trace_event'), 'lots_act_photo', 'events_trace_event', ['event_id'], ['id'])
    op.create_unique_constraint(op.f('uq_lots_act_photo_event_id'), 'lots_act_photo', ['event_id'])
    op.create_check_constraint(op.f('ck_lots_act_photo_owned'), 'lots_act_photo', 'delivery_id IS NULL OR household_id IS NOT NULL')


def downgrade() -> None:
    op.execute('DELETE FROM lots_act_photo WHERE delivery_id IS NULL')
    op.drop_constraint('ck_lots_act_photo_owned', 'lots_act_photo')
    op.drop_column('lots_act_photo', 'event_id')
    op.alter_column('lots_act_photo', 'delivery_id', nullable=False)
    op.alter_column('lots_act_photo', 'household_id', nullable=False)
