"""Create the tables of ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ledger_checkpoint',
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('note', sa.LargeBinary(), nullable=False),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('octet_length(root) = 32', name=op.f('ck_ledger_checkpoint_root_size')),
    sa.PrimaryKeyConstraint('size', name=op.f('pk_ledger_checkpoint')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_checkpoint_append_only BEFORE UPDATE OR DELETE ON ledger_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_checkpoint_append_only ON ledger_checkpoint')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_checkpoint_append_only BEFORE UPDATE OR DELETE ON ledger_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('ledger_cosignature',
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('witness', sa.Text(), nullable=False),
    sa.Column('seconds', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('line', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('size', 'witness', 'seconds', name=op.f('pk_ledger_cosignature')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_cosignature_append_only BEFORE UPDATE OR DELETE ON ledger_cosignature FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_cosignature_append_only ON ledger_cosignature')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_cosignature_append_only BEFORE UPDATE OR DELETE ON ledger_cosignature FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('ledger_disclosure',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('field', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('event_id', 'field', name=op.f('pk_ledger_disclosure'))
    )
    op.create_index(op.f('ix_ledger_disclosure_subject_id'), 'ledger_disclosure', ['subject_id'], unique=False)
    op.create_table('ledger_entry',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('leaf_hash', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('octet_length(body) <= 65535', name=op.f('ck_ledger_entry_body_fits_bundle')),
    sa.CheckConstraint('octet_length(leaf_hash) = 32', name=op.f('ck_ledger_entry_leaf_hash_size')),
    sa.PrimaryKeyConstraint('event_id', name=op.f('pk_ledger_entry')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_entry_append_only ON ledger_entry')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('ledger_erasure',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('erased_by', sa.Uuid(), nullable=False),
    sa.Column('fields', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('event_id', 'erased_by', name=op.f('pk_ledger_erasure')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_erasure_append_only BEFORE UPDATE OR DELETE ON ledger_erasure FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_erasure_append_only ON ledger_erasure')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_erasure_append_only BEFORE UPDATE OR DELETE ON ledger_erasure FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('ledger_intake',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('leaf_hash', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_intake')),
    sa.UniqueConstraint('event_id', name=op.f('uq_ledger_intake_event_id'))
    )
    op.create_table('ledger_leaf',
    sa.Column('idx', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('leaf_hash', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('idx >= 0', name=op.f('ck_ledger_leaf_idx_not_negative')),
    sa.CheckConstraint('octet_length(leaf_hash) = 32', name=op.f('ck_ledger_leaf_leaf_hash_size')),
    sa.PrimaryKeyConstraint('idx', name=op.f('pk_ledger_leaf')),
    sa.UniqueConstraint('event_id', name=op.f('uq_ledger_leaf_event_id')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_leaf_append_only BEFORE UPDATE OR DELETE ON ledger_leaf FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_leaf_append_only ON ledger_leaf')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_leaf_append_only BEFORE UPDATE OR DELETE ON ledger_leaf FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.create_table('ledger_log',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('edge', sa.LargeBinary(), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_ledger_log_one_row')),
    sa.CheckConstraint('octet_length(root) = 32', name=op.f('ck_ledger_log_root_size')),
    sa.CheckConstraint('size >= 0', name=op.f('ck_ledger_log_size_not_negative')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_log'))
    )
    op.create_table('ledger_publication',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('signed_size', sa.BigInteger(), nullable=False),
    sa.Column('published_size', sa.BigInteger(), nullable=False),
    sa.Column('witnessed_size', sa.BigInteger(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('witnessed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('-1 <= witnessed_size AND witnessed_size <= published_size AND published_size <= signed_size', name=op.f('ck_ledger_publication_in_order')),
    sa.CheckConstraint('id = 1', name=op.f('ck_ledger_publication_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_publication'))
    )
    op.create_table('ledger_subject_key',
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('subject_id', name=op.f('pk_ledger_subject_key'))
    )
    op.create_table('ledger_tile',
    sa.Column('level', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hashes', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('octet_length(hashes) = 8192', name=op.f('ck_ledger_tile_hashes_size')),
    sa.PrimaryKeyConstraint('level', 'number', name=op.f('pk_ledger_tile')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER ledger_tile_append_only BEFORE UPDATE OR DELETE ON ledger_tile FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER ledger_tile_append_only ON ledger_tile')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER ledger_tile_append_only BEFORE UPDATE OR DELETE ON ledger_tile FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER ledger_tile_append_only ON ledger_tile")
    op.drop_table('ledger_tile')
    op.drop_table('ledger_subject_key')
    op.drop_table('ledger_publication')
    op.drop_table('ledger_log')
    op.execute("DROP TRIGGER ledger_leaf_append_only ON ledger_leaf")
    op.drop_table('ledger_leaf')
    op.drop_table('ledger_intake')
    op.execute("DROP TRIGGER ledger_erasure_append_only ON ledger_erasure")
    op.drop_table('ledger_erasure')
    op.execute("DROP TRIGGER ledger_entry_append_only ON ledger_entry")
    op.drop_table('ledger_entry')
    op.drop_table('ledger_disclosure')
    op.execute("DROP TRIGGER ledger_cosignature_append_only ON ledger_cosignature")
    op.drop_table('ledger_cosignature')
    op.execute("DROP TRIGGER ledger_checkpoint_append_only ON ledger_checkpoint")
    op.drop_table('ledger_checkpoint')
