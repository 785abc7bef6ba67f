"""Create the tables of prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('prices_freight_template',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('seller_id', sa.Uuid(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=True),
    sa.Column('deliverable', sa.Boolean(), nullable=False),
    sa.Column('first_grams', sa.BigInteger(), nullable=False),
    sa.Column('first_fen', sa.BigInteger(), nullable=False),
    sa.Column('step_grams', sa.BigInteger(), nullable=False),
    sa.Column('step_fen', sa.BigInteger(), nullable=False),
    sa.Column('cold_fen', sa.BigInteger(), nullable=False),
    sa.Column('free_over_fen', sa.BigInteger(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('first_fen >= 0 AND step_fen >= 0 AND cold_fen >= 0', name=op.f('ck_prices_freight_template_fen_not_negative')),
    sa.CheckConstraint('first_grams > 0 AND step_grams > 0', name=op.f('ck_prices_freight_template_weights_positive')),
    sa.ForeignKeyConstraint(['province_code'], ['areas_area.code'], name=op.f('fk_prices_freight_template_province_code_areas_area')),
    sa.ForeignKeyConstraint(['seller_id'], ['parties_organization.id'], name=op.f('fk_prices_freight_template_seller_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prices_freight_template')),
    info={'extra_ddl': [("ALTER TABLE prices_freight_template ADD CONSTRAINT ex_prices_freight_template_period EXCLUDE USING gist (seller_id WITH =, coalesce(province_code, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE prices_freight_template DROP CONSTRAINT ex_prices_freight_template_period')]}
    )
    op.execute("ALTER TABLE prices_freight_template ADD CONSTRAINT ex_prices_freight_template_period EXCLUDE USING gist (seller_id WITH =, coalesce(province_code, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('prices_price_list',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_prices_price_list_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prices_price_list')),
    sa.UniqueConstraint('code', name=op.f('uq_prices_price_list_code'))
    )
    op.create_table('prices_price',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('price_list_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('min_quantity', sa.BigInteger(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('fen > 0', name=op.f('ck_prices_price_fen_positive')),
    sa.CheckConstraint('min_quantity > 0', name=op.f('ck_prices_price_min_quantity_positive')),
    sa.ForeignKeyConstraint(['price_list_id'], ['prices_price_list.id'], name=op.f('fk_prices_price_price_list_id_prices_price_list')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_prices_price_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prices_price')),
    info={'extra_ddl': [("ALTER TABLE prices_price ADD CONSTRAINT ex_prices_price_period EXCLUDE USING gist (price_list_id WITH =, product_id WITH =, min_quantity WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE prices_price DROP CONSTRAINT ex_prices_price_period')]}
    )
    op.create_index('ix_prices_price_fen', 'prices_price', ['price_list_id', 'min_quantity', 'fen'], unique=False)
    op.create_index('ix_prices_price_product_id', 'prices_price', ['product_id', 'price_list_id', 'min_quantity'], unique=False)
    op.execute("ALTER TABLE prices_price ADD CONSTRAINT ex_prices_price_period EXCLUDE USING gist (price_list_id WITH =, product_id WITH =, min_quantity WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")


def downgrade() -> None:
    op.execute("ALTER TABLE prices_price DROP CONSTRAINT ex_prices_price_period")
    op.drop_table('prices_price')
    op.drop_table('prices_price_list')
    op.execute("ALTER TABLE prices_freight_template DROP CONSTRAINT ex_prices_freight_template_period")
    op.drop_table('prices_freight_template')
