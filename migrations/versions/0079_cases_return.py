"""Boxes go back within seven days without cause; a refund may be one of such a return."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0079'
down_revision = '0069'
branch_labels = None
depends_on = None

KINDS = "'after_sales', 'scan_report', 'suspected_copy', 'parcel', 'payment', 'recall', 'presale', 'invoice'"
STATES = ('asked', 'sent', 'received', 'refunded', 'refused', 'withdrawn')


def upgrade() -> None:
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', f"kind IN ({KINDS}, 'return')")
    op.create_table(
        'cases_return',
        sa.Column('case_id', sa.Uuid(), nullable=False),
        sa.Column('line_id', sa.Uuid(), nullable=False),
        sa.Column('boxes', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.Enum(*STATES, name='returnstate', native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column('carrier', sa.Text(), nullable=False),
        sa.Column('waybill', sa.Text(), nullable=False),
        sa.Column('came', sa.BigInteger(), nullable=True),
        sa.Column('serials', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column('amount_fen', sa.BigInteger(), nullable=True),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('received_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint('boxes > 0', name=op.f('ck_cases_return_boxes')),
        sa.CheckConstraint('came BETWEEN 1 AND boxes', name=op.f('ck_cases_return_came_within')),
        sa.CheckConstraint('(came IS NULL) = (received_at IS NULL) AND (came IS NULL) = (amount_fen IS NULL)', name=op.f('ck_cases_return_received')),
        sa.CheckConstraint('amount_fen >= 0', name=op.f('ck_cases_return_amount')),
        sa.CheckConstraint("state NOT IN ('received', 'refunded') OR received_at IS NOT NULL", name=op.f('ck_cases_return_received_before')),
        sa.CheckConstraint("(state IN ('refunded', 'refused', 'withdrawn')) = (ended_at IS NOT NULL)", name=op.f('ck_cases_return_ended')),
        sa.CheckConstraint('char_length(carrier) <= 40 AND char_length(waybill) <= 40', name=op.f('ck_cases_return_parcel_bounded')),
        sa.ForeignKeyConstraint(['case_id'], ['cases_case.id'], name=op.f('fk_cases_return_case_id_cases_case')),
        sa.ForeignKeyConstraint(['line_id'], ['orders_line.id'], name=op.f('fk_cases_return_line_id_orders_line')),
        sa.PrimaryKeyConstraint('case_id', name=op.f('pk_cases_return')),
    )
    op.create_index('ix_cases_return_line', 'cases_return', ['line_id'], unique=False)
    op.add_column('backoffice_refund_proposal', sa.Column('case_code', sa.Text(), nullable=True))
    op.create_index('ix_backoffice_refund_proposal_case', 'backoffice_refund_proposal', ['case_code'], unique=False, postgresql_where='case_code IS NOT NULL')


def downgrade() -> None:
    op.drop_index('ix_backoffice_refund_proposal_case', table_name='backoffice_refund_proposal')
    op.drop_column('backoffice_refund_proposal', 'case_code')
    op.drop_table('cases_return')
    op.execute("UPDATE cases_case SET kind = 'after_sales' WHERE kind = 'return'")
    op.drop_constraint(op.f('ck_cases_case_casekind'), 'cases_case', type_='check')
    op.create_check_constraint(op.f('ck_cases_case_casekind'), 'cases_case', f'kind IN ({KINDS})')
