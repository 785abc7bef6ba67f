"""Create the tables of products."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('products_product',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('gtin', sa.Text(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('cooperative_id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('processor_id', sa.Uuid(), nullable=True),
    sa.Column('pack_amount', sa.Numeric(precision=20, scale=6), nullable=False),
    sa.Column('pack_unit', sa.Enum('kg', 'g', 't', 'jin', 'liang', 'dan', 'l', 'ml', 'm2', 'mu', 'ha', 'head', 'hive', 'piece', 'box', 'bag', 'bottle', name='unit', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('net_content', sa.Text(), nullable=False),
    sa.Column('gross_grams', sa.BigInteger(), nullable=False),
    sa.Column('shelf_life_days', sa.BigInteger(), nullable=False),
    sa.Column('storage', sa.Text(), nullable=False),
    sa.Column('temperature', sa.Enum('ambient', 'chilled', 'frozen', name='temperature', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('needs', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('season_months', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('season_note', sa.Text(), nullable=False),
    sa.Column('picture', sa.Text(), nullable=False),
    sa.Column('picture_digest', sa.Text(), nullable=True),
    sa.Column('vat_class', sa.Text(), nullable=False),
    sa.Column('return_class', sa.Enum('fresh_no_return', 'seven_days', name='returnclass', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('state', sa.Enum('draft', 'applied', 'county_recommended', 'approved', 'on_sale', 'delisted', name='productstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('description_en', sa.Text(), nullable=False),
    sa.Column('search', postgresql.TSVECTOR(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("gtin IS NULL OR gtin ~ '^[0-9]{14}$'", name=op.f('ck_products_product_gtin_14')),
    sa.CheckConstraint('gross_grams > 0', name=op.f('ck_products_product_weight_positive')),
    sa.CheckConstraint('pack_amount > 0', name=op.f('ck_products_product_pack_positive')),
    sa.CheckConstraint('shelf_life_days > 0', name=op.f('ck_products_product_shelf_life_positive')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['parties_organization.id'], name=op.f('fk_products_product_cooperative_id_parties_organization')),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_products_product_county_code_areas_area')),
    sa.ForeignKeyConstraint(['processor_id'], ['parties_organization.id'], name=op.f('fk_products_product_processor_id_parties_organization')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_products_product_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_products_product')),
    sa.UniqueConstraint('gtin', name=op.f('uq_products_product_gtin')),
    sa.UniqueConstraint('sku', name=op.f('uq_products_product_sku'))
    )
    op.create_index('ix_products_product_category', 'products_product', ['category', 'sku'], unique=False)
    op.create_index('ix_products_product_county_code', 'products_product', ['county_code', 'sku'], unique=False)
    op.create_index('ix_products_product_on_sale', 'products_product', ['sku'], unique=False, postgresql_where="state = 'on_sale'")
    op.create_index('ix_products_product_picture_digest', 'products_product', ['picture_digest'], unique=False, postgresql_where='picture_digest IS NOT NULL')
    op.create_index('ix_products_product_search', 'products_product', ['search'], unique=False, postgresql_using='gin')
    op.create_table('products_recognition_step',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('before', sa.Enum('draft', 'applied', 'county_recommended', 'approved', 'on_sale', 'delisted', name='before', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('after', sa.Enum('draft', 'applied', 'county_recommended', 'approved', 'on_sale', 'delisted', name='after', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_products_recognition_step_person_id_parties_person')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_products_recognition_step_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_products_recognition_step')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER products_recognition_step_append_only BEFORE UPDATE OR DELETE ON products_recognition_step FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER products_recognition_step_append_only ON products_recognition_step')]}
    )
    op.create_index('ix_products_recognition_step_product_id', 'products_recognition_step', ['product_id', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER products_recognition_step_append_only BEFORE UPDATE OR DELETE ON products_recognition_step FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER products_recognition_step_append_only ON products_recognition_step")
    op.drop_table('products_recognition_step')
    op.drop_table('products_product')
