"""Demo passwords and keys: derived from the installation's secret, so that they are different everywhere and stored nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac


def password_of(secret_key: str, login: str) -> str:
    """The password of a demo login, 12 lower-case letters and digits in three groups."""
    digest = hmac.new(secret_key.encode(), f"demo-login/{login}".encode(), hashlib.sha256).digest()
    text = base64.b32encode(digest)[:12].decode().lower()
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"


def token_of(secret_key: str, organization: str) -> str:
    """The API key of a demo organisation, named by its code: 256 bits, as any key has."""
    digest = hmac.new(secret_key.encode(), f"demo-key/{organization}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
