"""Create the tables of parties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parties_person',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_person')),
    sa.UniqueConstraint('email', name=op.f('uq_parties_person_email')),
    sa.UniqueConstraint('phone', name=op.f('uq_parties_person_phone'))
    )
    op.create_table('parties_organization',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('cooperative', 'slaughterhouse', 'processor', 'hub', 'buying_organization', 'certifier', 'county_office', 'operator', name='organizationkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('uscc', sa.Text(), nullable=True),
    sa.Column('gln', sa.Text(), nullable=True),
    sa.Column('county_code', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('contact_phone', sa.Text(), nullable=False),
    sa.Column('licence_note', sa.Text(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_parties_organization_county_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_organization')),
    sa.UniqueConstraint('code', name=op.f('uq_parties_organization_code'))
    )
    op.create_index('ix_parties_organization_kind', 'parties_organization', ['kind', 'code'], unique=False)
    op.create_index('uq_parties_organization_gln', 'parties_organization', ['gln'], unique=True, postgresql_where='gln IS NOT NULL')
    op.create_index('uq_parties_organization_uscc', 'parties_organization', ['uscc'], unique=True, postgresql_where='uscc IS NOT NULL')
    op.create_table('parties_api_key',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('hint', sa.Text(), nullable=False),
    sa.Column('scopes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('roles', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_parties_api_key_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_api_key')),
    sa.UniqueConstraint('hash', name=op.f('uq_parties_api_key_hash'))
    )
    op.create_table('parties_household',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('cooperative_id', sa.Uuid(), nullable=False),
    sa.Column('member_no', sa.BigInteger(), nullable=False),
    sa.Column('head_name', sa.Text(), nullable=False),
    sa.Column('pinyin_initials', sa.Text(), nullable=False),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('town', sa.Text(), nullable=False),
    sa.Column('village', sa.Text(), nullable=False),
    sa.Column('capacity', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('member_no > 0', name=op.f('ck_parties_household_member_no_positive')),
    sa.ForeignKeyConstraint(['cooperative_id'], ['parties_organization.id'], name=op.f('fk_parties_household_cooperative_id_parties_organization')),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_parties_household_county_code_areas_area')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_household')),
    sa.UniqueConstraint('cooperative_id', 'member_no', name=op.f('uq_parties_household_cooperative_id_member_no'))
    )
    op.create_table('parties_membership',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Enum('consumer', 'clerk', 'packer', 'certifier', 'county_officer', 'operator', 'auditor', 'requester', 'approver', 'finance', 'inspector', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_parties_membership_organization_id_parties_organization')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_parties_membership_person_id_parties_person')),
    sa.PrimaryKeyConstraint('person_id', 'organization_id', 'role', name=op.f('pk_parties_membership'))
    )
    op.create_table('parties_place',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('base', 'collection_point', 'slaughterhouse', 'plant', 'cold_store', 'hub', 'office', name='placekind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('gln', sa.Text(), nullable=True),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('area_code', sa.Text(), nullable=True),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['area_code'], ['areas_area.code'], name=op.f('fk_parties_place_area_code_areas_area')),
    sa.ForeignKeyConstraint(['county_code'], ['areas_area.code'], name=op.f('fk_parties_place_county_code_areas_area')),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_parties_place_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_place')),
    sa.UniqueConstraint('gln', name=op.f('uq_parties_place_gln'))
    )
    op.create_index('ix_parties_place_organization_id', 'parties_place', ['organization_id'], unique=False)
    op.create_table('parties_consent',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('scope', sa.Enum('name', 'photo', 'village', 'share', name='consentscope', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('text_version', sa.Text(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('typed_by', sa.Text(), nullable=False),
    sa.CheckConstraint('withdrawn_at IS NULL OR withdrawn_at >= given_at', name=op.f('ck_parties_consent_withdrawn_later')),
    sa.ForeignKeyConstraint(['household_id'], ['parties_household.id'], name=op.f('fk_parties_consent_household_id_parties_household')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parties_consent'))
    )
    op.create_index('uq_parties_consent_standing', 'parties_consent', ['household_id', 'scope'], unique=True, postgresql_where='withdrawn_at IS NULL')


def downgrade() -> None:
    op.drop_table('parties_consent')
    op.drop_table('parties_place')
    op.drop_table('parties_membership')
    op.drop_table('parties_household')
    op.drop_table('parties_api_key')
    op.drop_table('parties_organization')
    op.drop_table('parties_person')
