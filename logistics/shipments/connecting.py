"""The operator connects carriers: where they listen, and the salt they sign their pushes with."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Invalid, NotFound
from logistics.shipments.carriers import get_adapter
from logistics.shipments.models import CarrierAccount


def connect_carrier(
    session: Session,
    actor: Actor,
    *,
    code: str,
    adapter: str,
    name: str,
    name_en: str,
    base_url: str,
    push_url: str,
    push_salt: str,
    key: str = "",
) -> None:
    """Connect a carrier, or change how it is connected. Raises Forbidden, Invalid."""
    actor.must(Role.operator)
    try:
        get_adapter(adapter)
    except KeyError as error:
        raise Invalid("没有这种承运商接口。", field="adapter") from error
    if not code.isalnum() or not base_url.startswith(("https://", "http://")) or len(push_salt) < 16:
        raise Invalid("请填写承运商代码、接口地址和至少 16 位的签名盐。", field="base_url")
    values = {
        "adapter": adapter,
        "name": name,
        "name_en": name_en,
        "base_url": base_url.rstrip("/"),
        "push_url": push_url,
        "push_salt": push_salt,
        "key": key,
        "enabled": True,
    }
    session.execute(insert(CarrierAccount).values(code=code, **values).on_conflict_do_update(index_elements=["code"], set_=values))


def switch_off(session: Session, actor: Actor, code: str) -> None:
    """Offer a carrier no longer; what is on its way is still followed. Raises NotFound, Forbidden."""
    actor.must(Role.operator)
    account = session.get(CarrierAccount, code, with_for_update=True)
    if account is None:
        raise NotFound("没有这个承运商。")
    account.enabled = False
