"""Create the tables of coldchain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('coldchain_logger',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('calibrated_on', sa.Date(), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['parties_organization.id'], name=op.f('fk_coldchain_logger_organization_id_parties_organization')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_coldchain_logger')),
    sa.UniqueConstraint('code', name=op.f('uq_coldchain_logger_code')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_coldchain_logger_token_hash'))
    )
    op.create_index(op.f('ix_coldchain_logger_organization_id'), 'coldchain_logger', ['organization_id'], unique=False)
    op.create_table('coldchain_assignment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('logger_id', sa.Uuid(), nullable=False),
    sa.Column('shipment_code', sa.Text(), nullable=True),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('cold_class', sa.Enum('frozen', 'chilled', name='coldclass', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('from_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(shipment_code IS NULL) <> (place_id IS NULL)', name=op.f('ck_coldchain_assignment_one_subject')),
    sa.CheckConstraint('until_at IS NULL OR until_at > from_at', name=op.f('ck_coldchain_assignment_forward')),
    sa.ForeignKeyConstraint(['logger_id'], ['coldchain_logger.id'], name=op.f('fk_coldchain_assignment_logger_id_coldchain_logger')),
    sa.ForeignKeyConstraint(['place_id'], ['parties_place.id'], name=op.f('fk_coldchain_assignment_place_id_parties_place')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_coldchain_assignment'))
    )
    op.create_index('ix_coldchain_assignment_logger_id', 'coldchain_assignment', ['logger_id', 'from_at'], unique=False)
    op.create_index('ix_coldchain_assignment_shipment_code', 'coldchain_assignment', ['shipment_code'], unique=False)
    op.create_index('uq_coldchain_assignment_open', 'coldchain_assignment', ['logger_id'], unique=True, postgresql_where='until_at IS NULL')
    op.create_table('coldchain_reading',
    sa.Column('logger_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('celsius', sa.Numeric(precision=6, scale=2), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['logger_id'], ['coldchain_logger.id'], name=op.f('fk_coldchain_reading_logger_id_coldchain_logger')),
    sa.PrimaryKeyConstraint('logger_id', 'at', name=op.f('pk_coldchain_reading')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER coldchain_reading_append_only BEFORE UPDATE OR DELETE ON coldchain_reading FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER coldchain_reading_append_only ON coldchain_reading')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER coldchain_reading_append_only BEFORE UPDATE OR DELETE ON coldchain_reading FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('coldchain_excursion',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('worst_celsius', sa.Numeric(precision=6, scale=2), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['coldchain_assignment.id'], name=op.f('fk_coldchain_excursion_assignment_id_coldchain_assignment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_coldchain_excursion')),
    sa.UniqueConstraint('assignment_id', 'started_at', name=op.f('uq_coldchain_excursion_assignment_id_started_at'))
    )


def downgrade() -> None:
    op.drop_table('coldchain_excursion')
    op.execute("DROP TRIGGER coldchain_reading_append_only ON coldchain_reading")
    op.drop_table('coldchain_reading')
    op.drop_table('coldchain_assignment')
    op.drop_table('coldchain_logger')
