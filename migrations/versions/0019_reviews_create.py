"""Create the tables of reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('reviews_review',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('line_id', sa.Uuid(), nullable=False),
    sa.Column('line_code', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('stars', sa.BigInteger(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('shown', 'hidden', name='reviewstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('hidden_reason', sa.Text(), nullable=True),
    sa.Column('hidden_by', sa.Text(), nullable=True),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'hidden') = (hidden_reason IS NOT NULL AND hidden_by IS NOT NULL)", name=op.f('ck_reviews_review_hidden_with_reason')),
    sa.CheckConstraint('char_length(text) BETWEEN 1 AND 500', name=op.f('ck_reviews_review_text_bounded')),
    sa.CheckConstraint('stars BETWEEN 1 AND 5', name=op.f('ck_reviews_review_stars')),
    sa.ForeignKeyConstraint(['line_id'], ['orders_line.id'], name=op.f('fk_reviews_review_line_id_orders_line')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_reviews_review_person_id_parties_person')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_reviews_review_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reviews_review')),
    sa.UniqueConstraint('line_code', name=op.f('uq_reviews_review_line_code')),
    sa.UniqueConstraint('line_id', name=op.f('uq_reviews_review_line_id')),
    info={'extra_ddl': [("CREATE OR REPLACE FUNCTION reviews_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$\nDECLARE may_change text[] := ARRAY['state', 'hidden_reason', 'hidden_by'];\nBEGIN\n  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change\n  THEN RAISE EXCEPTION 'a review is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;\n  RETURN NEW;\nEND $$", 'SELECT 1'), ('CREATE TRIGGER reviews_review_kept BEFORE UPDATE OR DELETE ON reviews_review FOR EACH ROW EXECUTE FUNCTION reviews_keep_words()', 'DROP TRIGGER reviews_review_kept ON reviews_review')]}
    )
    op.create_index(op.f('ix_reviews_review_person_id'), 'reviews_review', ['person_id'], unique=False)
    op.create_index('ix_reviews_review_product', 'reviews_review', ['product_id', 'state', 'id'], unique=False)
    op.execute("""CREATE OR REPLACE FUNCTION reviews_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := ARRAY['state', 'hidden_reason', 'hidden_by'];
BEGIN
  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
  THEN RAISE EXCEPTION 'a review is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$""")
    op.execute("CREATE TRIGGER reviews_review_kept BEFORE UPDATE OR DELETE ON reviews_review FOR EACH ROW EXECUTE FUNCTION reviews_keep_words()")


def downgrade() -> None:
    op.execute("DROP TRIGGER reviews_review_kept ON reviews_review")
    op.drop_table('reviews_review')
