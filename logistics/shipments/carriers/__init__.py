"""Carriers and aggregators: one file each, one small interface, one table of adapters.

An adapter speaks the carrier's own language and nothing else: it neither opens transactions nor knows our rows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Protocol

from kernel.errors import Forbidden
from logistics.shipments.states import MovementState


class CarrierDown(Exception):
    """The carrier did not answer as agreed; the call may be tried again."""


class PushRefused(Forbidden):
    """A push whose signature does not fit: somebody else, or an old secret."""


@dataclass(frozen=True)
class Access:
    """How to reach one carrier, copied out of ``CarrierAccount`` so that no database is needed while calling."""

    base_url: str
    push_salt: str
    key: str = ""


@dataclass(frozen=True)
class Pickup:
    """What a carrier must know to fetch a shipment; ``request_id`` makes a repeated call harmless."""

    request_id: str
    shipment_code: str
    parcels: int
    sender_name: str
    sender_address: str
    recipient_name: str
    recipient_phone: str
    recipient_address: str
    temperature: str


@dataclass(frozen=True)
class TrackLine:
    """One line of a carrier's track: when, what it says, where, and its state in our list."""

    at: datetime
    text: str
    city: str
    state: MovementState


@dataclass(frozen=True)
class Track:
    """What one push says about one waybill, in any order."""

    number: str
    lines: Sequence[TrackLine]


@dataclass(frozen=True)
class Follow:
    """A waybill that came about without us (typed by the packer), to be followed by pushes to ``push_url``."""

    request_id: str
    carrier: str
    number: str
    push_url: str
    phone: str


class Carrier(Protocol):
    """What every adapter can do. ``fetches``: whether it gives out waybills itself."""

    fetches: bool

    def request_pickup(self, access: Access, pickup: Pickup) -> str:
        """Ask the carrier to come; returns the waybill number. Raises CarrierDown."""

    def follow(self, access: Access, follow: Follow) -> None:
        """Ask for pushes about a waybill. Raises CarrierDown."""

    def read_push(self, access: Access, form: Mapping[str, str]) -> Track:
        """The content of a push after its signature was checked. Raises PushRefused, Invalid."""

    def answer(self, accepted: bool) -> Mapping[str, object]:
        """What the carrier wants to hear."""


@dataclass(frozen=True)
class KnownCarrier:
    """A carrier of ``data/carriers.csv``."""

    code: str
    name: str
    kuaidi100: str
    waybill: re.Pattern[str]


@cache
def known_carriers() -> Mapping[str, KnownCarrier]:
    """The carriers we know by name, by code."""
    return {
        row["code"]: KnownCarrier(row["code"], row["name_zh"], row["kuaidi100_code"], re.compile(row["waybill_regex"]))
        for row in _rows("carriers.csv")
    }


def looks_odd(carrier: str, waybill: str) -> bool:
    """Whether a waybill does not look like one of that carrier: a reason to ask, never to refuse."""
    known = known_carriers().get(carrier)
    return known is not None and known.waybill.search(waybill) is None


@cache
def kuaidi100_states() -> Mapping[str, MovementState]:
    """快递100's state codes in our list."""
    return {
        code: MovementState(row["state"])
        for row in _rows("tracking_states.csv")
        for code in row["kuaidi100_state"].split("/")
        if code
    }


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__name__).joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def get_adapter(name: str) -> Carrier:
    """The adapter of that name. Raises KeyError for a name that is not in the table."""
    from logistics.shipments.carriers import fake, kuaidi100

    adapters: dict[str, Carrier] = {"fake": fake.FakeCarrier(), "kuaidi100": kuaidi100.Kuaidi100()}
    return adapters[name]
