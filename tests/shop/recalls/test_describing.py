"""A dry run in words: nothing personal, the same figures everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from shop.recalls.describing import describe_plain, describe_tables
from shop.recalls.queries import trace_reach
from tests.factories.catalog import make_household
from tests.shop.recalls.test_deciding import Sold


def test_tables_and_plain_values_agree(session: Session) -> None:
    sold = Sold(session)
    reach = trace_reach(session, sold.lot)
    plain = json.loads(json.dumps(describe_plain(reach)))
    tables = {table.name: table for table in describe_tables(session, reach, lambda text: text)}
    assert [row[0] for row in tables["往下涉及批次"].rows] == plain["lots"] == [sold.lot.code]
    assert [row[0] for row in tables["订单"].rows] == [row["code"] for row in plain["orders"]] == [sold.order.code]
    assert all(len(row) == len(table.headings) for table in tables.values() for row in table.rows)
    assert tables["往上来源农户"].rows


def test_more_households_do_not_mean_more_queries(session: Session, count_queries: Any) -> None:
    reach = trace_reach(session, Sold(session).lot)
    household, share = reach.households[0]
    more = replace(reach, households=[(household, share), *((make_household(session).id, share) for _ in range(5))])
    counts = []
    for each in (reach, more):
        session.expire_all()
        with count_queries() as asked:
            describe_tables(session, each, lambda text: text)
        counts.append(len([text for text in asked if "parties_" in text]))
    assert counts[0] == counts[1]
