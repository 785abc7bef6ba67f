"""A photograph of a delivery (shop.cooperative.views.photos): optional, small, committed to, shown to few, deleted for good."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import ANONYMOUS, Role
from kernel import clock
from kernel.errors import Conflict, NotFound
from kernel.files import FileStore
from kernel.pictures import MOST_BYTES
from kernel.quantity import Unit
from shop.config import Config
from shop.cooperative import links
from shop.cooperative.views import desk
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity, make_delivery
from tests.factories.pictures import make_photo
from traceability.events.models import TraceEvent
from traceability.ledger.canonical import decode_entry
from traceability.ledger.models import LogEntry, SealedField
from traceability.lots import erasing, signing, tasks
from traceability.lots.models import ActPhoto, HouseholdDelivery, Lot, StepRequest
from traceability.lots.queries import list_edges_out_of

SCRIPT = Path(desk.__file__).parent.parent / "static" / "photo.js"


class Scale:
    """A clerk at the scale, and the folder photographs lie in."""

    def __init__(self, session: Session, app: Flask, config: Config) -> None:
        self.session, self.app, self.config = session, app, config
        self.cooperative = make_organization(session)
        self.household = make_household(session, self.cooperative)
        self.product = make_product(
            session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[]
        )
        make_capacity(session, "静宁苹果", Unit.KG)
        self.clerk = make_actor(session, Role.clerk, self.cooperative)
        act_as(app, self.clerk)

    def send(self, client: FlaskClient, photo: bytes | None = None, **over: Any) -> Any:
        values = {
            "household_id": self.household.id, "product_sku": self.product.sku, "quantity": "100", "unit": "kg", "agreed_price": "350",
            "faces": "none",
        }  # fmt: skip
        files = {"photo": FileStorage(io.BytesIO(photo), filename="IMG_1.jpg")} if photo is not None else {}
        boundary, body = encode_multipart(form(**(values | over)) | files)  # by hand: the client leaves large files of its own open
        return client.post("/cooperative/deliveries", data=body, content_type=f"multipart/form-data; boundary={boundary}")

    @property
    def files(self) -> list[Path]:
        return [path for path in self.config.photos_dir.rglob("*") if path.is_file()]

    @property
    def delivery(self) -> HouseholdDelivery:
        return self.session.scalars(select(HouseholdDelivery)).one()


@pytest.fixture
def scale(session: Session, app: Flask, config: Config) -> Scale:
    return Scale(session, app, config)


@pytest.fixture
def swept(config: Config) -> Iterator[None]:
    """The clock's part at work on this test's folder."""
    tasks.use_store(FileStore(config.photos_dir))
    yield
    tasks._store.clear()


def test_it_is_kept_small_and_committed_to(client: FlaskClient, scale: Scale) -> None:
    answer = scale.send(client, make_photo(900, 600))
    assert answer.status_code == 302
    (file,) = scale.files
    content = file.read_bytes()
    assert len(content) <= MOST_BYTES
    assert b"Example Phone" not in content
    digest = hashlib.sha256(content).hexdigest()
    event = scale.session.scalars(select(TraceEvent)).one()
    entry = decode_entry(scale.session.get_one(LogEntry, event.id).body)
    assert "photo_sha256" in entry.commitments
    assert digest not in f"{entry}{event.body}", "only as a commitment with its salt"
    sealed = scale.session.scalars(select(SealedField).where(SealedField.field == "photo_sha256")).one()
    assert sealed.subject_id == scale.household.id
    assert scale.session.scalars(select(ActPhoto)).one().digest == digest
    assert "photo.jpg" in client.get(answer.location).text
    shown = client.get(f"{answer.location}/photo.jpg")
    assert (shown.data, shown.mimetype, shown.headers["Cache-Control"]) == (content, "image/jpeg", "no-store")


def test_without_one_everything_is_as_before(client: FlaskClient, scale: Scale) -> None:
    answer = scale.send(client)
    assert answer.status_code == 302
    assert "photo.jpg" not in client.get(answer.location).text
    assert client.get(f"{answer.location}/photo.jpg").status_code == 404


@pytest.mark.parametrize(
    ("photo", "over", "words"),
    [
        (b"%PDF-1.4", {}, "打不开"),
        (make_photo(300, 200), {"faces": ""}, "有没有能认出来的人"),
        (make_photo(300, 200) + b"0" * (32 * 1024 * 1024), {}, "太大了"),
        (make_photo(300, 200), {"quantity": "x"}, "数量"),
        (make_photo(300, 200), {"quantity": "999999999"}, "超出了"),
    ],
)
def test_what_is_refused_leaves_no_file(client: FlaskClient, scale: Scale, photo: bytes, over: dict[str, str], words: str) -> None:
    answer = scale.send(client, photo, **over)
    assert answer.status_code == 422
    assert words in answer.text
    assert scale.files == []


def test_sent_twice_it_is_one_file_and_a_crash_leaves_none(
    client: FlaskClient, scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, photo = form()["idempotency_key"], make_photo(300, 200)
    for _ in range(2):
        scale.send(client, photo, idempotency_key=key)
    assert len(scale.files) == 1

    def crash(*_: object) -> None:
        raise Conflict("同时有人在改。")

    monkeypatch.setattr("kernel.web._remember", crash)
    scale.send(client, photo)
    assert len(scale.files) == 1, "what was not committed left nothing"


def test_only_those_the_slip_is_shown_to_see_it(client: FlaskClient, scale: Scale) -> None:
    path = scale.send(client, make_photo(300, 200)).location
    own = links.slip_path(scale.config.secret_key, scale.delivery.slip_code)
    act_as(scale.app, make_actor(scale.session, Role.clerk))
    assert client.get(f"{path}/photo.jpg").status_code == 404
    assert client.post(f"{path}/photo/erased", data=form()).status_code == 404
    act_as(scale.app, ANONYMOUS)
    assert "photo.jpg" in client.get(own).text
    answer = client.get(f"{own}/photo.jpg")
    assert (answer.status_code, answer.headers["X-Robots-Tag"]) == (200, "noindex, nofollow")
    assert client.get(f"{own[:-1]}~/photo.jpg").status_code == 404


def test_a_large_one_of_a_good_camera_is_taken_and_nothing_typed_is_lost(client: FlaskClient, scale: Scale) -> None:
    """A body of more than 12 MB, the bound of all other doors. Its tail stands for pixels: what matters here is the way in."""
    large = make_photo(300, 200) + b"0" * (13 * 1024 * 1024)
    refused = scale.send(client, large, quantity="7x", grade="特级")
    assert (refused.status_code, 'value="7x"' in refused.text, 'value="特级"' in refused.text) == (422, True, True)
    assert scale.send(client, large).status_code == 302
    assert len(scale.files) == 1


def test_without_the_wider_bound_the_door_would_refuse_the_whole_form(app: Flask, client: FlaskClient, scale: Scale) -> None:
    app.url_value_preprocessors["cooperative"].clear()
    assert scale.send(client, make_photo(300, 200) + b"0" * (13 * 1024 * 1024)).status_code == 413


class Vat(Scale):
    """The same clerk with two lots of two households, and what is done with them."""

    def __init__(self, session: Session, app: Flask, config: Config) -> None:
        super().__init__(session, app, config)
        self.other = make_household(session, self.cooperative)
        self.lots = [
            session.get_one(
                Lot, make_delivery(session, each, actor=self.clerk, product_sku=self.product.sku, material="静宁苹果").lot_id
            )
            for each in (self.household, self.other)
        ]

    def act(self, client: FlaskClient, deed: str, on: Lot, photo: bytes | None, **over: object) -> Any:
        """One act on the first lot, or ("mixed") on both."""
        field, path = ("", "mixed") if deed == "mixed" else (f"_{deed}", f"{on.code}/{deed}")
        field = "_processing" if deed == "signature" else field  # one form, two buttons
        values: dict[str, object] = {
            "mixed": {"lot": [each.code for each in self.lots]},
            "processing": {"step": "sorting", "material0": "静宁苹果", "quantity0": "90", "unit0": "kg", "low0": "0", "high0": "1"},
            "signature": {"step": "sorting", "material0": "静宁苹果", "quantity0": "50", "unit0": "kg", "low0": "0.8", "high0": "1",
                "reason": "一半被冰雹打坏了"},
            "packing": {"product_sku": self.product.sku, "boxes": "2"},
            "losses": {"why": "loss", "lost": "1", "lost_reason": "压坏了"},
        }[deed]  # fmt: skip
        files = {f"photo{field}": (io.BytesIO(photo), "IMG_2.jpg")} if photo is not None else {}
        data = form(**({f"faces{field}": "none"} | values | over)) | files
        return client.post(f"/cooperative/lots/{path}", data=data, content_type="multipart/form-data")

    def photo(self) -> ActPhoto:
        self.session.expire_all()
        return self.session.scalars(select(ActPhoto)).one()


@pytest.fixture
def vat(session: Session, app: Flask, config: Config) -> Vat:
    return Vat(session, app, config)


@pytest.mark.parametrize("deed", ["mixed", "processing", "packing", "losses"])
def test_every_act_may_have_one(client: FlaskClient, vat: Vat, deed: str) -> None:
    answer = vat.act(client, deed, vat.lots[0], make_photo(900, 600))
    assert answer.status_code == 302, answer.text
    photo = vat.photo()
    (file,) = vat.files
    assert (photo.digest, photo.delivery_id, b"Example Phone" in file.read_bytes()) == (file.name, None, False)
    assert photo.household_id == (None if deed == "mixed" else vat.household.id), "about one household alone, or about none"
    entry = decode_entry(vat.session.get_one(LogEntry, photo.event_id).body)
    assert "photo_sha256" in entry.commitments
    shown = f"{answer.location}/photos/{photo.id}"
    assert f"{shown}.jpg" in client.get(answer.location).text
    assert client.get(f"{shown}.jpg").data == file.read_bytes()
    act_as(vat.app, make_actor(vat.session, Role.clerk))
    assert (client.get(f"{shown}.jpg").status_code, client.post(f"{shown}/erased", data=form()).status_code) == (404, 404)
    act_as(vat.app, vat.clerk)
    assert client.post(f"{shown}/erased", data=form()).status_code == 302
    assert (client.get(f"{shown}.jpg").status_code, f"{shown}.jpg" in client.get(answer.location).text) == (404, False)


@pytest.mark.parametrize("deed", ["mixed", "processing", "packing", "losses"])
def test_an_act_that_is_refused_leaves_no_file_and_keeps_what_was_typed(client: FlaskClient, vat: Vat, deed: str) -> None:
    wrong: dict[str, object] = {"lot": [vat.lots[0].code, "LOT-NONE"], "quantity0": "x", "boxes": "0", "lost": "9999"}
    for over in ({"faces": "", f"faces_{deed}": ""}, wrong):
        answer = vat.act(client, deed, vat.lots[0], make_photo(300, 200), **over)
        assert answer.status_code in (404, 409, 422)
        assert vat.files == []
    assert vat.session.scalars(select(ActPhoto)).all() == []
    faceless = vat.act(client, deed, vat.lots[0], make_photo(300, 200), **{"faces": "", f"faces_{deed}": ""})
    assert "有没有能认出来的人" in faceless.text
    kept = {"mixed": "checked", "processing": 'value="90"', "packing": 'value="2"', "losses": "压坏了"}[deed]
    assert kept in faceless.text
    assert vat.act(client, deed, vat.lots[0], None).status_code == 302, "and none is needed"


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(("faces", "goes"), [("agreed", True), ("none", False)])
def test_one_of_several_households_goes_with_each_of_them_when_people_are_on_it(
    client: FlaskClient, vat: Vat, at: datetime, faces: str, goes: bool
) -> None:
    vat.act(client, "mixed", vat.lots[0], make_photo(300, 200), faces=faces)
    stranger = make_household(vat.session, vat.cooperative)
    for household, gone in ((stranger, False), (vat.other, goes)):
        erasing.forget_photos(vat.session, SubjectErased(SubjectKind.HOUSEHOLD, household.id, "request", at))
        tasks.delete_photos()
        assert (vat.photo().erased_at is not None, vat.files == []) == (gone, gone)


class Waiting(Vat):
    """A step with a photograph waits for its signature."""

    def ask(self, client: FlaskClient, **over: object) -> tuple[str, StepRequest]:
        answer = self.act(client, "signature", self.lots[0], make_photo(300, 200), **over)
        assert answer.status_code == 302, answer.text
        row = self.session.scalars(select(StepRequest).order_by(StepRequest.id.desc()).limit(1)).one()
        return f"/county/steps/{row.id}", row

    def decide(self, client: FlaskClient, path: str, do: str) -> None:
        act_as(self.app, make_actor(self.session, Role.clerk, self.cooperative))
        assert client.post(path, data=form(do=do, decision="在场看过")).status_code == 302
        self.session.expire_all()

    def age(self) -> None:
        """Two days go by, and the clock's part clears what nobody claims."""
        for file in self.files:
            os.utime(file, ((clock.now() - timedelta(days=2)).timestamp(),) * 2)
        tasks.clear_photos()


@pytest.fixture
def waiting(session: Session, app: Flask, config: Config, swept: None) -> Waiting:
    return Waiting(session, app, config)


def test_the_photograph_of_a_step_waits_with_it_and_is_committed_to_once_signed(client: FlaskClient, waiting: Waiting) -> None:
    path, row = waiting.ask(client)
    waiting.age()
    (file,) = waiting.files
    assert (row.photo_digest, f"{path}/photo.jpg" in client.get(path).text) == (file.name, True)
    assert client.get(f"{path}/photo.jpg").data == file.read_bytes()
    for reader, status in ((make_actor(waiting.session, Role.county_officer), 200), (make_actor(waiting.session, Role.clerk), 404)):
        act_as(waiting.app, reader)
        assert client.get(f"{path}/photo.jpg").status_code == status
    waiting.decide(client, path, "approve")
    photo, digest = waiting.photo(), file.name
    assert (photo.digest, photo.event_id, photo.household_id) == (digest, row.event_id, waiting.household.id)
    assert (photo.added_by, row.photo_digest) == (waiting.clerk.label, None)
    entry = decode_entry(waiting.session.get_one(LogEntry, photo.event_id).body)
    assert "photo_sha256" in entry.commitments
    waiting.age()
    assert (waiting.files, client.get(f"{path}/photo.jpg").status_code) == ([file], 404)
    act_as(waiting.app, waiting.clerk)
    (made,) = list_edges_out_of(waiting.session, waiting.lots[0].id)
    assert f"photos/{photo.id}.jpg" in client.get(f"/cooperative/lots/{made[1].code}").text


@pytest.mark.parametrize("how", ["refused", "erased by a clerk", "its household erased", "no reason given"])
def test_a_photograph_that_waits_goes_with_what_it_waits_for(client: FlaskClient, waiting: Waiting, at: datetime, how: str) -> None:
    if how == "no reason given":
        assert waiting.act(client, "signature", waiting.lots[0], make_photo(300, 200), reason="").status_code == 422
        assert waiting.files == [], "at once"
        return
    path, _row = waiting.ask(client)
    if how == "refused":
        waiting.decide(client, path, "refuse")
    elif how == "erased by a clerk":
        act_as(waiting.app, make_actor(waiting.session, Role.clerk))
        assert client.post(f"{path}/photo/erased", data=form()).status_code == 403
        act_as(waiting.app, waiting.clerk)
        assert client.post(f"{path}/photo/erased", data=form()).status_code == 302
    else:
        for household, left in ((waiting.other, True), (waiting.household, False)):
            erasing.forget_photos(waiting.session, SubjectErased(SubjectKind.HOUSEHOLD, household.id, "request", at))
            waiting.age()
            assert bool(waiting.files) is left
    waiting.age()
    assert (waiting.files, client.get(f"{path}/photo.jpg").status_code) == ([], 404)
    assert waiting.session.scalars(select(ActPhoto)).all() == []


def test_no_decided_step_holds_a_photograph_also_when_code_forgets(
    client: FlaskClient, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    _path, row = waiting.ask(client)
    monkeypatch.setattr(signing, "take_waiting", lambda _request: None)
    with pytest.raises(IntegrityError, match="photo_waits"), waiting.session.begin_nested():
        signing.decide_step(
            waiting.session,
            make_actor(waiting.session, Role.county_officer),
            request_id=row.id,
            agree=False,
            decision="不行",
            at=clock.now(),
        )


@pytest.mark.usefixtures("swept")
def test_deleted_it_is_gone_at_once_and_the_file_with_the_next_sweep(client: FlaskClient, scale: Scale) -> None:
    path = scale.send(client, make_photo(300, 200)).location
    for _ in range(2):
        assert client.post(f"{path}/photo/erased", data=form()).status_code == 302
    assert client.get(f"{path}/photo.jpg").status_code == 404
    assert "photo.jpg" not in client.get(path).text
    assert len(scale.files) == 1
    for _ in range(2):
        tasks.delete_photos()
    assert scale.files == []
    scale.session.expire_all()
    assert scale.session.scalars(select(ActPhoto)).one().digest is None


@pytest.mark.usefixtures("swept")
def test_it_goes_with_its_household(client: FlaskClient, scale: Scale, at: datetime) -> None:
    path = scale.send(client, make_photo(300, 200)).location
    erasing.forget_photos(scale.session, SubjectErased(SubjectKind.PERSON, scale.household.id, "request", at))
    assert client.get(f"{path}/photo.jpg").status_code == 200, "a person is no household"
    erasing.forget_photos(scale.session, SubjectErased(SubjectKind.HOUSEHOLD, scale.household.id, "request", at))
    tasks.delete_photos()
    assert (client.get(f"{path}/photo.jpg").status_code, scale.files) == (404, [])


@pytest.mark.usefixtures("swept")
def test_a_file_without_a_delivery_is_cleared_away_after_a_day(client: FlaskClient, scale: Scale) -> None:
    scale.send(client, make_photo(300, 200))
    store, yesterday = FileStore(scale.config.photos_dir), (clock.now() - timedelta(days=2)).timestamp()
    old, fresh = store.keep(b"left behind by a crash"), store.keep(b"just being sent")
    for file in scale.files:
        if file.name != fresh.digest:
            os.utime(file, (yesterday, yesterday))
    for _ in range(2):
        tasks.clear_photos()
    kept = {file.name for file in scale.files}
    assert kept == {fresh.digest, scale.session.scalars(select(ActPhoto.digest)).one()}
    assert old.digest not in kept


def test_a_store_forgets_a_file_for_good(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    kept = store.keep(b"abc")
    for _ in range(2):
        store.delete(kept.digest)
    with pytest.raises(NotFound):
        store.open(kept.digest)


@pytest.mark.browser
def test_the_phone_makes_it_small_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    photo = tmp_path / "IMG_1.jpg"
    photo.write_bytes(make_photo(4000, 3000))
    page.set_content('<input type="file" data-shrink>')
    page.add_script_tag(path=SCRIPT)
    page.set_input_files("input", photo)
    page.wait_for_function("document.querySelector('input').files[0]?.name === 'photo.jpg'")
    held = page.evaluate("document.querySelector('input').files[0].arrayBuffer().then((held) => Array.from(new Uint8Array(held)))")
    assert len(held) <= MOST_BYTES
    assert b"Example Phone" not in bytes(held)
    assert b"Exif" not in bytes(held)
