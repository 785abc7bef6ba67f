"""A basket keeps boxes of a pre-sale apart from those on the shelf; a pre-sale that fell short is a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0072'
down_revision = '0071'
branch_labels = None
depends_on = None

KINDS = ('after_sales', 'scan_report', 'suspected_copy', 'parcel', 'payment', 'recall')


def is_one_of(*kinds: str) -> str:
    return f"kind IN ({', '.join(repr(kind) for kind in kinds)})"


def upgrade() -> None:
    op.add_column('basket_line', sa.Column('presale_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_basket_line_presale_id_stock_presale'), 'basket_line', 'stock_presale', ['presale_id'], ['id'])
    op.drop_constraint(op.f('uq_basket_line_basket_id_product_id'), 'basket_line', type_='unique')
    op.create_unique_constraint(
        op.f('uq_basket_line_basket_id_product_id_presale_id'),
        'basket_line',
        ['basket_id', 'product_id', 'presale_id'],
        postgresql_nulls_not_distinct=True,
    )
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', is_one_of(*KINDS, 'presale'))


def downgrade() -> None:
    op.execute("UPDATE cases_case SET kind = 'after_sales' WHERE kind = 'presale'")
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', is_one_of(*KINDS))
    op.execute('DELETE FROM basket_line WHERE presale_id IS NOT NULL')
    op.drop_constraint(op.f('uq_basket_line_basket_id_product_id_presale_id'), 'basket_line', type_='unique')
    op.create_unique_constraint(op.f('uq_basket_line_basket_id_product_id'), 'basket_line', ['basket_id', 'product_id'])
    op.drop_constraint(op.f('fk_basket_line_presale_id_stock_presale'), 'basket_line', type_='foreignkey')
    op.drop_column('basket_line', 'presale_id')
