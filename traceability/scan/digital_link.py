"""GS1 Digital Link URIs: read strictly, written in one form. Pure.

Source: GS1 Digital Link Standard, URI Syntax, sections 4 and 5; the identifiers of ``syntax.py``. Forms that the standard gave up are
refused: GTINs of fewer than 14 digits (removed in 1.4) and names in place of numbers, /gtin/ (removed in 1.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from kernel.errors import Invalid
from traceability.scan.syntax import IDENTIFIERS, KEYS

CANONICAL_ROOT: Final = "https://id.gs1.org"
LONGEST: Final = 2000
_URI = re.compile(
    r"(?:https?|HTTPS?)://(?P<host>[-A-Za-z0-9.]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?(?P<path>/[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_LEGAL = re.compile(r"(?:[-A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")  # RFC 3986, section 2
_SAFE = "-._~"  # RFC 3986, section 2.3; everything else is percent-encoded when we write

Pair = tuple[str, str]


class BadLink(Invalid):
    """Not a GS1 Digital Link, or one that breaks the standard: answered with 400."""

    status = 400
    title = "编码不正确"


@dataclass(frozen=True)
class DigitalLink:
    """What a link says: its key, the qualifiers in their order, data attributes, and other parameters as they came."""

    key: Pair
    qualifiers: tuple[Pair, ...] = ()
    attributes: tuple[Pair, ...] = ()
    others: tuple[Pair, ...] = ()

    def get(self, ai: str) -> str | None:
        """The value of an identifier of the path, or None."""
        return dict((self.key, *self.qualifiers)).get(ai)

    @property
    def path(self) -> str:
        """/01/…/10/…/21/…: key and qualifiers, percent-encoded in one way."""
        return "".join(f"/{ai}/{quote(value, safe=_SAFE)}" for ai, value in (self.key, *self.qualifiers))

    @property
    def levels(self) -> list[DigitalLink]:
        """This link without attributes, then each coarser one, up to the key alone."""
        return [DigitalLink(self.key, self.qualifiers[:end]) for end in range(len(self.qualifiers), -1, -1)]

    @property
    def canonical(self) -> str:
        """The link as the standard's canonical form: root https://id.gs1.org, all qualifiers, no query."""
        return CANONICAL_ROOT + self.path

    def uri(self, root: str) -> str:
        """The whole link under ``root``, e.g. https://shop.example.cn, attributes in the query."""
        query = "&".join(f"{ai}={quote(value, safe=_SAFE)}" for ai, value in self.attributes)
        return root.rstrip("/") + self.path + (f"?{query}" if query else "")


def parse(uri: str) -> DigitalLink:
    """Read an uncompressed Digital Link. Raises BadLink."""
    match = _URI.fullmatch(uri) if len(uri) <= LONGEST and _LEGAL.fullmatch(uri) else None
    if match is None:
        raise BadLink("这不是可以识别的网址。请重新扫码，或检查输入是否完整。")
    link = parse_path(match["path"])
    attributes, others = _read_query(match["query"] or "", link)
    return DigitalLink(link.key, link.qualifiers, attributes, others)


def parse_path(path: str) -> DigitalLink:
    """Read the percent-encoded path of a link; what stands in front of the key is skipped. Raises BadLink.

    A stem may look like a key, so the key furthest to the right counts.
    """
    if len(path) > LONGEST or not _LEGAL.fullmatch(path) or "?" in path or "#" in path:
        raise BadLink("这不是可以识别的网址。请重新扫码，或检查输入是否完整。")
    segments = path.split("/")[1:]
    for at in range(len(segments) - 2, -1, -2):
        if segments[at] in KEYS:
            pairs = [(segments[i], _decode(segments[i + 1])) for i in range(at, len(segments), 2)]
            _check_order([ai for ai, _ in pairs])
            for ai, value in pairs:
                _check_value(ai, value)
            return DigitalLink(pairs[0], tuple(pairs[1:]))
    raise BadLink("网址里没有可以识别的商品、物流单元或位置编码。")


def build(elements: Iterable[Pair]) -> DigitalLink:
    """A link from (identifier, value) pairs in any order. Raises BadLink.

    The first key found is the key; what qualifies it follows in the standard's order; the rest become data attributes as they came.
    """
    values: dict[str, str] = {}
    for ai, value in elements:
        if values.setdefault(ai, value) != value:
            raise BadLink("应用标识符 %(ai)s 出现了两次，值不相同。", params={"ai": ai})
        _check_value(ai, value)
    key = next((ai for ai in values if ai in KEYS), None)
    if key is None:
        raise BadLink("网址里没有可以识别的商品、物流单元或位置编码。")
    order = max(KEYS[key], key=lambda sequence: sum(ai in values for ai in sequence))
    qualifiers = tuple((ai, values[ai]) for ai in order if ai in values)
    rest = [ai for ai in values if ai != key and ai not in order]
    for ai in rest:
        if not IDENTIFIERS[ai].attribute:
            raise BadLink("应用标识符 %(ai)s 不能放在 %(key)s 之后。", params={"ai": ai, "key": key})
    return DigitalLink((key, values[key]), qualifiers, tuple((ai, values[ai]) for ai in rest))


def _check_order(path: Sequence[str]) -> None:
    """Raises BadLink, naming the right order, unless the qualifiers follow one of the key's sequences."""
    key, *qualifiers = path
    for sequence in KEYS[key]:
        remaining = iter(sequence)
        if all(ai in remaining for ai in qualifiers):  # `in` on an iterator consumes it: a subsequence test
            return
    orders = " / ".join("–".join((key, *sequence)) for sequence in KEYS[key])
    raise BadLink("编码的顺序不对：%(found)s。正确的顺序是 %(right)s。", params={"found": "–".join(path)[:60], "right": orders})


def _check_value(ai: str, value: str) -> None:
    known = IDENTIFIERS.get(ai)
    if known is None:
        raise BadLink("没有应用标识符 %(ai)s。", params={"ai": ai[:10]})
    if not known.accepts(value):
        raise BadLink("应用标识符 %(ai)s 的值“%(value)s”不正确，请检查位数和校验码。", params={"ai": ai, "value": value[:40]})


def _read_query(query: str, link: DigitalLink) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Data attributes and the other parameters. Numbers are identifiers or wrong; names are other people's."""
    seen = {link.key[0], *(ai for ai, _ in link.qualifiers)}
    attributes: list[Pair] = []
    others: list[Pair] = []
    for part in query.split("&"):
        name, equals, value = (_decode(text.replace("+", " ")) for text in part.partition("="))
        if not name.isdigit():
            others += [(name, value)] if name else []
            continue
        if not equals or name in seen:
            raise BadLink("网址中的 %(ai)s 没有值，或出现了两次。", params={"ai": name[:10]})
        _check_value(name, value)
        if not IDENTIFIERS[name].attribute:
            raise BadLink("应用标识符 %(ai)s 不能放在 %(key)s 之后。", params={"ai": name, "key": link.key[0]})
        seen.add(name)
        attributes.append((name, value))
    return tuple(attributes), tuple(others)


def _decode(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise BadLink("这不是可以识别的网址。请重新扫码，或检查输入是否完整。") from None
