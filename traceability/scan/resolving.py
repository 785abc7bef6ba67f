"""From a Digital Link to what we have about it: levels with their links, walking up from box to lot to product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.queries import find_place_by_gln
from catalog.products.queries import find_product_by_gtin
from kernel.errors import NotFound
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import LotKind
from traceability.pallets.queries import find_container
from traceability.scan import linkset
from traceability.scan.digital_link import DigitalLink
from traceability.scan.linkset import Level, Target
from traceability.scan.models import Link

KEYS = ("01", "00", "414")


@dataclass(frozen=True)
class Resolution:
    """What a link resolves to, the finest level first. ``unknown`` is the box or lot number that was never made, if there is one."""

    levels: Sequence[Level]
    unknown: str | None = None


def resolve(session: Session, link: DigitalLink) -> Resolution:
    """Levels that exist and their links. Raises NotFound when even the key is unknown here."""
    anchors = [level.path for level in link.levels]
    stored = _list_stored(session, anchors)
    if link.key[0] == "01":
        return _resolve_product(session, link, stored)
    if link.key[0] == "414":
        place = find_place_by_gln(session, link.key[1])
        if place is not None:
            anchor = link.levels[-1].path
            return Resolution([Level(anchor, place.name, _own(f"/t/place/{link.key[1]}", place.name) + stored[anchor])])
    if link.key[0] == "00":
        container = find_container(session, link.key[1])
        if container is not None:
            anchor, title = link.levels[-1].path, f"SSCC {container.sscc}"
            page = f"/t/case/{container.sscc}"
            return Resolution([Level(anchor, title, [*_own(page, title), Target("traceability", page, title), *stored[anchor]])])
    known = [Level(anchor, anchor, stored[anchor]) for anchor in anchors if stored[anchor]]
    if not known:
        raise NotFound("我们没有登记过这个编码。请核对后再试。")
    return Resolution(known)


def _resolve_product(session: Session, link: DigitalLink, stored: dict[str, list[Target]]) -> Resolution:
    gtin, lot_code, serial = link.key[1], link.get("10"), link.get("21")
    product = find_product_by_gtin(session, gtin)
    if product is None:
        raise NotFound("我们没有商品条码为 %(gtin)s 的商品。请核对后再试。", params={"gtin": gtin})
    name, levels, unknown = product.name, [], None
    if serial is not None:
        query = select(TradeItem.serial).join(Lot, Lot.id == TradeItem.lot_id).where(TradeItem.serial == serial, Lot.gtin == gtin)
        if session.scalar(query.where(Lot.code == lot_code) if lot_code else query):
            levels.append(_level(link, "21", f"/t/{serial}", f"{name} {serial}", stored))
        else:
            unknown = serial
    if lot_code is not None:
        query = select(Lot.code).where(Lot.code == lot_code, Lot.gtin == gtin, Lot.kind == LotKind.PACK)
        if session.scalar(query):
            levels.append(_level(link, "10", f"/t/{lot_code}", f"{name} {lot_code}", stored))
        else:
            unknown = unknown or lot_code
    levels.append(_level(link, "01", f"/t/product/{product.sku}", name, stored))
    return Resolution(levels, unknown)


def _level(link: DigitalLink, ai: str, page: str, title: str, stored: dict[str, list[Target]]) -> Level:
    """The level of ``link`` whose last qualifier is ``ai``, with our own page and what was set beside it."""
    level = next(each for each in link.levels if (each.qualifiers or (each.key,))[-1][0] == ai)
    own = _own(page, title)
    if ai != "01":
        own += [Target("traceability", page, title), Target("certificationInfo", f"{page}#papers", title)]
    return Level(level.path, title, own + stored[level.path])


def _own(page: str, title: str) -> list[Target]:
    return [Target(linkset.DEFAULT, page, title), Target("pip", page, title)]


def _list_stored(session: Session, anchors: Sequence[str]) -> dict[str, list[Target]]:
    found: dict[str, list[Target]] = defaultdict(list)
    for row in session.scalars(select(Link).where(Link.anchor.in_(anchors)).order_by(Link.id)):
        languages = (row.hreflang,) if row.hreflang else ()
        found[row.anchor].append(Target(linkset.bare(row.link_type), row.href, row.title, row.media_type, languages))
    return found
