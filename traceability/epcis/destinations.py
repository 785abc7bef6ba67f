"""Where a subscriber may have news brought to: https on the open internet, never into a private network. Pure.

A partner chooses the address and we call it from inside, so it must not reach what only we can (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from kernel.errors import Invalid

LONGEST = 2000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_loopback = False


def allow_loopback(allowed: bool) -> None:
    """Let this process bring news to this machine itself: for tests and a local demo; ``shop/wiring.py`` decides."""
    global _loopback
    _loopback = allowed


def split_dest(dest: object) -> SplitResult:
    """The parts of a destination. Raises Invalid for what is no https address, carries a password, or names an address out of bounds."""
    if not isinstance(dest, str) or len(dest) > LONGEST or not dest.isascii() or not dest.isprintable() or " " in dest:
        raise Invalid("dest 应是一个 https 网址。", field="/dest")
    try:
        parts = urlsplit(dest)
        host, port = parts.hostname or "", port_of(parts)
    except ValueError:
        raise Invalid("dest 应是一个 https 网址。", field="/dest") from None
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise Invalid("dest 应是一个 https 网址，不带用户名、密码和 #。", field="/dest")
    if parts.scheme != "https" and not (_loopback and parts.scheme == "http" and is_own(host)):
        raise Invalid("dest 应是一个 https 网址。", field="/dest")
    if port != 443 and port < 1024:
        raise Invalid("dest 的端口应是 443 或 1024 以上。", field="/dest")
    if (is_own(host) and not _loopback) or (_is_address(host) and not may_reach(host)):
        raise Invalid("dest 不能指向内部网络。", field="/dest")
    return parts


def port_of(parts: SplitResult) -> int:
    """The port. Raises ValueError for one that is none."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_own(host: str) -> bool:
    """Whether the name itself says that it is this machine."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def may_reach(address: str) -> bool:
    """Whether a resolved address is on the open internet: every address it stands for is, also one inside an IPv6 address."""
    return all((one.is_global and not one.is_multicast) or (_loopback and one.is_loopback) for one in _meant(address))


def _meant(address: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner: ipaddress.IPv4Address | None = None
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if found.ipv4_mapped is not None:
            yield found.ipv4_mapped
            return
    yield found
    if inner is not None:
        yield inner
