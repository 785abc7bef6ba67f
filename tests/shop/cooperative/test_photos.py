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
from sqlalchemy.orm import Session

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
from tests.factories.lots import make_capacity
from tests.factories.pictures import make_photo
from traceability.events.models import TraceEvent
from traceability.ledger.canonical import decode_entry
from traceability.ledger.models import LogEntry, SealedField
from traceability.lots import erasing, tasks
from traceability.lots.models import ActPhoto, HouseholdDelivery

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
        files = {"photo": (io.BytesIO(photo), "IMG_1.jpg")} if photo is not None else {}
        return client.post("/cooperative/deliveries", data=form(**(values | over)) | files, content_type="multipart/form-data")

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
