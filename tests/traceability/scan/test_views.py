"""The page behind the code on a box, through its door."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind, SubjectKind
from catalog.parties import consenting
from catalog.parties.models import ANONYMOUS, ConsentScope, Household, Role
from kernel.ids import new_serial
from tests.factories.catalog import form, make_actor, make_document
from tests.factories.epcis import Partner, make_event
from tests.factories.lots import Chain, kg, make_chain, make_delivery
from traceability.lots import balancing, confirming, mixing, processing, recalling, signing
from traceability.lots.models import LotYield
from traceability.lots.states import DisputeSubject, ItemState, Step
from traceability.scan import counting, queries, telling
from traceability.scan.models import ScanRecord, ScanTally

SECRET = "赫连藏名"
SIX = (2, 3, 5, 1, 1, 2)


@pytest.fixture
def chain(session: Session) -> Chain:
    chain = make_chain(session, sheep=SIX)
    for number, household in enumerate(chain.households):
        household.head_name = f"{SECRET}{number}"
    session.flush()
    return chain


def page(client: FlaskClient, path: str, status: int = 200, **headers: str) -> str:
    with client.get(path, headers=headers) as answer:
        assert answer.status_code == status, answer.text
        return answer.text


def words(html: str) -> str:
    """What a reader sees, tags and line breaks gone."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_first_screen(client: FlaskClient, chain: Chain) -> None:
    html = page(client, f"/t/{chain.serials[0]}")
    assert len(html.encode()) <= 50_000
    text = words(html)
    assert "正常" in text
    assert f"盐池县 · {chain.cooperative.name} · 6户 · 11月22日屠宰" in text
    assert chain.product.name in text
    for part in ("谁养的", "过程", "证书", "路线", "示意图，不表示行政区域界线", "能证明", "不能证明", "./shanhai ledger verify"):
        assert part in text


def test_the_steps_are_told_in_order(client: FlaskClient, chain: Chain) -> None:
    text = words(page(client, f"/t/{chain.serials[0]}"))
    titles = ["农户交货", "合并批次", "屠宰", "分割", "冷冻", "装盒", "贴标启用"]
    steps = text[text.index("过程") :]
    assert sorted(titles, key=lambda title: steps.index(f"{title} 自报")) == titles
    assert "动物检疫合格证明" in text
    assert "14 头" in steps


def test_english(client: FlaskClient, chain: Chain) -> None:
    text = words(page(client, f"/t/{chain.serials[0]}?lang=en"))
    for part in ("Who raised it", "6 households", "slaughtered 22 Nov", "Taiwan, China", "not administrative boundaries"):
        assert part in text


def test_a_code_nobody_made(client: FlaskClient, chain: Chain) -> None:
    assert "没有生产过" in page(client, f"/t/{new_serial()}", 404)
    assert "没有生产过" in page(client, f"/t/{chain.live.code}", 404), "a bulk lot has no page"
    assert chain.pack.code in page(client, f"/t/{chain.pack.code}")


@pytest.mark.parametrize(
    ("state", "said"),
    [(ItemState.MADE, "未启用"), (ItemState.PRINTED, "未启用"), (ItemState.VOID, "已作废"), (ItemState.SOLD, "正常")],
)
def test_the_label_first(client: FlaskClient, session: Session, chain: Chain, state: ItemState, said: str) -> None:
    chain.items[0].state = state
    session.flush()
    assert said in words(page(client, f"/t/{chain.serials[0]}"))


def test_a_recall_shows_from_the_next_request(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    assert "召回" not in words(page(client, f"/t/{chain.serials[0]}"))
    recalling.mark_lots(session, chain.clerk, chain.carcass.code, "抽检不合格（示例）", at)
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert "不要食用" in text
    assert "抽检不合格（示例）" in text


def households_named(session: Session, chain: Chain, number: int, *scopes: ConsentScope) -> Household:
    household = chain.households[number]
    for scope in scopes:
        consenting.give_consent(session, chain.clerk, household_id=household.id, scope=scope, at=datetime.now().astimezone())
    session.flush()
    return household


def test_no_name_without_consent(client: FlaskClient, chain: Chain) -> None:
    for path in (f"/t/{chain.serials[0]}", f"/t/{chain.pack.code}", f"/t/{chain.serials[0]}/proofs"):
        assert SECRET not in page(client, path)


def test_that_guard_switched_off_shows_the_name(client: FlaskClient, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "standing_consents", lambda _session, ids: dict.fromkeys(ids, frozenset(ConsentScope)))
    assert SECRET in page(client, f"/t/{chain.serials[0]}")


def test_it_says_how_many_deliveries_the_households_confirmed(
    client: FlaskClient, session: Session, chain: Chain, at: datetime
) -> None:
    path = f"/t/{chain.serials[0]}"
    assert "扫凭证确认" not in page(client, path)
    for delivery in chain.deliveries[:2]:
        confirming.confirm_delivery(session, ANONYMOUS, delivery.id, at=at)
    confirming.dispute_delivery(session, ANONYMOUS, chain.deliveries[1].id, about=DisputeSubject.PRICE, words="", at=at)
    make_delivery(session, chain.households[0])
    session.flush()
    assert "共 6 笔交货，农户自己扫凭证确认了 1 笔。" in words(page(client, path))


def test_consent_and_its_withdrawal(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    household = households_named(session, chain, 0, ConsentScope.NAME)
    html = page(client, f"/t/{chain.serials[0]}")
    assert f"{SECRET}0" in html
    assert f"{SECRET}1" not in html
    assert "示例村" not in html, "the village needs a consent of its own"
    later = datetime.now().astimezone() + timedelta(seconds=1)
    consenting.withdraw_consent(session, chain.clerk, household_id=household.id, scopes=[ConsentScope.NAME], at=later)
    assert SECRET not in page(client, f"/t/{chain.serials[0]}")
    assert "6户" in page(client, f"/t/{chain.serials[0]}"), "the count stays"


def test_the_household_itself_hides_its_name_from_the_next_request(client: FlaskClient, session: Session, chain: Chain) -> None:
    household = households_named(session, chain, 0, ConsentScope.NAME)
    link = consenting.issue_card(session, chain.clerk, household_id=household.id, at=datetime.now().astimezone())
    session.flush()
    assert f"{SECRET}0" in page(client, f"/t/{chain.serials[0]}")
    assert client.post(f"/my-consent/{link}/withdraw", data=form(scope="name")).status_code == 302
    assert SECRET not in page(client, f"/t/{chain.serials[0]}")


def test_a_share_is_not_told_by_telling_all_the_others(client: FlaskClient, session: Session, chain: Chain) -> None:
    for number in range(5):
        households_named(session, chain, number, ConsentScope.NAME, ConsentScope.SHARE)
    households_named(session, chain, 5, ConsentScope.NAME)
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert f"{SECRET}5" in text
    assert "35.7" not in text, "the sixth household's share would be what is left of 100 %"
    households_named(session, chain, 5, ConsentScope.SHARE)
    assert "35.7" in words(page(client, f"/t/{chain.serials[0]}"))


def test_a_partner_does_not_set_the_day_of_slaughter(client: FlaskClient, session: Session, chain: Chain) -> None:
    lot = f"https://id.gs1.org/01/{chain.product.gtin}/10/{chain.pack.code}"
    told = make_event(1, bizStep="killing", eventTime="2026-11-28T01:00:00Z", epcList=[lot])
    assert Partner(client, session).capture(told)["success"]
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert "合作方报" in text
    assert "11月22日屠宰" in text
    assert "11月28日屠宰" not in text


def test_few_households_are_not_told_apart(client: FlaskClient, session: Session, at: datetime) -> None:
    few = make_chain(session, sheep=(2, 3), boxes=5)
    telling.tell_fact(session, few.pack.code, "shares", {"parts": [{"payee": "household", "fen": 10_000, "state": "agreed"}]}, at)
    text = words(page(client, f"/t/{few.serials[0]}"))
    assert "示例镇" not in text
    assert "钱到哪里" not in text


def test_money_of_many_households(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    parts = [
        {"payee": "freight", "fen": 3_800, "state": "agreed"},
        {"payee": "household", "fen": 6_200, "state": "paid", "on": "2026-11-20"},
    ]
    telling.tell_fact(session, chain.pack.code, "shares", {"parts": parts}, at)
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert "每 100 元，农户得 ¥62.00" in text
    assert "已支付（2026-11-20）" in text
    assert "按约定" in text
    assert "示例镇：6户" in text


def test_the_journey_ends_at_the_province(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    serial = chain.serials[0]
    balancing.dispatch_items(session, chain.pack.id, [serial], at, chain.clerk)
    gaps = words(page(client, f"/t/{serial}"))
    assert "发往购买地 缺失" in gaps
    assert "运输温度 缺失" in gaps
    telling.tell_fact(
        session,
        serial,
        "dispatched",
        {"hub": "示例分拨仓", "hub_county_code": "640323", "province_code": "310000", "province": "上海市"},
        at,
    )
    telling.tell_fact(
        session,
        serial,
        "temperature",
        {"cold_class": "frozen", "coldest": "-21.0", "warmest": "-18.5", "limit": "-18", "readings": 12, "excursions": 0},
        at,
    )
    html = page(client, f"/t/{serial}")
    text = words(html)
    assert "示例分拨仓 → 上海市" in text
    assert "−18.5 °C" in text
    assert "缺失" not in text
    assert "<polyline" in html
    assert "缺失" not in words(page(client, f"/t/{chain.serials[1]}")), "another box has not left"
    assert "示例分拨仓" not in page(client, f"/t/{chain.serials[1]}")


def test_papers_are_judged_on_their_day_and_today(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert "11月22日有效" in text
    assert "今天有效" in text
    old = make_document(
        session,
        DocumentKind.TEST_REPORT,
        SubjectKind.PRODUCT,
        chain.product.sku,
        valid_from=datetime(2025, 1, 1).date(),
        issued_on=datetime(2025, 1, 1).date(),
        valid_to=datetime(2025, 12, 31).date(),
    )
    text = words(page(client, f"/t/{chain.serials[0]}"))
    assert old.number in text
    assert "11月22日无效" in text
    assert "今天已过期" in text


def test_a_missing_paper_is_a_gap(client: FlaskClient, session: Session) -> None:
    bare = make_chain(session, sheep=(2, 3), boxes=5, papers=False, activated=False)
    text = words(page(client, f"/t/{bare.serials[0]}"))
    assert "动物检疫合格证明 缺失" in text
    assert "肉品品质检验合格证 缺失" in text


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_queries_is_fixed(session: Session, engine: Engine, at: datetime) -> None:
    seen = []
    for sheep in ((2, 3), (1,) * 15):
        long = make_chain(session, sheep=sheep, boxes=3)
        session.commit()
        with counted(engine) as statements:
            queries.tell_story(session, long.serials[0], at.date())
        seen.append(len(statements))
    assert seen[0] == seen[1] <= 20


def test_looks_are_counted_after_the_answer(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    path = f"/t/{chain.serials[0]}"
    assert "第一次被查看" in page(client, path)
    with client.get(path):
        pass
    records = session.scalars(select(ScanRecord).where(ScanRecord.subject == chain.serials[0])).all()
    assert len(records) == 2
    assert len({record.visitor for record in records}) == 1, "the same phone: one cookie"
    assert {column.name for column in ScanRecord.__table__.columns} == {
        "id",
        "subject",
        "at",
        "province_code",
        "visitor",
        "tallied_at",
    }
    assert counting.tally_scans(session, at) == 2
    assert counting.tally_scans(session, at) == 0, "each look once"
    assert session.get_one(ScanTally, chain.serials[0]).scans == 2
    assert "已被查看 2 次" in page(client, path)


def test_programs_that_fetch_ahead_do_not_count(client: FlaskClient, session: Session, chain: Chain) -> None:
    page(client, f"/t/{chain.serials[0]}", **{"Sec-Purpose": "prefetch"})
    with client.head(f"/t/{chain.serials[0]}"):
        pass
    assert session.scalars(select(ScanRecord)).all() == []


def test_headers(client: FlaskClient, chain: Chain) -> None:
    answer = client.get(f"/t/{chain.serials[0]}")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_claim_says_no_more_than_its_custody_model(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    path = f"/t/{chain.serials[0]}"
    assert "这一盒就来自这些农户" in words(page(client, path))
    tank = mixing.mix_lots(
        session, chain.clerk, inputs=[(chain.frozen.id, chain.frozen.left)], material="冷冻羊腿切块", averaged=True, at=at
    )
    lot = processing.pack_lot(
        session, chain.clerk, lot_id=tank.id, product_sku=chain.product.sku, boxes=1, box=kg(1), expires_on=None, at=at
    )
    text = words(page(client, f"/t/{lot.code}"))
    assert "平均来自 6 户" in text
    assert "就来自这些农户" not in text
    assert "on average from 6 households" in words(page(client, f"/t/{lot.code}?lang=en"))


def test_a_step_outside_its_range_is_told_in_a_sentence(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    told = "这一步的产出不在常规范围内"
    assert told not in words(page(client, f"/t/{chain.serials[0]}"))
    output = processing.OutputDraft("速冻羊腿切块", kg(1), Decimal("0.9"), Decimal(1))
    step = {"step": Step.FREEZING, "inputs": [(chain.frozen.id, kg(2))], "outputs": [output], "place_id": None, "at": at}
    request = signing.ask_signature(session, chain.clerk, reason="冷库停电化了一半", **step)  # type: ignore[arg-type]
    second = make_actor(session, Role.clerk, chain.cooperative)
    signing.decide_step(session, second, request_id=request.id, agree=True, decision="在场", at=at)
    made = session.scalars(select(LotYield.lot_id).where(LotYield.signed_by.is_not(None))).one()
    lot = processing.pack_lot(
        session, chain.clerk, lot_id=made, product_sku=chain.product.sku, boxes=1, box=kg(1), expires_on=None, at=at
    )
    assert words(page(client, f"/t/{lot.code}")).count(told) == 1
