"""A security key in software: makes passkeys and signs with them, as Web Authentication says a device does, rightly or wrongly."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One device with one passkey. ``origin`` is where the browser says the page came from; ``count`` grows with each use."""

    origin: str
    host: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str) -> str:
        """The answer to a page that wants a passkey made."""
        client = self._client("webauthn.create", options)
        public = cbor.encode(ES256.from_cryptography_key(self.key.public_key()))
        made = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        stated = cbor.encode({"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + made})
        return self._answer({"clientDataJSON": client, "attestationObject": stated})

    def use(self, options: str) -> str:
        """The answer to a page that wants somebody to sign in."""
        self.count += 1
        client = self._client("webauthn.get", options)
        data = self._data(0)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signed})

    def _client(self, kind: str, options: str) -> bytes:
        return json.dumps({"type": kind, "challenge": json.loads(options)["challenge"], "origin": self.origin}).encode()

    def _data(self, more: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _answer(self, parts: dict[str, bytes]) -> str:
        name = websafe_encode(self.credential_id)
        response: dict[str, Any] = {key: websafe_encode(value) for key, value in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}})
