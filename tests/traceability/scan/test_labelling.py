"""Labels through their door: asked for, drawn by the task, downloaded; boxes become printed; guards off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.roles import Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.files import FileStore
from kernel.installation import fix
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.lots import Chain, make_chain
from traceability.lots.models import TradeItem
from traceability.lots.states import ItemState
from traceability.scan import labelling, sheets, tasks, views
from traceability.scan.models import LabelJob
from traceability.scan.states import JobState, Sheet

PUBLIC = "https://shop.example.cn"


@pytest.fixture
def chain(session: Session) -> Chain:
    chain = make_chain(session, sheep=(2, 3), boxes=5, activated=False)
    session.flush()
    return chain


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Job ids that the door hurried a worker for; no broker runs here, the sweep draws."""
    hurried: list[str] = []
    monkeypatch.setattr(views, "send", lambda _task, job: hurried.append(job))
    return hurried


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "files")
    tasks.use_store(store)
    return store


def ask(session: Session, chain: Chain, at: datetime, **over: Any) -> LabelJob:
    values: dict[str, Any] = {"lot_code": chain.pack.code, "count": 3, "sheet": Sheet.A4, "public_url": PUBLIC, "demo": False}
    return labelling.ask_labels(session, over.pop("actor", chain.clerk), at=at, **(values | over))


def states(session: Session, chain: Chain) -> list[ItemState]:
    session.expire_all()
    query = select(TradeItem.state).where(TradeItem.lot_id == chain.pack.id).order_by(TradeItem.id)
    return list(session.scalars(query))


def test_from_the_form_to_the_pdf(
    app: Flask, client: FlaskClient, session: Session, chain: Chain, store: FileStore, hints: list[str]
) -> None:
    act_as(app, chain.clerk)
    address = f"/labels/{chain.pack.code}"
    assert "打印标签" in client.get(address).text
    answer = client.post(address, data=form(count="3", sheet="a4"))
    assert answer.status_code == 303
    job_page = answer.headers["Location"]
    assert [job_page.rsplit("/", 1)[1]] == hints
    waiting = client.get(job_page).text
    assert "排队中" in waiting
    assert 'http-equiv="refresh"' in waiting
    assert client.get(f"{job_page}/labels.pdf").status_code == 404
    tasks.draw_waiting()
    done = client.get(job_page).text
    assert "可以下载" in done
    assert 'http-equiv="refresh"' not in done
    with client.get(f"{job_page}/labels.pdf") as sheet:
        assert sheet.mimetype == "application/pdf"
        assert sheet.data.startswith(b"%PDF-")
    assert states(session, chain) == [ItemState.PRINTED] * 3 + [ItemState.MADE] * 2
    assert "可以下载" in client.get(address).text


def test_a_job_is_drawn_once(
    session: Session, chain: Chain, store: FileStore, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(session, chain, at)
    session.commit()
    drawn: list[int] = []
    real = sheets.render
    monkeypatch.setattr(sheets, "render", lambda *args, **kw: drawn.append(1) or real(*args, **kw))
    for _ in range(3):
        tasks.draw_labels(str(job.id))
    assert drawn == [1]


def test_a_lost_worker_is_replaced(session: Session, chain: Chain, store: FileStore, at: datetime) -> None:
    job = ask(session, chain, at)
    assert labelling.claim_job(session, job.id, at) is not None
    assert labelling.claim_job(session, job.id, at + timedelta(minutes=1)) is None
    assert labelling.list_open_jobs(session, at + timedelta(minutes=1)) == []
    later = at + labelling.STALE + timedelta(minutes=1)
    assert labelling.list_open_jobs(session, later) == [job.id]
    assert labelling.claim_job(session, job.id, later) is not None


def test_a_failure_leaves_boxes_alone_and_is_tried_again(
    session: Session, chain: Chain, store: FileStore, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(session, chain, at)
    session.commit()
    with monkeypatch.context() as broken:
        broken.setattr(sheets, "render", lambda *_a, **_k: 1 / 0)
        for _ in range(labelling.MOST_TRIES - 1):
            tasks.draw_labels(str(job.id))
        session.expire_all()
        assert session.get_one(LabelJob, job.id).state is JobState.WAITING
        tasks.draw_labels(str(job.id))
    session.expire_all()
    assert session.get_one(LabelJob, job.id).state is JobState.FAILED
    assert states(session, chain) == [ItemState.MADE] * 5
    ask(session, chain, at)


def test_a_box_is_not_asked_for_twice(session: Session, chain: Chain, store: FileStore, at: datetime) -> None:
    first, second = ask(session, chain, at), ask(session, chain, at)
    assert not set(first.serials) & set(second.serials)
    assert second.wanted == 2
    with pytest.raises(Conflict, match="没有待打印"):
        ask(session, chain, at)
    session.commit()
    tasks.draw_labels(str(first.id))
    again = ask(session, chain, at, again=True)
    assert set(again.serials) == set(first.serials)


@pytest.mark.parametrize("locked", [True, False])
def test_two_clerks_who_ask_at_once_get_different_boxes(
    database: str, at: datetime, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """The lock on the lot is the guard: without it both sheets carry the same serials."""
    with work() as session:
        chain = make_chain(session, sheep=(2,), boxes=4, activated=False)
        code, clerk = chain.pack.code, chain.clerk
    both, waiting = Barrier(2), labelling._waiting_serials

    def slow(session: Session, lot_id: UUID) -> set[str]:
        found = waiting(session, lot_id)
        with suppress(BrokenBarrierError):
            both.wait(1)
        return found

    def ask_for_two(_: int) -> list[str]:
        with work() as session:
            job = labelling.ask_labels(session, clerk, lot_code=code, count=2, sheet=Sheet.A4, public_url=PUBLIC, demo=False, at=at)
            return list(job.serials)

    monkeypatch.setattr(labelling, "_waiting_serials", slow)
    if not locked:
        monkeypatch.setattr(labelling, "lock_lots", lambda *_: None)
    with ThreadPoolExecutor(2) as pool:
        serials = [serial for found in pool.map(ask_for_two, range(2)) for serial in found]
    assert len(set(serials)) == (4 if locked else 2)


def test_who_may_print(
    app: Flask, client: FlaskClient, session: Session, chain: Chain, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        ask(session, chain, at, actor=stranger)
    assert client.get(f"/labels/{chain.pack.code}").status_code == 302, "sign in first"
    act_as(app, stranger)
    assert client.get(f"/labels/{chain.pack.code}").status_code == 403
    assert client.post(f"/labels/{chain.pack.code}", data=form(count="1", sheet="a4")).status_code == 403
    monkeypatch.setattr(labelling, "must_label", lambda *_: None)  # the guard off: the stranger prints
    assert client.post(f"/labels/{chain.pack.code}", data=form(count="1", sheet="a4")).status_code == 303


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]", "http://0.0.0.0:8000", "http://me.localhost"]
)
def test_labels_nobody_can_open_are_refused_outside_the_demo(session: Session, chain: Chain, at: datetime, url: str) -> None:
    with pytest.raises(Conflict, match="PUBLIC_URL"):
        ask(session, chain, at, public_url=url)
    assert ask(session, chain, at, public_url=url, demo=True).wanted == 3
    assert labelling.is_reachable("http://192.168.1.20:8000")
    assert labelling.is_reachable(PUBLIC)


def test_the_address_is_the_one_fixed_at_first_start(
    app: Flask, client: FlaskClient, session: Session, chain: Chain, at: datetime
) -> None:
    fix(session, "public_url", PUBLIC, at=at)
    act_as(app, chain.clerk)
    client.post(f"/labels/{chain.pack.code}", data=form(count="1", sheet="roll"))
    assert session.scalars(select(LabelJob)).one().public_url == PUBLIC


@pytest.mark.parametrize(
    "over", [{"count": "0"}, {"count": "x"}, {"count": "99999"}, {"count": ""}, {"sheet": "a5"}, {"count": "-1"}, {"count": "٣"}]
)
def test_bad_input(app: Flask, client: FlaskClient, session: Session, chain: Chain, over: dict[str, str]) -> None:
    act_as(app, chain.clerk)
    answer = client.post(f"/labels/{chain.pack.code}", data=form(**({"count": "1", "sheet": "a4"} | over)))
    assert answer.status_code == 422
    assert session.scalars(select(LabelJob)).all() == []
    assert client.get("/labels/LOT-NONE").status_code == 404


def test_only_packed_lots(session: Session, chain: Chain, at: datetime) -> None:
    with pytest.raises(Invalid, match="装好盒"):
        ask(session, chain, at, lot_code=chain.frozen.code)


def test_drawing_holds_no_transaction(
    session: Session, chain: Chain, store: FileStore, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(session, chain, at)
    session.commit()

    def render(*_args: Any, **_kw: Any) -> bytes:
        with work():  # would raise inside another work()
            return b"%PDF-1.7 test"

    monkeypatch.setattr(sheets, "render", render)
    tasks.draw_labels(str(job.id))
    session.expire_all()
    assert session.get_one(LabelJob, job.id).state is JobState.DONE
