"""The file of a photo goes with the person who sent it, but not one that somebody else sent too."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import Actor
from kernel.errors import NotFound
from kernel.files import FileStore, StoredFile
from shop.cases import erasing, tasks
from shop.cases.handling import open_case
from shop.cases.models import CaseMessage, ErasedPhoto
from shop.cases.states import CaseKind
from shop.config import Config
from shop.worker import create_worker
from tests.factories.catalog import AT, make_actor

JPEG = bytes.fromhex("ffd8ff") + b"x" * 20


def send(session: Session, actor: Actor, photo: StoredFile) -> None:
    open_case(session, actor, CaseKind.SCAN_REPORT, subjects=[], text="看图。", photo=photo, at=AT)


def test_the_file_goes_with_the_next_sweep(session: Session, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(config.files_dir)
    tasks.use_store(store)
    gone, other = make_actor(session), make_actor(session)
    own = store.save(io.BytesIO(JPEG + b"1"), allowed=frozenset({"image/jpeg"}))
    shared = store.save(io.BytesIO(JPEG + b"2"), allowed=frozenset({"image/jpeg"}))
    for actor, photo in ((gone, own), (gone, shared), (other, shared)):
        send(session, actor, photo)
    assert gone.person_id is not None
    for _ in range(2):  # twice is once
        erasing.forget_words(session, SubjectErased(SubjectKind.PERSON, gone.person_id, "request", AT))
    session.flush()
    tasks.delete_photos()
    with pytest.raises(NotFound):
        store.open(own.digest)
    store.open(shared.digest).close()
    session.expire_all()
    assert session.scalars(select(ErasedPhoto)).all() == []
    assert set(session.scalars(select(CaseMessage.photo_digest))) == {None, shared.digest}
    monkeypatch.setattr(erasing, "is_sent_by_others", lambda *_: False)
    session.add(ErasedPhoto(digest=shared.digest, asked_at=AT))
    session.flush()
    tasks.delete_photos()
    with pytest.raises(NotFound):
        store.open(shared.digest)


def test_a_photo_from_before_the_folder_goes_too(session: Session, config: Config) -> None:
    """Until case photos had a folder of their own they lay among the other files."""
    former, fresh = FileStore(config.files_dir), FileStore(config.case_photos_dir)
    create_worker(config)
    own = former.keep(JPEG + b"3")
    session.add(ErasedPhoto(digest=own.digest, asked_at=AT))
    session.flush()
    tasks.delete_photos()
    assert session.scalars(select(ErasedPhoto)).all() == []
    for store in (former, fresh):
        with pytest.raises(NotFound):
            store.open(own.digest)
