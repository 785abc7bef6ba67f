"""Create the tables of demo."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('demo_door',
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('what_en', sa.Text(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_demo_door_person_id_parties_person')),
    sa.PrimaryKeyConstraint('login', name=op.f('pk_demo_door')),
    sa.UniqueConstraint('person_id', name=op.f('uq_demo_door_person_id'))
    )


def downgrade() -> None:
    op.drop_table('demo_door')
