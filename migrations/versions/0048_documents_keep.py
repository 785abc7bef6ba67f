"""A 承诺达标合格证 younger than six months is neither deleted nor rewritten."""

from __future__ import annotations

from alembic import op

revision = '0048'
down_revision = '0047'
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION keep_promise_six_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.issued_at <= now() - interval '6 months' OR (TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'replaced_by' = to_jsonb(OLD) - 'replaced_by')
  THEN RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END IF;
  RAISE EXCEPTION 'a promise certificate is kept for six months' USING ERRCODE = 'restrict_violation';
END $$
""".strip()


def upgrade() -> None:
    op.execute(FUNCTION)
    op.execute("CREATE TRIGGER documents_promise_kept BEFORE UPDATE OR DELETE ON documents_promise_certificate FOR EACH ROW EXECUTE FUNCTION keep_promise_six_months()")


def downgrade() -> None:
    op.execute("DROP TRIGGER documents_promise_kept ON documents_promise_certificate")
    op.execute("DROP FUNCTION keep_promise_six_months()")
