"""Carriers are connected by the operator."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel.errors import Forbidden, Invalid, NotFound
from logistics.shipments.connecting import connect_carrier, switch_off
from logistics.shipments.queries import list_carriers
from tests.factories.catalog import make_actor
from tests.factories.logistics import SALT, make_carrier

GOOD = {
    "code": "SF",
    "adapter": "kuaidi100",
    "name": "顺丰速运",
    "name_en": "SF Express",
    "base_url": "https://poll.example.cn/",
    "push_url": "https://shop.example.cn/webhooks/carriers/SF",
    "push_salt": SALT,
}


def test_connect_change_and_switch_off(session: Session) -> None:
    make_carrier(session)
    connect_carrier(session, SYSTEM, **GOOD)
    connect_carrier(session, SYSTEM, **(GOOD | {"name": "顺丰"}))
    assert next((c.code, c.name, c.base_url) for c in list_carriers(session)) == ("SF", "顺丰", "https://poll.example.cn")
    switch_off(session, SYSTEM, "SF")
    assert [c.code for c in list_carriers(session)] == ["fake"]
    with pytest.raises(NotFound):
        switch_off(session, SYSTEM, "none")


@pytest.mark.parametrize("wrong", [{"adapter": "pigeon"}, {"push_salt": "short"}, {"base_url": "ftp://x"}, {"code": "S/F"}])
def test_what_is_refused(session: Session, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        connect_carrier(session, SYSTEM, **(GOOD | wrong))


def test_only_the_operator(session: Session) -> None:
    with pytest.raises(Forbidden):
        connect_carrier(session, make_actor(session, Role.packer), **GOOD)


def test_the_salt_does_not_show(session: Session) -> None:
    make_carrier(session)
    assert SALT not in repr(list_carriers(session))
