"""Event Hash IDs against the published vectors, and what must not change them."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from traceability.events.eventhash import hash_event, pre_hash

VECTORS = Path(__file__).parents[2] / "vectors" / "epcis-event-hash"
CASES = [
    (name, vector)
    for vector in json.loads((VECTORS / "vectors.json").read_text())["vectors"]
    for name in vector["inputs"]
    if name.endswith(".jsonld")
]


def load(name: str, index: int) -> tuple[dict[str, Any], Any]:
    document = json.loads((VECTORS / name).read_text())
    return document["epcisBody"]["eventList"][index], document["@context"]


def test_all_fifteen_vectors_are_here() -> None:
    assert len(CASES) == 15


@pytest.mark.parametrize(("name", "vector"), CASES, ids=[f"{n.split('/')[1][:24]}-{v['event_index']}" for n, v in CASES])
def test_published_vectors(name: str, vector: dict[str, Any]) -> None:
    event, context = load(name, vector["event_index"])
    assert pre_hash(event, context) == vector["pre_hash"]
    assert hash_event(event, context) == vector["hash"]


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(inner, rng)) for key, inner in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        inner = [shuffled(item, rng) for item in value]
        rng.shuffle(inner)
        return inner
    return value


@pytest.mark.parametrize(("name", "vector"), CASES)
def test_order_carries_no_meaning(name: str, vector: dict[str, Any]) -> None:
    event, context = load(name, vector["event_index"])
    for seed in range(5):
        assert hash_event(shuffled(event, random.Random(seed)), context) == vector["hash"]


def test_what_is_left_out_and_what_is_not() -> None:
    event, context = load("input/ReferenceEventHashAlgorithm.jsonld", 0)
    before = hash_event(event, context)
    event["eventID"], event["recordTime"] = "urn:uuid:0", "2020-01-01T00:00:00Z"
    event["errorDeclaration"] = {"declarationTime": "2020-01-01T00:00:00Z"}
    assert hash_event(event, context) == before
    changed = copy.deepcopy(event)
    changed["example:myField3"]["example:mySubField3"][0] = "4"
    assert hash_event(changed, context) != before


@pytest.mark.parametrize(
    ("written", "hashed"),
    [
        ("2020-03-04T10:00:30Z", "2020-03-04T10:00:30.000Z"),
        ("2020-03-04T10:00:30.0005Z", "2020-03-04T10:00:30.001Z"),
        ("2020-03-04T10:00:30.9996Z", "2020-03-04T10:00:31.000Z"),
        ("2020-03-04T18:00:30.123456789+08:00", "2020-03-04T10:00:30.123Z"),
    ],
)
def test_times_are_utc_with_milliseconds_rounded_up(written: str, hashed: str) -> None:
    event = {"type": "ObjectEvent", "eventTime": written, "eventTimeZoneOffset": "+00:00", "action": "OBSERVE"}
    assert f"eventTime={hashed}e" in pre_hash(event)


@pytest.mark.parametrize(
    ("number", "hashed"), [(1.0, "1"), (0.3434, "0.3434"), ("1.50", "1.5"), (1e3, "1000"), (100, "100"), (-0.0, "0")]
)
def test_numbers_have_no_idle_zeros(number: object, hashed: str) -> None:
    event = {
        "type": "ObjectEvent",
        "eventTime": "2020-03-04T10:00:30Z",
        "eventTimeZoneOffset": "+00:00",
        "quantityList": [{"epcClass": "urn:x:1", "quantity": number}],
    }
    assert pre_hash(event).endswith(f"quantity={hashed}")
