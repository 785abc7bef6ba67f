"""Beyond the cap the county decides, outside its yields a step is signed by a second person, and counties have their own yields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0038'
down_revision = '0037'
branch_labels = None
depends_on = None

UNITS = ('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle')
STEPS = ('mixing', 'slaughtering', 'cutting', 'freezing', 'sorting', 'drying', 'milling', 'pressing', 'roasting', 'processing', 'packing')
MORE_STEPS = (*STEPS, 'splitting', 'reworking')
BASES = ('land_mu', 'heads', 'hives')
MORE_BASES = (*BASES, 'logs', 'cages')
EXCLUDE = 'ALTER TABLE lots_yield_rule ADD CONSTRAINT ex_lots_yield_rule_period EXCLUDE USING gist (%sstep WITH =, material WITH =, unit WITH =, per_unit WITH =, daterange(valid_from, valid_to, \'[]\') WITH &&)'


def upgrade() -> None:
    op.create_table('lots_capacity_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('season', sa.Text(), nullable=False),
    sa.Column('unit', sa.Enum(*UNITS, name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('wanted', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('cap', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('so_far', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('granted', sa.Numeric(precision=20, scale=6), nullable=True),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('verdict', sa.Enum('open', 'approved', 'refused', name='verdict', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision', sa.Text(), nullable=True),
    sa.CheckConstraint("(granted IS NOT NULL) = (verdict = 'approved') AND granted > 0 AND granted <= so_far + wanted - cap", name=op.f('ck_lots_capacity_request_granted')),
    sa.CheckConstraint('wanted > 0 AND so_far + wanted > cap', name=op.f('ck_lots_capacity_request_beyond_cap')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_lots_capacity_request_household_id_parties_household')),
    sa.CheckConstraint("(verdict = 'open') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (decision IS NULL)", name=op.f('ck_lots_capacity_request_decided')),
    sa.CheckConstraint('decided_by <> asked_by', name=op.f('ck_lots_capacity_request_two_people')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_lots_capacity_request_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_capacity_request'))
    )
    op.create_index('ix_lots_capacity_request_open', 'lots_capacity_request', ['county_code', 'id'], unique=False, postgresql_where="verdict = 'open'")
    op.create_index('ix_lots_capacity_request_organization_id', 'lots_capacity_request', ['organization_id', 'id'], unique=False)
    op.create_index('ix_lots_capacity_request_household', 'lots_capacity_request', ['household_id', 'material', 'season'], unique=False)
    op.create_index('uq_lots_capacity_request_open', 'lots_capacity_request', ['household_id', 'material', 'season'], unique=True, postgresql_where="verdict = 'open'")
    op.create_table('lots_step_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('step', sa.Enum(*MORE_STEPS, name='step', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('faults', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('county_only', sa.Boolean(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('verdict', sa.Enum('open', 'approved', 'refused', name='verdict', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['event_id'], ['events_trace_event.id'], name=op.f('fk_lots_step_request_event_id_events_trace_event')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_step_request_lot_id_lots_lot')),
    sa.CheckConstraint("(verdict = 'open') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (decision IS NULL)", name=op.f('ck_lots_step_request_decided')),
    sa.CheckConstraint('decided_by <> asked_by', name=op.f('ck_lots_step_request_two_people')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_lots_step_request_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_step_request'))
    )
    op.create_index('ix_lots_step_request_open', 'lots_step_request', ['county_code', 'id'], unique=False, postgresql_where="verdict = 'open'")
    op.create_index('ix_lots_step_request_organization_id', 'lots_step_request', ['organization_id', 'id'], unique=False)
    op.create_index('ix_lots_step_request_lot_id', 'lots_step_request', ['lot_id'], unique=False)
    op.create_index('ix_lots_capacity_use_season', 'lots_capacity_use', ['material', 'season'], unique=False)
    _choices('lots_capacity_rule', 'basis', MORE_BASES)
    _choices('lots_yield_rule', 'step', MORE_STEPS)
    _choices('lots_lot_yield', 'step', MORE_STEPS)
    op.add_column('lots_yield_rule', sa.Column('county_code', sa.Text(), nullable=True))
    op.create_foreign_key(op.f('fk_lots_yield_rule_county_code_areas_area'), 'lots_yield_rule', 'areas_area', ['county_code'], ['code'])
    op.execute('ALTER TABLE lots_yield_rule DROP CONSTRAINT ex_lots_yield_rule_period')
    op.execute(EXCLUDE % "coalesce(county_code, '') WITH =, ")
    _sign_yields()


def _sign_yields() -> None:
    """What was short before had its reason and nobody's signature: the rows say so with a dash."""
    table = 'lots_lot_yield'
    op.add_column(table, sa.Column('rule_high', sa.Numeric(precision=20, scale=6), nullable=True))
    op.add_column(table, sa.Column('typed_by', sa.Text(), nullable=False, server_default=''))
    op.add_column(table, sa.Column('signed_by', sa.Text(), nullable=True))
    op.add_column(table, sa.Column('signed_as', sa.Text(), nullable=True))
    op.alter_column(table, 'typed_by', server_default=None)
    op.execute('ALTER TABLE lots_lot_yield DISABLE TRIGGER lots_lot_yield_append_only')
    op.execute("UPDATE lots_lot_yield y SET given = s.given FROM (SELECT a.lot_id, sum(b.given) AS given FROM lots_lot_yield a JOIN lots_lot la ON la.id = a.lot_id JOIN lots_lot_yield b ON b.event_id = a.event_id AND b.given_unit = a.given_unit JOIN lots_lot lb ON lb.id = b.lot_id AND lb.material = la.material GROUP BY a.lot_id) s WHERE s.lot_id = y.lot_id AND s.given <> y.given")
    op.execute("UPDATE lots_lot_yield SET signed_by = '-', signed_as = '-', reason = coalesce(reason, '-') WHERE given < taken * yield_low")
    op.execute('ALTER TABLE lots_lot_yield ENABLE TRIGGER lots_lot_yield_append_only')
    op.drop_constraint(op.f('ck_lots_lot_yield_not_inflated'), table, type_='check')
    op.create_check_constraint(op.f('ck_lots_lot_yield_not_inflated'), table, 'given <= taken * yield_high OR signed_by IS NOT NULL')
    op.create_check_constraint(op.f('ck_lots_lot_yield_not_short'), table, 'given >= taken * yield_low OR signed_by IS NOT NULL')
    op.create_check_constraint(op.f('ck_lots_lot_yield_within_rule'), table, "rule_high IS NULL OR given <= taken * rule_high OR signed_as IS NOT DISTINCT FROM 'county_officer'")
    op.create_check_constraint(op.f('ck_lots_lot_yield_two_people'), table, '(signed_by IS NULL) = (signed_as IS NULL) AND (signed_by IS NULL OR (reason IS NOT NULL AND signed_by <> typed_by))')


def _choices(table: str, column: str, values: tuple[str, ...]) -> None:
    """The CHECK of a column of choices, with other choices."""
    name = op.f(f'ck_{table}_{column}')
    op.drop_constraint(name, table, type_='check')
    op.create_check_constraint(name, table, sa.column(column).in_(values))


def downgrade() -> None:
    table = 'lots_lot_yield'
    for name in ('two_people', 'within_rule', 'not_short', 'not_inflated'):
        op.drop_constraint(op.f(f'ck_{table}_{name}'), table, type_='check')
    for column in ('signed_as', 'signed_by', 'typed_by', 'rule_high'):
        op.drop_column(table, column)
    op.execute('ALTER TABLE lots_lot_yield ADD CONSTRAINT ck_lots_lot_yield_not_inflated CHECK (given <= taken * yield_high) NOT VALID')
    op.execute('ALTER TABLE lots_yield_rule DROP CONSTRAINT ex_lots_yield_rule_period')
    op.execute('DELETE FROM lots_yield_rule WHERE county_code IS NOT NULL')
    op.execute(EXCLUDE % '')
    op.drop_constraint(op.f('fk_lots_yield_rule_county_code_areas_area'), 'lots_yield_rule', type_='foreignkey')
    op.drop_column('lots_yield_rule', 'county_code')
    _choices('lots_lot_yield', 'step', STEPS)
    _choices('lots_yield_rule', 'step', STEPS)
    _choices('lots_capacity_rule', 'basis', BASES)
    op.drop_index('ix_lots_capacity_use_season', table_name='lots_capacity_use')
    op.drop_table('lots_step_request')
    op.drop_table('lots_capacity_request')
