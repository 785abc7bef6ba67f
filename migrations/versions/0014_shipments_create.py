"""Create the tables of shipments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('shipments_carrier_account',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('adapter', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('base_url', sa.Text(), nullable=False),
    sa.Column('push_url', sa.Text(), nullable=False),
    sa.Column('push_salt', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_shipments_carrier_account'))
    )
    op.create_table('shipments_push',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_push')),
    sa.UniqueConstraint('carrier', 'digest', name=op.f('uq_shipments_push_carrier_digest')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER shipments_push_append_only BEFORE UPDATE OR DELETE ON shipments_push FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER shipments_push_append_only ON shipments_push')]}
    )
    op.create_index('ix_shipments_push_number', 'shipments_push', ['carrier', 'number', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER shipments_push_append_only BEFORE UPDATE OR DELETE ON shipments_push FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('shipments_movement',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('ordered', 'picked_up', 'in_transit', 'arrived_city', 'out_for_delivery', 'in_locker', 'signed', 'problem', 'rejected', 'returning', 'returned', 'forwarded', 'cancelled', name='movementstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('push_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['push_id'], ['shipments_push.id'], name=op.f('fk_shipments_movement_push_id_shipments_push')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_movement')),
    sa.UniqueConstraint('carrier', 'number', 'at', 'text', name=op.f('uq_shipments_movement_carrier_number_at_text')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER shipments_movement_append_only BEFORE UPDATE OR DELETE ON shipments_movement FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER shipments_movement_append_only ON shipments_movement')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER shipments_movement_append_only BEFORE UPDATE OR DELETE ON shipments_movement FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('shipments_shipment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('from_place_id', sa.Uuid(), nullable=False),
    sa.Column('temperature', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('packing', 'packed', 'dispatched', 'out_for_delivery', 'problem', 'returning', 'delivered', 'returned', 'cancelled', name='shipmentstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=True),
    sa.Column('waybill', sa.Text(), nullable=True),
    sa.Column('recipient_name', sa.Text(), nullable=False),
    sa.Column('recipient_phone', sa.Text(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('street', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('packed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dispatched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['from_place_id'], ['parties_place.id'], name=op.f('fk_shipments_shipment_from_place_id_parties_place')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_shipments_shipment_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_shipment')),
    sa.UniqueConstraint('carrier', 'waybill', name=op.f('uq_shipments_shipment_carrier_waybill')),
    sa.UniqueConstraint('code', name=op.f('uq_shipments_shipment_code'))
    )
    op.create_index('ix_shipments_shipment_from_place_id', 'shipments_shipment', ['from_place_id', 'state', 'id'], unique=False)
    op.create_index('ix_shipments_shipment_order_code', 'shipments_shipment', ['order_code'], unique=False)
    op.create_table('shipments_carrier_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('shipment_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('pickup', 'follow', name='requestkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'claimed', 'accepted', 'failed', name='requeststate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['carrier'], ['shipments_carrier_account.code'], name=op.f('fk_shipments_carrier_request_carrier_shipments_carrier_account')),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipments_shipment.id'], name=op.f('fk_shipments_carrier_request_shipment_id_shipments_shipment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_carrier_request')),
    sa.UniqueConstraint('shipment_id', 'kind', name=op.f('uq_shipments_carrier_request_shipment_id_kind'))
    )
    op.create_index('ix_shipments_carrier_request_due', 'shipments_carrier_request', ['not_before'], unique=False, postgresql_where="state IN ('waiting', 'claimed')")
    op.create_table('shipments_packing_task',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('shipment_id', sa.Uuid(), nullable=False),
    sa.Column('line_code', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_shipments_packing_task_positive')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_shipments_packing_task_lot_id_lots_lot')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_shipments_packing_task_product_id_products_product')),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipments_shipment.id'], name=op.f('fk_shipments_packing_task_shipment_id_shipments_shipment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_packing_task')),
    sa.UniqueConstraint('shipment_id', 'line_code', 'lot_id', name=op.f('uq_shipments_packing_task_shipment_id_line_code_lot_id'))
    )
    op.create_index('ix_shipments_packing_task_line_code', 'shipments_packing_task', ['line_code'], unique=False)
    op.create_index('ix_shipments_packing_task_lot_id', 'shipments_packing_task', ['lot_id'], unique=False)
    op.create_table('shipments_parcel',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('shipment_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('sscc', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipments_shipment.id'], name=op.f('fk_shipments_parcel_shipment_id_shipments_shipment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_parcel')),
    sa.UniqueConstraint('shipment_id', 'number', name=op.f('uq_shipments_parcel_shipment_id_number')),
    sa.UniqueConstraint('sscc', name=op.f('uq_shipments_parcel_sscc'))
    )
    op.create_table('shipments_parcel_item',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('parcel_id', sa.Uuid(), nullable=False),
    sa.Column('task_id', sa.Uuid(), nullable=False),
    sa.Column('trade_item_id', sa.Uuid(), nullable=False),
    sa.Column('serial', sa.Text(), nullable=False),
    sa.Column('scanned_by', sa.Text(), nullable=False),
    sa.Column('scanned_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['parcel_id'], ['shipments_parcel.id'], name=op.f('fk_shipments_parcel_item_parcel_id_shipments_parcel')),
    sa.ForeignKeyConstraint(['task_id'], ['shipments_packing_task.id'], name=op.f('fk_shipments_parcel_item_task_id_shipments_packing_task')),
    sa.ForeignKeyConstraint(['trade_item_id'], ['lots_trade_item.id'], name=op.f('fk_shipments_parcel_item_trade_item_id_lots_trade_item')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shipments_parcel_item')),
    sa.UniqueConstraint('trade_item_id', name=op.f('uq_shipments_parcel_item_trade_item_id'))
    )
    op.create_index(op.f('ix_shipments_parcel_item_parcel_id'), 'shipments_parcel_item', ['parcel_id'], unique=False)
    op.create_index('ix_shipments_parcel_item_task_id', 'shipments_parcel_item', ['task_id'], unique=False)


def downgrade() -> None:
    op.drop_table('shipments_parcel_item')
    op.drop_table('shipments_parcel')
    op.drop_table('shipments_packing_task')
    op.drop_table('shipments_carrier_request')
    op.drop_table('shipments_shipment')
    op.execute("DROP TRIGGER shipments_movement_append_only ON shipments_movement")
    op.drop_table('shipments_movement')
    op.execute("DROP TRIGGER shipments_push_append_only ON shipments_push")
    op.drop_table('shipments_push')
    op.drop_table('shipments_carrier_account')
