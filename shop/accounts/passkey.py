"""Passkeys (通行密钥, W3C Web Authentication): what a site asks a browser for, and whether its answer is right. Pure but for the challenge.

The key pair is made by the person's device for this site's host name alone, so a page on another host cannot use it, and what we keep is
of no use to a thief. The device asks for finger, face or PIN (user verification), which makes a passkey as good as a code.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kernel.errors import Invalid

_VERIFIED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True)
class Site:
    """Whom passkeys are for: the host name they are bound to, and the address pages come from."""

    host: str
    origin: str


def site_of(public_url: str) -> Site | None:
    """The site behind ``PUBLIC_URL``; None where browsers allow no passkeys: an IP address, or a host name without TLS but localhost."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
        return None
    except ValueError:
        named = bool(host) and (parts.scheme == "https" or host == "localhost")
    return Site(host, f"{parts.scheme}://{parts.netloc}") if named else None


@dataclass(frozen=True)
class Asked:
    """What the browser is asked for (JSON), and the ``challenge`` its answer must be to."""

    options: str
    challenge: str


@dataclass(frozen=True)
class Answered:
    """A checked answer: the credential as it is kept, and how often the device says it was used (0: it does not count)."""

    credential_id: bytes
    credential: bytes
    count: int


def ask_to_make(site: Site, person_id: UUID, name: str, known: Iterable[bytes]) -> Asked:
    """Have a passkey made for a person, on a device that holds none of the ``known``."""
    options, state = _server(site).register_begin(
        PublicKeyCredentialUserEntity(id=person_id.bytes, name=name, display_name=name),
        [AttestedCredentialData(credential) for credential in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_VERIFIED,
    )
    return Asked(json.dumps(dict(options)["publicKey"]), state["challenge"])


def read_made(site: Site, challenge: str, answer: str) -> Answered:
    """The passkey a device made. Raises Invalid for an answer to something else, from elsewhere, or without the person's consent."""
    try:
        made = _server(site).register_complete(_state(challenge), json.loads(answer))
        assert made.credential_data is not None
    except Exception as error:  # the library raises what it meets; none of it is the person's doing
        raise _useless() from error
    return Answered(made.credential_data.credential_id, bytes(made.credential_data), made.counter)


def ask_to_use(site: Site) -> Asked:
    """Have somebody sign in with whichever passkey their device holds for this site."""
    options, state = _server(site).authenticate_begin(None, user_verification=_VERIFIED)
    return Asked(json.dumps(dict(options)["publicKey"]), state["challenge"])


def read_credential_id(answer: str) -> bytes:
    """Which passkey an answer claims to be of; not checked yet. Raises Invalid."""
    try:
        return bytes(AuthenticationResponse.from_dict(json.loads(answer)).raw_id)
    except Exception as error:
        raise _useless() from error


def read_used(site: Site, challenge: str, credential: bytes, answer: str) -> Answered:
    """The answer of a known passkey, signed by it. Raises Invalid as ``read_made`` does, and for a wrong signature."""
    try:
        parsed: Any = json.loads(answer)
        used = _server(site).authenticate_complete(_state(challenge), [AttestedCredentialData(credential)], parsed)
        count = AuthenticationResponse.from_dict(parsed).response.authenticator_data.counter
    except Exception as error:
        raise _useless() from error
    return Answered(used.credential_id, credential, count)


def _server(site: Site) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(name="山海集", id=site.host), verify_origin=lambda origin: origin == site.origin)


def _state(challenge: str) -> dict[str, Any]:
    return {"challenge": challenge, "user_verification": _VERIFIED}


def _useless() -> Invalid:
    return Invalid("这个通行密钥用不了。请再试一次，或用验证码登录。", field="credential")
