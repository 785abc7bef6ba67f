"""A delivery may be replaced by a later one; an ear tag comes free when its delivery is declared wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0041'
down_revision = '0040'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_household_delivery', sa.Column('replaced_by_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_lots_household_delivery_replaced_by'), 'lots_household_delivery', 'lots_household_delivery', ['replaced_by_id'], ['id'])
    op.create_check_constraint(op.f('ck_lots_household_delivery_replaced'), 'lots_household_delivery', "replaced_by_id IS NULL OR slip_state = 'corrected'")
    op.add_column('lots_ear_tag', sa.Column('turn', sa.BigInteger(), nullable=False, server_default='1'))
    op.alter_column('lots_ear_tag', 'turn', server_default=None)
    op.drop_constraint(op.f('pk_lots_ear_tag'), 'lots_ear_tag')
    op.create_primary_key(op.f('pk_lots_ear_tag'), 'lots_ear_tag', ['tag', 'turn'])
    op.create_check_constraint(op.f('ck_lots_ear_tag_turn'), 'lots_ear_tag', 'turn > 0')


def downgrade() -> None:
    op.execute("ALTER TABLE lots_ear_tag DISABLE TRIGGER lots_ear_tag_append_only")
    op.execute("DELETE FROM lots_ear_tag t WHERE turn % 2 = 0 OR EXISTS (SELECT 1 FROM lots_ear_tag later WHERE later.tag = t.tag AND later.turn > t.turn)")
    op.execute("ALTER TABLE lots_ear_tag ENABLE TRIGGER lots_ear_tag_append_only")
    op.drop_constraint(op.f('ck_lots_ear_tag_turn'), 'lots_ear_tag')
    op.drop_constraint(op.f('pk_lots_ear_tag'), 'lots_ear_tag')
    op.create_primary_key(op.f('pk_lots_ear_tag'), 'lots_ear_tag', ['tag'])
    op.drop_column('lots_ear_tag', 'turn')
    op.drop_constraint(op.f('ck_lots_household_delivery_replaced'), 'lots_household_delivery')
    op.drop_constraint(op.f('fk_lots_household_delivery_replaced_by'), 'lots_household_delivery')
    op.drop_column('lots_household_delivery', 'replaced_by_id')
