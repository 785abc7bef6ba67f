"""Files of photos that erased persons sent wait to be deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0045'
down_revision = '0044'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('cases_erased_photo',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_cases_erased_photo'))
    )


def downgrade() -> None:
    op.drop_table('cases_erased_photo')
