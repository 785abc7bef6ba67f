"""Create the tables of areas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('areas_area',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('level', sa.Enum('province', 'prefecture', 'county', name='level', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('parent_code', sa.Text(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=True),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('successor_code', sa.Text(), nullable=True),
    sa.CheckConstraint("code ~ '^[1-9][0-9]{5}$'", name=op.f('ck_areas_area_code_format')),
    sa.ForeignKeyConstraint(['parent_code'], ['areas_area.code'], name=op.f('fk_areas_area_parent_code_areas_area')),
    sa.ForeignKeyConstraint(['successor_code'], ['areas_area.code'], name=op.f('fk_areas_area_successor_code_areas_area')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_areas_area'))
    )
    op.create_index('ix_areas_area_parent_code', 'areas_area', ['parent_code'], unique=False)
    op.create_table('areas_supported_list',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('title_en', sa.Text(), nullable=False),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_areas_supported_list'))
    )
    op.create_table('areas_pairing',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('relation', sa.Text(), nullable=False),
    sa.Column('level', sa.Enum('province', 'prefecture', 'county', name='level', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('east_code', sa.Text(), nullable=False),
    sa.Column('west_code', sa.Text(), nullable=False),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('east_code <> west_code', name=op.f('ck_areas_pairing_two_areas')),
    sa.ForeignKeyConstraint(['east_code'], ['areas_area.code'], name=op.f('fk_areas_pairing_east_code_areas_area')),
    sa.ForeignKeyConstraint(['west_code'], ['areas_area.code'], name=op.f('fk_areas_pairing_west_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_areas_pairing')),
    info={'extra_ddl': [("ALTER TABLE areas_pairing ADD CONSTRAINT ex_areas_pairing_period EXCLUDE USING gist (relation WITH =, east_code WITH =, west_code WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE areas_pairing DROP CONSTRAINT ex_areas_pairing_period')]}
    )
    op.create_index('ix_areas_pairing_west_code', 'areas_pairing', ['west_code'], unique=False)
    op.execute("ALTER TABLE areas_pairing ADD CONSTRAINT ex_areas_pairing_period EXCLUDE USING gist (relation WITH =, east_code WITH =, west_code WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('areas_province',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('short_name', sa.Text(), nullable=False),
    sa.Column('label_en', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('tile_x', sa.BigInteger(), nullable=False),
    sa.Column('tile_y', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['code'], ['areas_area.code'], name=op.f('fk_areas_province_code_areas_area')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_areas_province')),
    sa.UniqueConstraint('tile_x', 'tile_y', name=op.f('uq_areas_province_tile_x_tile_y'))
    )
    op.create_table('areas_reserve_share',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('area_code', sa.Text(), nullable=True),
    sa.Column('percent', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.CheckConstraint('percent BETWEEN 0 AND 100', name=op.f('ck_areas_reserve_share_percent_range')),
    sa.ForeignKeyConstraint(['area_code'], ['areas_area.code'], name=op.f('fk_areas_reserve_share_area_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_areas_reserve_share')),
    info={'extra_ddl': [("ALTER TABLE areas_reserve_share ADD CONSTRAINT ex_areas_reserve_share_period EXCLUDE USING gist (coalesce(area_code, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE areas_reserve_share DROP CONSTRAINT ex_areas_reserve_share_period')]}
    )
    op.execute("ALTER TABLE areas_reserve_share ADD CONSTRAINT ex_areas_reserve_share_period EXCLUDE USING gist (coalesce(area_code, '') WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")
    op.create_table('areas_supported_county',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('list_name', sa.Text(), nullable=False),
    sa.Column('county_name', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=True),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('partner_code', sa.Text(), nullable=True),
    sa.Column('key_county', sa.Boolean(), nullable=False),
    sa.Column('exit_year', sa.BigInteger(), nullable=True),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_areas_supported_county_county_code_areas_area')),
    sa.ForeignKeyConstraint(['list_name'], ['areas_supported_list.name'], name=op.f('fk_areas_supported_county_list_name_areas_supported_list')),
    sa.ForeignKeyConstraint(['partner_code'], ['areas_area.code'], name=op.f('fk_areas_supported_county_partner_code_areas_area')),
    sa.ForeignKeyConstraint(['province_code'], ['areas_area.code'], name=op.f('fk_areas_supported_county_province_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_areas_supported_county')),
    info={'extra_ddl': [("ALTER TABLE areas_supported_county ADD CONSTRAINT ex_areas_supported_county_period EXCLUDE USING gist (list_name WITH =, province_code WITH =, coalesce(county_code, county_name) WITH =, daterange(valid_from, valid_to, '[]') WITH &&)", 'ALTER TABLE areas_supported_county DROP CONSTRAINT ex_areas_supported_county_period')]}
    )
    op.create_index('ix_areas_supported_county_county_code', 'areas_supported_county', ['county_code'], unique=False)
    op.execute("ALTER TABLE areas_supported_county ADD CONSTRAINT ex_areas_supported_county_period EXCLUDE USING gist (list_name WITH =, province_code WITH =, coalesce(county_code, county_name) WITH =, daterange(valid_from, valid_to, '[]') WITH &&)")


def downgrade() -> None:
    op.execute("ALTER TABLE areas_supported_county DROP CONSTRAINT ex_areas_supported_county_period")
    op.drop_table('areas_supported_county')
    op.execute("ALTER TABLE areas_reserve_share DROP CONSTRAINT ex_areas_reserve_share_period")
    op.drop_table('areas_reserve_share')
    op.drop_table('areas_province')
    op.execute("ALTER TABLE areas_pairing DROP CONSTRAINT ex_areas_pairing_period")
    op.drop_table('areas_pairing')
    op.drop_table('areas_supported_list')
    op.drop_table('areas_area')
