"""A commitment certificate whose lot was mixed names the one that replaced it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0039'
down_revision = '0038'
branch_labels = None
depends_on = None

TABLE = 'documents_promise_certificate'


def upgrade() -> None:
    op.add_column(TABLE, sa.Column('replaced_by', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f(f'fk_{TABLE}_replaced_by_documents_document'), TABLE, 'documents_document', ['replaced_by'], ['id'])


def downgrade() -> None:
    op.drop_constraint(op.f(f'fk_{TABLE}_replaced_by_documents_document'), TABLE, type_='foreignkey')
    op.drop_column(TABLE, 'replaced_by')
