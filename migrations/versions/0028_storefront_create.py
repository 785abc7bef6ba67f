"""Create the tables of storefront."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('storefront_page',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('body_en', sa.Text(), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('saved_by', sa.Text(), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_storefront_page_version_positive')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_storefront_page')),
    sa.UniqueConstraint('slug', 'version', name=op.f('uq_storefront_page_slug_version')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$", 'SELECT 1'), ('CREATE TRIGGER storefront_page_append_only BEFORE UPDATE OR DELETE ON storefront_page FOR EACH ROW EXECUTE FUNCTION refuse_change()', 'DROP TRIGGER storefront_page_append_only ON storefront_page')]}
    )
    op.execute("""CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""")
    op.execute("CREATE TRIGGER storefront_page_append_only BEFORE UPDATE OR DELETE ON storefront_page FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    op.execute("DROP TRIGGER storefront_page_append_only ON storefront_page")
    op.drop_table('storefront_page')
