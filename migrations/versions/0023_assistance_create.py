"""Create the tables of assistance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('assistance_sale_credit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('order_code', sa.Text(), nullable=False),
    sa.Column('line_code', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('buyer_province_code', sa.Text(), nullable=False),
    sa.Column('partner_code', sa.Text(), nullable=True),
    sa.Column('channel', sa.Enum('consumer', 'canteen', 'staff_gift', 'union', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('on', sa.Date(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_fen <> 0', name=op.f('ck_assistance_sale_credit_not_zero')),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_assistance_sale_credit_county_code_areas_area')),
    sa.ForeignKeyConstraint(['partner_code'], ['areas_area.code'], name=op.f('fk_assistance_sale_credit_partner_code_areas_area')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_assistance_sale_credit_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assistance_sale_credit')),
    sa.UniqueConstraint('cause', 'line_code', name=op.f('uq_assistance_sale_credit_cause_line_code')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER assistance_sale_credit_append_only BEFORE UPDATE OR DELETE ON assistance_sale_credit FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER assistance_sale_credit_append_only ON assistance_sale_credit')]}
    )
    op.create_index('ix_assistance_sale_credit_order', 'assistance_sale_credit', ['order_code'], unique=False)
    op.create_index('ix_assistance_sale_credit_report', 'assistance_sale_credit', ['on', 'county_code', 'partner_code'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER assistance_sale_credit_append_only BEFORE UPDATE OR DELETE ON assistance_sale_credit FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('assistance_share_rule',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('parts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_assistance_share_rule_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assistance_share_rule')),
    info={'extra_ddl': [("ALTER TABLE assistance_share_rule ADD CONSTRAINT ex_assistance_share_rule_period EXCLUDE USING gist (product_id WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE assistance_share_rule DROP CONSTRAINT ex_assistance_share_rule_period')]}
    )
    op.execute("ALTER TABLE assistance_share_rule ADD CONSTRAINT ex_assistance_share_rule_period EXCLUDE USING gist (product_id WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")


def downgrade() -> None:
    op.execute("ALTER TABLE assistance_share_rule DROP CONSTRAINT ex_assistance_share_rule_period")
    op.drop_table('assistance_share_rule')
    op.execute("DROP TRIGGER assistance_sale_credit_append_only ON assistance_sale_credit")
    op.drop_table('assistance_sale_credit')
