"""One call to a subscriber: the name is resolved once, every address checked, the checked one connected to, no redirect followed."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence

from kernel.errors import Invalid
from traceability.epcis.destinations import may_reach, port_of, split_dest

SECONDS = 10.0  # for all of it: resolving apart, connecting, sending and the first line of the answer
MOST_ADDRESSES = 3

Resolve = Callable[[str, int], Sequence[str]]


class NotDelivered(Exception):
    """The subscriber did not take it; the text says why, for its owner to read."""


class TooMuch(NotDelivered):
    """The subscriber takes less at once (413)."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the order to try them. Raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def post(dest: str, body: bytes, headers: Mapping[str, str], *, find: Resolve = resolve, seconds: float = SECONDS) -> int:
    """POST to a destination; the status when it is a 2xx. Raises NotDelivered with the reason, TooMuch for 413."""
    try:
        parts = split_dest(dest)  # again: what is allowed may have changed since the row was written
    except Invalid as problem:
        raise NotDelivered("the address is not allowed") from problem
    host, port = parts.hostname or "", port_of(parts)
    try:
        addresses = find(host, port)
    except (OSError, UnicodeError) as error:
        raise NotDelivered("the name does not resolve") from error
    if not addresses or not all(_reachable(address) for address in addresses):
        raise NotDelivered("the name leads into a private network")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        status = _exchange(_connect(addresses, port, seconds), parts.scheme, host, port, target, body, headers, seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(_reason(error)) from error
    if status == 413:
        raise TooMuch("HTTP 413")
    if not 200 <= status < 300:
        raise NotDelivered(f"HTTP {status}" + (" (redirects are not followed)" if 300 <= status < 400 else ""))
    return status


def _reachable(address: str) -> bool:
    """Guard: tests switch it off to see a call into a private network."""
    return may_reach(address)


def _connect(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    trouble = OSError("no address")
    for address in addresses[:MOST_ADDRESSES]:
        try:
            return socket.create_connection((address, port), timeout=seconds / MOST_ADDRESSES)
        except OSError as error:
            trouble = error
    raise trouble


def _exchange(
    plain: socket.socket, scheme: str, host: str, port: int, target: str, body: bytes, headers: Mapping[str, str], seconds: float
) -> int:
    # Each read may take a while and a slow answer has many: a timer ends them all together.
    used = [plain]
    timer = threading.Timer(seconds, lambda: _shut(used[0]))
    timer.daemon = True
    timer.start()
    try:
        plain.settimeout(seconds)
        if scheme == "https":
            secure = ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
            used[0] = secure
            secure.do_handshake()
        connection = http.client.HTTPConnection(host, port)
        connection.sock = used[0]
        connection.request("POST", target, body, {**headers, "Connection": "close", "User-Agent": "shanhai-epcis/1"})
        return connection.getresponse().status
    finally:
        timer.cancel()
        used[0].close()


def _shut(used: socket.socket) -> None:
    try:
        used.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    return f"{type(error).__name__}: {error}"[:200]
