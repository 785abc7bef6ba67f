"""A dry run in words: nothing personal, the same figures everywhere."""

from __future__ import annotations

import json

from sqlalchemy.orm import Session

from shop.recalls.describing import describe_plain, describe_tables
from shop.recalls.queries import trace_reach
from tests.shop.recalls.test_deciding import Sold


def test_tables_and_plain_values_agree(session: Session) -> None:
    sold = Sold(session)
    reach = trace_reach(session, sold.lot)
    plain = json.loads(json.dumps(describe_plain(reach)))
    tables = {table.name: table for table in describe_tables(session, reach, lambda text: text)}
    assert [row[0] for row in tables["往下涉及批次"].rows] == plain["lots"] == [sold.lot.code]
    assert [row[0] for row in tables["订单"].rows] == [row["code"] for row in plain["orders"]] == [sold.order.code]
    assert all(len(row) == len(table.heads) for table in tables.values() for row in table.rows)
    assert tables["往上来源农户"].rows
