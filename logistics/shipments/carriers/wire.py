"""Calls to carriers over HTTP: a short limit, a bounded answer, one error."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from logistics.shipments.carriers import CarrierDown

SECONDS = 10
MOST_BYTES = 256 * 1024


def post_form(url: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """POST a form, read a JSON object. Raises CarrierDown."""
    return _post(url, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded", {})


def post_json(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """POST JSON, read a JSON object. Raises CarrierDown."""
    return _post(url, json.dumps(body, ensure_ascii=False).encode(), "application/json", headers)


def _post(url: str, body: bytes, media_type: str, headers: Mapping[str, str]) -> dict[str, Any]:
    if not url.startswith(("https://", "http://")):
        raise CarrierDown("the address of the carrier is not http(s)")
    request = urllib.request.Request(url, body, {"Content-Type": media_type, **headers}, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            content = json.loads(answer.read(MOST_BYTES))
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise CarrierDown(repr(error)[:300]) from error
    if not isinstance(content, dict):
        raise CarrierDown("the carrier did not answer with an object")
    return content
