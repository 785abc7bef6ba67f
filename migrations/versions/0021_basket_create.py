"""Create the tables of basket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('basket_basket',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('token_hash', sa.Text(), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(person_id IS NULL) <> (token_hash IS NULL)', name=op.f('ck_basket_basket_one_owner')),
    sa.ForeignKeyConstraint(['person_id'], ['parties_person.id'], name=op.f('fk_basket_basket_person_id_parties_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_basket_basket')),
    sa.UniqueConstraint('person_id', name=op.f('uq_basket_basket_person_id')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_basket_basket_token_hash'))
    )
    op.create_index('ix_basket_basket_changed_at', 'basket_basket', ['changed_at'], unique=False, postgresql_where='token_hash IS NOT NULL')
    op.create_table('basket_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('basket_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('quantity BETWEEN 1 AND 999', name=op.f('ck_basket_line_quantity')),
    sa.ForeignKeyConstraint(['basket_id'], ['basket_basket.id'], name=op.f('fk_basket_line_basket_id_basket_basket')),
    sa.ForeignKeyConstraint(['product_id'], ['products_product.id'], name=op.f('fk_basket_line_product_id_products_product')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_basket_line')),
    sa.UniqueConstraint('basket_id', 'product_id', name=op.f('uq_basket_line_basket_id_product_id'))
    )


def downgrade() -> None:
    op.drop_table('basket_line')
    op.drop_table('basket_basket')
