"""Cases and pallets, and one counter for the numbers of a GLN: those that stand on parcels are counted on, and those our own events name,
which outlive the tables of a downgrade."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0052'
down_revision = '0051'
branch_labels = None
depends_on = None

COUNTED = (
    "INSERT INTO pallets_sscc_counter (body, last) SELECT substr(sscc, 2, 12), max((substr(sscc, 1, 1) || substr(sscc, 14, 4))::int) FROM ("
    "SELECT sscc FROM shipments_parcel WHERE sscc IS NOT NULL UNION ALL "
    "SELECT substr(p.epc, 23, 18) FROM events_event_epc p JOIN events_trace_event e ON e.id = p.event_id AND e.origin = 'own' "
    "WHERE p.epc LIKE 'https://id.gs1.org/00/%') used GROUP BY 1"
)


def upgrade() -> None:
    op.create_table('pallets_sscc_counter',
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('last >= 0 AND last < 100000', name=op.f('ck_pallets_sscc_counter_fits')),
    sa.PrimaryKeyConstraint('body', name=op.f('pk_pallets_sscc_counter'))
    )
    op.execute(COUNTED)
    op.create_table('pallets_container',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('sscc', sa.Text(), nullable=True),
    sa.Column('kind', sa.Enum('case', 'pallet', name='containerkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=False),
    sa.Column('closed_by', sa.Text(), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('opened_by', sa.Text(), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('opened_at IS NULL OR left_at IS NULL', name=op.f('ck_pallets_container_one_end')),
    sa.CheckConstraint('(opened_at IS NULL) = (opened_by IS NULL)', name=op.f('ck_pallets_container_opened')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_pallets_container_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_pallets_container_place_id_parties_place')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pallets_container')),
    sa.UniqueConstraint('code', name=op.f('uq_pallets_container_code')),
    sa.UniqueConstraint('sscc', name=op.f('uq_pallets_container_sscc'))
    )
    op.create_index('ix_pallets_container_organization', 'pallets_container', ['organization_id', 'id'], unique=False)
    op.create_index('ix_pallets_container_standing', 'pallets_container', ['organization_id', 'id'], unique=False, postgresql_where='opened_at IS NULL AND left_at IS NULL')
    op.create_table('pallets_content',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('parent_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('container_id', sa.Uuid(), nullable=True),
    sa.Column('taken_out_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(item_id IS NULL) <> (container_id IS NULL)', name=op.f('ck_pallets_content_one_thing')),
    sa.CheckConstraint('container_id <> parent_id', name=op.f('ck_pallets_content_not_itself')),
    sa.ForeignKeyConstraint(['container_id'], ['pallets_container.id'], name=op.f('fk_pallets_content_container_id_pallets_container')),
    sa.ForeignKeyConstraint(['item_id'], ['lots_trade_item.id'], name=op.f('fk_pallets_content_item_id_lots_trade_item')),
    sa.ForeignKeyConstraint(['parent_id'], ['pallets_container.id'], name=op.f('fk_pallets_content_parent_id_pallets_container')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pallets_content'))
    )
    op.create_index('uq_pallets_content_item', 'pallets_content', ['item_id'], unique=True, postgresql_where='taken_out_at IS NULL')
    op.create_index('uq_pallets_content_container', 'pallets_content', ['container_id'], unique=True, postgresql_where='taken_out_at IS NULL')
    op.create_index('ix_pallets_content_parent', 'pallets_content', ['parent_id', 'id'], unique=False)
    op.create_index('ix_pallets_content_item', 'pallets_content', ['item_id'], unique=False)


def downgrade() -> None:
    op.drop_table('pallets_content')
    op.drop_table('pallets_container')
    op.drop_table('pallets_sscc_counter')
