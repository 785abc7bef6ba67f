"""A yield in another unit needs a rule of the county or its officer's signature. What was recorded before stands: its own range for a rule."""

from __future__ import annotations

from alembic import op

revision = '0046'
down_revision = '0045'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('ALTER TABLE lots_lot_yield DISABLE TRIGGER lots_lot_yield_append_only')
    op.execute(
        "UPDATE lots_lot_yield SET rule_high = greatest(yield_high, round(given / taken, 6) + 0.000001) "
        "WHERE rule_high IS NULL AND given_unit <> taken_unit AND NOT (step = 'reworking' AND taken_unit = 'box')"
    )
    op.execute('ALTER TABLE lots_lot_yield ENABLE TRIGGER lots_lot_yield_append_only')
    op.create_check_constraint(
        op.f('ck_lots_lot_yield_ruled'),
        'lots_lot_yield',
        "rule_high IS NOT NULL OR given_unit = taken_unit OR (step = 'reworking' AND taken_unit = 'box') OR signed_as IS NOT DISTINCT FROM 'county_officer'",
    )


def downgrade() -> None:
    op.drop_constraint(op.f('ck_lots_lot_yield_ruled'), 'lots_lot_yield', type_='check')
