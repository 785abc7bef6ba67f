"""Create the tables of lots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lots_yield_rule',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('step', sa.Enum('mixing', 'slaughtering', 'cutting', 'freezing', 'sorting', 'drying', 'milling', 'pressing', 'roasting', 'processing', 'packing', name='step', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('low', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('high', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('per_unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='per_unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('low >= 0 AND high >= low AND high > 0', name=op.f('ck_lots_yield_rule_range')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_yield_rule')),
    info={'extra_ddl': [("ALTER TABLE lots_yield_rule ADD CONSTRAINT ex_lots_yield_rule_period EXCLUDE USING gist (step WITH =, material WITH =, unit WITH =, per_unit WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE lots_yield_rule DROP CONSTRAINT ex_lots_yield_rule_period')]}
    )
    op.execute("ALTER TABLE lots_yield_rule ADD CONSTRAINT ex_lots_yield_rule_period EXCLUDE USING gist (step WITH =, material WITH =, unit WITH =, per_unit WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('lots_capacity_rule',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=True),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('basis', sa.Enum('land_mu', 'heads', 'hives', name='basis', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('per_basis', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('per_basis > 0', name=op.f('ck_lots_capacity_rule_per_basis')),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_lots_capacity_rule_county_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_capacity_rule')),
    info={'extra_ddl': [("ALTER TABLE lots_capacity_rule ADD CONSTRAINT ex_lots_capacity_rule_period EXCLUDE USING gist (coalesce(county_code, '') WITH =, material WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE lots_capacity_rule DROP CONSTRAINT ex_lots_capacity_rule_period')]}
    )
    op.execute("ALTER TABLE lots_capacity_rule ADD CONSTRAINT ex_lots_capacity_rule_period EXCLUDE USING gist (coalesce(county_code, '') WITH =, material WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('lots_capacity_use',
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('season', sa.Text(), nullable=False),
    sa.Column('delivered', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('cap', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.CheckConstraint('delivered >= 0 AND delivered <= cap', name=op.f('ck_lots_capacity_use_within_cap')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_lots_capacity_use_household_id_parties_household')),
    sa.PrimaryKeyConstraint('household_id', 'material', 'season', name=op.f('pk_lots_capacity_use'))
    )
    op.create_table('lots_lot',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('delivery', 'bulk', 'processed', 'by_product', 'pack', name='lotkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('product_sku', sa.Text(), nullable=True),
    sa.Column('gtin', sa.Text(), nullable=True),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('made', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('used', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('lost', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('dispatched', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('box_amount', sa.Numeric(precision=20, scale=6), nullable=True),
    sa.Column('box_unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='box_unit', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('produced_on', sa.Date(), nullable=False),
    sa.Column('expires_on', sa.Date(), nullable=True),
    sa.Column('custody', sa.Enum('segregated', 'mass_balance', name='custody', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('recall_state', sa.Enum('none', 'held', 'recalled', name='recallstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('made - used - lost - dispatched >= 0', name=op.f('ck_lots_lot_balance')),
    sa.CheckConstraint('made > 0 AND used >= 0 AND lost >= 0 AND dispatched >= 0', name=op.f('ck_lots_lot_amounts')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_lots_lot_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_lots_lot_place_id_parties_place')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_lot')),
    sa.UniqueConstraint('code', name=op.f('uq_lots_lot_code'))
    )
    op.create_index('ix_lots_lot_organization', 'lots_lot', ['organization_id', 'id'], unique=False)
    op.create_index(op.f('ix_lots_lot_product_sku'), 'lots_lot', ['product_sku'], unique=False)
    op.create_table('lots_ear_tag',
    sa.Column('tag', sa.Text(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_ear_tag_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('tag', name=op.f('pk_lots_ear_tag')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER lots_ear_tag_append_only BEFORE UPDATE OR DELETE ON lots_ear_tag FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER lots_ear_tag_append_only ON lots_ear_tag')]}
    )
    op.create_index(op.f('ix_lots_ear_tag_lot_id'), 'lots_ear_tag', ['lot_id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER lots_ear_tag_append_only BEFORE UPDATE OR DELETE ON lots_ear_tag FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('lots_household_delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slip_code', sa.Text(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('material', sa.Text(), nullable=False),
    sa.Column('season', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('head_count', sa.BigInteger(), nullable=True),
    sa.Column('ear_tags', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('grade', sa.Text(), nullable=True),
    sa.Column('agreed_price_fen', sa.BigInteger(), nullable=False),
    sa.Column('household_token', sa.Uuid(), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('typed_by', sa.Text(), nullable=False),
    sa.CheckConstraint('agreed_price_fen >= 0', name=op.f('ck_lots_household_delivery_price')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_lots_household_delivery_quantity')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_lots_household_delivery_household_id_parties_household')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_household_delivery_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_household_delivery')),
    sa.UniqueConstraint('lot_id', name=op.f('uq_lots_household_delivery_lot_id')),
    sa.UniqueConstraint('slip_code', name=op.f('uq_lots_household_delivery_slip_code'))
    )
    op.create_index('ix_lots_household_delivery_household', 'lots_household_delivery', ['household_id', 'delivered_at'], unique=False)
    op.create_table('lots_lot_edge',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('from_lot_id', sa.Uuid(), nullable=False),
    sa.Column('to_lot_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('from_lot_id <> to_lot_id', name=op.f('ck_lots_lot_edge_no_loop')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_lots_lot_edge_quantity')),
    sa.ForeignKeyConstraint(['event_id'], ['events_trace_event.id'], name=op.f('fk_lots_lot_edge_event_id_events_trace_event')),
    sa.ForeignKeyConstraint(['from_lot_id'], ['lots_lot.id'], name=op.f('fk_lots_lot_edge_from_lot_id_lots_lot')),
    sa.ForeignKeyConstraint(['to_lot_id'], ['lots_lot.id'], name=op.f('fk_lots_lot_edge_to_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_lot_edge')),
    sa.UniqueConstraint('from_lot_id', 'to_lot_id', name=op.f('uq_lots_lot_edge_from_lot_id_to_lot_id')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER lots_lot_edge_append_only BEFORE UPDATE OR DELETE ON lots_lot_edge FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER lots_lot_edge_append_only ON lots_lot_edge')]}
    )
    op.create_index(op.f('ix_lots_lot_edge_to_lot_id'), 'lots_lot_edge', ['to_lot_id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER lots_lot_edge_append_only BEFORE UPDATE OR DELETE ON lots_lot_edge FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('lots_lot_share',
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('share', sa.Numeric(precision=13, scale=12), nullable=False),
    sa.CheckConstraint('share > 0 AND share <= 1', name=op.f('ck_lots_lot_share_share')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_lots_lot_share_household_id_parties_household')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_lot_share_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('lot_id', 'household_id', name=op.f('pk_lots_lot_share')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER lots_lot_share_append_only BEFORE UPDATE OR DELETE ON lots_lot_share FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER lots_lot_share_append_only ON lots_lot_share')]}
    )
    op.create_index(op.f('ix_lots_lot_share_household_id'), 'lots_lot_share', ['household_id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER lots_lot_share_append_only BEFORE UPDATE OR DELETE ON lots_lot_share FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('lots_lot_yield',
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('step', sa.Enum('mixing', 'slaughtering', 'cutting', 'freezing', 'sorting', 'drying', 'milling', 'pressing', 'roasting', 'processing', 'packing', name='step', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('taken', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('taken_unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('given', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('given_unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='given_unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('yield_low', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('yield_high', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('given <= taken * yield_high', name=op.f('ck_lots_lot_yield_not_inflated')),
    sa.CheckConstraint('yield_low >= 0 AND yield_high >= yield_low AND yield_high > 0', name=op.f('ck_lots_lot_yield_range')),
    sa.ForeignKeyConstraint(['event_id'], ['events_trace_event.id'], name=op.f('fk_lots_lot_yield_event_id_events_trace_event')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_lot_yield_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('lot_id', name=op.f('pk_lots_lot_yield')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER lots_lot_yield_append_only BEFORE UPDATE OR DELETE ON lots_lot_yield FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER lots_lot_yield_append_only ON lots_lot_yield')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER lots_lot_yield_append_only BEFORE UPDATE OR DELETE ON lots_lot_yield FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('lots_recall_mark',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('none', 'held', 'recalled', name='recallstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('marked_by', sa.Text(), nullable=False),
    sa.Column('marked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lifted_by', sa.Text(), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lift_reason', sa.Text(), nullable=True),
    sa.CheckConstraint("state <> 'none'", name=op.f('ck_lots_recall_mark_says_something')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_recall_mark_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_recall_mark')),
    sa.UniqueConstraint('code', name=op.f('uq_lots_recall_mark_code'))
    )
    op.create_index(op.f('ix_lots_recall_mark_lot_id'), 'lots_recall_mark', ['lot_id'], unique=False)
    op.create_table('lots_trade_item',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('serial', sa.Text(), nullable=False),
    sa.Column('gtin', sa.Text(), nullable=True),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('made', 'printed', 'activated', 'sold', 'received', 'void', name='itemstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('printed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('activated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sold_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('voided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_trade_item_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots_trade_item')),
    sa.UniqueConstraint('serial', name=op.f('uq_lots_trade_item_serial'))
    )
    op.create_index('ix_lots_trade_item_lot', 'lots_trade_item', ['lot_id', 'state', 'id'], unique=False)
    op.create_table('lots_recall_lot',
    sa.Column('mark_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_lots_recall_lot_lot_id_lots_lot')),
    sa.ForeignKeyConstraint(['mark_id'], ['lots_recall_mark.id'], name=op.f('fk_lots_recall_lot_mark_id_lots_recall_mark')),
    sa.PrimaryKeyConstraint('mark_id', 'lot_id', name=op.f('pk_lots_recall_lot'))
    )
    op.create_index(op.f('ix_lots_recall_lot_lot_id'), 'lots_recall_lot', ['lot_id'], unique=False)


def downgrade() -> None:
    op.drop_table('lots_recall_lot')
    op.drop_table('lots_trade_item')
    op.drop_table('lots_recall_mark')
    op.execute("DROP TRIGGER lots_lot_yield_append_only ON lots_lot_yield")
    op.drop_table('lots_lot_yield')
    op.execute("DROP TRIGGER lots_lot_share_append_only ON lots_lot_share")
    op.drop_table('lots_lot_share')
    op.execute("DROP TRIGGER lots_lot_edge_append_only ON lots_lot_edge")
    op.drop_table('lots_lot_edge')
    op.drop_table('lots_household_delivery')
    op.execute("DROP TRIGGER lots_ear_tag_append_only ON lots_ear_tag")
    op.drop_table('lots_ear_tag')
    op.drop_table('lots_lot')
    op.drop_table('lots_capacity_use')
    op.execute("ALTER TABLE lots_capacity_rule DROP CONSTRAINT ex_lots_capacity_rule_period")
    op.drop_table('lots_capacity_rule')
    op.execute("ALTER TABLE lots_yield_rule DROP CONSTRAINT ex_lots_yield_rule_period")
    op.drop_table('lots_yield_rule')
