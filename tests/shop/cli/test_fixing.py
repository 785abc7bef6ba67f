"""What an installation is stands from its first start on: address, name of the log, real shop or demo."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.areas.loading import digest_reference
from catalog.parties import registering
from catalog.parties.models import SYSTEM, OrganizationKind
from catalog.products.models import Product
from catalog.products.queries import matching
from kernel import installation
from kernel.errors import Conflict
from kernel.installation import InstallationFact, find_fact
from shop.cli import fixing
from shop.cli.fixing import CONTENTS, PUBLIC_URL, fix_installation
from shop.config import Config
from tests.factories.catalog import make_product
from traceability.ledger.models import LogState
from traceability.ledger.queries import find_progress


@pytest.fixture(name="first")
def _first(config: Config, session: Session, at: datetime) -> Config:
    installation.fix(session, f"reference-{digest_reference()}", "loaded", at=at)  # the template has them
    session.flush()
    return replace(config, public_url="http://127.0.0.1:8000", demo=False)


@pytest.fixture(name="elsewhere")
def _elsewhere(first: Config) -> Config:
    return replace(first, port=8100, public_url="http://127.0.0.1:8100")


def origin(session: Session) -> str:
    progress = find_progress(session)
    assert progress is not None
    return progress.origin


def test_another_port_renames_neither_the_shop_nor_its_log(session: Session, first: Config, elsewhere: Config) -> None:
    fix_installation(first)
    fix_installation(elsewhere)
    assert find_fact(session, PUBLIC_URL) == "http://127.0.0.1:8000"
    assert origin(session) == "127.0.0.1:8000/log"


def test_address_and_log_get_one_name_however_the_first_start_ended(session: Session, first: Config, elsewhere: Config) -> None:
    fix_installation(first)
    session.delete(session.scalars(select(LogState)).one())  # as an older version left it when killed between the two
    session.flush()
    fix_installation(elsewhere)
    assert origin(session) == "127.0.0.1:8000/log"


def test_another_address_said_aloud_is_refused(session: Session, first: Config) -> None:
    fix_installation(first, explicit_url="http://127.0.0.1:8000/")
    with pytest.raises(Conflict):
        fix_installation(first, explicit_url="https://shop.example.cn")


def test_without_the_once_only_write_the_address_would_change(
    session: Session, first: Config, elsewhere: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overwrite(session: Session, name: str, value: str, *, at: datetime) -> str:
        session.merge(InstallationFact(name=name, value=value, set_at=at))
        session.flush()
        return value

    monkeypatch.setattr(installation, "fix", overwrite)
    fix_installation(first)
    fix_installation(elsewhere)
    assert find_fact(session, PUBLIC_URL) == "http://127.0.0.1:8100"


def test_reference_data_are_loaded_once(session: Session, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[datetime] = []
    monkeypatch.setattr(fixing, "load_reference", lambda _session, at: loaded.append(at))
    fix_installation(config)
    fix_installation(config)
    assert len(loaded) == 1


def test_the_demo_does_not_go_into_a_shop_in_use(session: Session, first: Config, at: datetime) -> None:
    registering.register_organization(session, SYSTEM, kind=OrganizationKind.OPERATOR, name="某运营公司", at=at)
    session.flush()
    with pytest.raises(Conflict, match="in use"):
        fix_installation(replace(first, demo=True))
    assert find_fact(session, CONTENTS) is None, "nothing was written"
    assert not fix_installation(first)


def test_what_began_empty_stays_empty(session: Session, first: Config) -> None:
    assert not fix_installation(first)
    assert not fix_installation(replace(first, demo=True)), "--empty need not be said again"
    with pytest.raises(Conflict, match="in use"):
        fix_installation(replace(first, demo=True), explicit_demo=True)


def test_no_real_shop_on_a_demo(session: Session, first: Config) -> None:
    assert fix_installation(replace(first, demo=True))
    assert fix_installation(replace(first, demo=True))
    with pytest.raises(Conflict, match="The demo lies in this database"):
        fix_installation(first)


def test_products_of_the_version_before_are_found_by_the_words_of_this_one(session: Session, first: Config) -> None:
    product = make_product(session, aliases="滩鸡")
    for words, found in (("''", [product.id]), ("'old'", [])):  # the second start leaves them alone
        session.execute(text(f"UPDATE products_product SET search = {words}"))
        fix_installation(first)
        session.expire_all()
        assert session.scalars(select(Product.id).where(matching("滩鸡"))).all() == found
