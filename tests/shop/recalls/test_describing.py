"""A dry run in words: nothing personal, the same figures everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel.gs1 import make_gln
from shop.recalls.describing import describe_plain, describe_tables
from shop.recalls.queries import trace_reach
from tests.factories.catalog import AT, act_as, make_actor, make_household, make_place
from tests.factories.lots import make_chain
from tests.shop.recalls.test_deciding import Sold
from traceability.pallets.aggregating import close_case, open_container, stack_pallet


def test_tables_and_plain_values_agree(session: Session) -> None:
    sold = Sold(session)
    reach = trace_reach(session, sold.lot)
    plain = json.loads(json.dumps(describe_plain(session, reach)))
    tables = {table.name: table for table in describe_tables(session, reach, lambda text: text)}
    assert [row[0] for row in tables["往下涉及批次"].rows] == plain["lots"] == [sold.lot.code]
    assert [row[0] for row in tables["订单"].rows] == [row["code"] for row in plain["orders"]] == [sold.order.code]
    assert all(len(row) == len(table.headings) for table in tables.values() for row in table.rows)
    assert tables["往上来源农户"].rows
    assert tables["批次怎么来的"].rows == [(reach.upstream[-1].code, sold.lot.code, tables["批次怎么来的"].rows[0][2])]


def test_the_papers_of_every_lot_in_reach_are_listed(session: Session) -> None:
    chain = make_chain(session)
    tables = {table.name: table for table in describe_tables(session, trace_reach(session, chain.carcass), lambda text: text)}
    papers = {(row[0], row[1]) for row in tables["合格证和检疫检验"].rows}
    assert papers == {(chain.live.code, "动物检疫合格证明"), (chain.carcass.code, "肉品品质检验合格证")}
    edges = {(row[0], row[1]) for row in tables["批次怎么来的"].rows}
    assert {(chain.live.code, chain.carcass.code), (chain.frozen.code, chain.pack.code)} <= edges
    assert "没有放进召回的批次" not in tables
    part = {t.name: t for t in describe_tables(session, trace_reach(session, chain.carcass, [chain.pack.code]), lambda text: text)}
    assert [row[0] for row in part["往下涉及批次"].rows] == [chain.pack.code]
    assert chain.carcass.code in {row[0] for row in part["没有放进召回的批次"].rows}


def test_cases_and_pallets_that_hold_boxes_of_the_lots_are_listed(session: Session, client: FlaskClient, app: Flask) -> None:
    chain = make_chain(session, boxes=4)
    place = make_place(session, chain.cooperative, gln=str(make_gln("952", 4717)))
    first, second = (close_case(session, chain.clerk, place_id=place.id, serials=chain.serials[n : n + 2], at=AT) for n in (0, 2))
    pallet = stack_pallet(session, chain.clerk, place_id=place.id, codes=[first.name], at=AT)
    open_container(session, chain.clerk, second.name, AT)
    reach = trace_reach(session, chain.carcass)
    tables = {table.name: table for table in describe_tables(session, reach, lambda text: text)}
    assert [row[:3] for row in tables["箱和托盘"].rows] == [(first.name, "整箱", 2), (pallet.name, "托盘", 2)]
    assert describe_plain(session, reach)["containers"] == [{"code": first.name, "boxes": 2}, {"code": pallet.name, "boxes": 2}]
    act_as(app, make_actor(session, Role.operator))
    page = client.get(f"/recalls/lots/{chain.carcass.code}").text
    assert (first.name in page, pallet.name in page, second.name in page) == (True, True, False)


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
