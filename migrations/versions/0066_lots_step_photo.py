"""A photograph waits with the step that waits for its signature."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0066'
down_revision = '0064'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lots_step_request', sa.Column('photo_digest', sa.Text()))
    op.add_column('lots_step_request', sa.Column('faces_agreed', sa.Boolean()))
    op.create_unique_constraint('uq_lots_step_request_photo_digest', 'lots_step_request', ['photo_digest'])
    op.create_check_constraint(
        op.f('ck_lots_step_request_photo_waits'),
        'lots_step_request',
        "(photo_digest IS NULL) = (faces_agreed IS NULL) AND (photo_digest IS NULL OR verdict = 'open')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f('ck_lots_step_request_photo_waits'), 'lots_step_request')
    op.drop_column('lots_step_request', 'faces_agreed')
    op.drop_column('lots_step_request', 'photo_digest')
