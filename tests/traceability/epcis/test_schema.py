"""Every published document gets the right verdict, and every fault says where it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import Invalid
from tests.factories.catalog import AT
from tests.factories.epcis import make_event
from traceability.epcis.schema import MOST_FAULTS, find_document_faults, find_event_faults, must_be_event

VECTORS = Path(__file__).parents[2] / "vectors" / "epcis"
LATE = datetime.fromisoformat("2100-01-01T00:00:00+00:00")


def faults(document: dict[str, Any]) -> list[Any]:
    found = list(find_document_faults(document))
    for event in document.get("epcisBody", {}).get("eventList", []):
        found += find_event_faults(event, LATE)
    return found


@pytest.mark.parametrize("path", sorted((VECTORS / "documents").glob("*.json")), ids=lambda path: path.stem)
def test_valid_documents_pass(path: Path) -> None:
    assert [(fault.field, str(fault.message), fault.params) for fault in faults(json.loads(path.read_text()))] == []


@pytest.mark.parametrize("path", sorted((VECTORS / "events").glob("*.json")), ids=lambda path: path.stem)
def test_valid_single_events_pass(path: Path) -> None:
    assert find_event_faults(json.loads(path.read_text()), LATE) == []


@pytest.mark.parametrize("path", sorted((VECTORS / "invalid").glob("*.json")), ids=lambda path: path.stem)
def test_invalid_documents_are_refused(path: Path) -> None:
    document = json.loads(path.read_text())
    assert faults(document) if document.get("type") == "EPCISDocument" else find_event_faults(document, LATE)


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((VECTORS / "documents" / f"{name}.json").read_text())["epcisBody"]["eventList"][0]
    return event


def without(key: str) -> Any:
    return lambda event: event.pop(key)


def with_(key: str, value: object) -> Any:
    return lambda event: event.__setitem__(key, value)


def elements(amounts: list[tuple[str | None, float]]) -> list[dict[str, Any]]:
    found = [{"epcClass": f"urn:epc:class:lgtin:4012345.011111.{n}", "quantity": q} for n, (_, q) in enumerate(amounts)]
    return [each | ({"uom": unit} if unit else {}) for each, (unit, _) in zip(found, amounts, strict=True)]


def weighing(given: list[tuple[str | None, float]], taken: list[tuple[str | None, float]]) -> Any:
    """A transformation of these amounts and nothing else."""

    def change(event: dict[str, Any]) -> None:
        for name in ("inputEPCList", "outputEPCList", "transformationID"):
            event.pop(name, None)
        event["outputQuantityList"], event["inputQuantityList"] = elements(given), elements(taken)

    return change


MUTATIONS = [
    ("ObjectEvent", without("eventTimeZoneOffset"), "/eventTimeZoneOffset", "缺少必填项"),
    ("ObjectEvent", with_("eventTimeZoneOffset", "+8:00"), "/eventTimeZoneOffset", "+08:00"),
    ("ObjectEvent", with_("eventTime", "2020-01-01T00:00:00"), "/eventTime", "带时区"),
    ("ObjectEvent", with_("eventTime", "2101-01-01T00:00:00Z"), "/eventTime", "将来"),
    ("ObjectEvent", with_("eventTime", "2016-12-31T23:59:60Z"), "/eventTime", "不正确"),
    ("ObjectEvent", with_("type", ["ObjectEvent"]), "/type", "ObjectEvent"),
    ("ObjectEvent", with_("action", "CHANGE"), "/action", "OBSERVE"),
    ("ObjectEvent", with_("bizStep", "harvesting"), "/bizStep", "commissioning"),
    ("ObjectEvent", with_("ilmd", {"example:x": 1}), "/ilmd", "ADD"),
    ("ObjectEvent", with_("type", "HarvestEvent"), "/type", "ObjectEvent"),
    ("ObjectEvent", with_("epcList", ["https://id.gs1.org/01/09520123456780/21/1"]), "/epcList/0", "校验码"),
    ("ObjectEvent", with_("epcList", ["no uri at all"]), "/epcList/0", "URI"),
    ("ObjectEvent", with_("readPoint", {"id": "https://id.gs1.org/414/9521141123450"}), "/readPoint/id", "校验码"),
    ("ObjectEvent", with_("quantityList", [{"epcClass": "urn:x:y", "quantity": -1}]), "/quantityList/0/quantity", "≥ 0"),
    ("ObjectEvent", with_("quantityList", [{"epcClass": "urn:x:y", "quantity": 2**52}]), "/quantityList/0/quantity", "10¹⁴"),
    (
        "ObjectEvent",
        with_("sensorElementList", [{"sensorReport": [{"type": "Temperature", "time": "2016-12-31T23:59:60Z"}]}]),
        "/sensorElementList/0/sensorReport/0/time",
        "不正确",
    ),
    (
        "ObjectEvent",
        with_(
            "sensorElementList",
            [{"sensorMetadata": {"startTime": "0001-01-01T00:00:00+14:00"}, "sensorReport": [{"type": "Temperature"}]}],
        ),
        "/sensorElementList/0/sensorMetadata/startTime",
        "不正确",
    ),
    (
        "ObjectEvent",
        with_("quantityList", [{"epcClass": "urn:x:y", "quantity": 1, "uom": "kilogram"}]),
        "/quantityList/0/uom",
        "KGM",
    ),
    ("ObjectEvent", with_("quantityList", [{"epcClass": "urn:x:y", "quantity": "1"}]), "/quantityList/0/quantity", "number"),
    ("ObjectEvent", with_("quantityList", [{"epcClass": "urn:x:y", "price": 1}]), "/quantityList/0", "price"),
    (
        "ObjectEvent",
        with_("errorDeclaration", {"declarationTime": "2101-01-01T00:00:00Z"}),
        "/errorDeclaration/declarationTime",
        "将来",
    ),
    (
        "ObjectEvent",
        with_("errorDeclaration", {"declarationTime": "2016-12-31T23:59:60Z"}),
        "/errorDeclaration/declarationTime",
        "不正确",
    ),
    ("TransformationEvent", weighing([("KGM", 60), ("GRM", 41_000)], [("TNE", 0.1)]), "/outputQuantityList", "≤ 100"),
    ("TransformationEvent", weighing([("LTR", 2)], [("MLT", 1999)]), "/outputQuantityList", "≤ 1.999"),
    ("AggregationEvent", without("parentID"), "/parentID", "parentID"),
    ("AggregationEvent", with_("persistentDisposition", {"set": ["active"]}), "/persistentDisposition", "只用于"),
]


@pytest.mark.parametrize(("name", "change", "pointer", "said"), MUTATIONS, ids=[f"{m[0]}{m[2]}-{m[3]}" for m in MUTATIONS])
def test_each_fault_names_its_place_and_what_is_allowed(name: str, change: Any, pointer: str, said: str) -> None:
    event = copy.deepcopy(load(name))
    if name == "AggregationEvent":
        event["action"] = "ADD"
    assert find_event_faults(event, LATE) == []
    change(event)
    found = find_event_faults(event, LATE)
    assert pointer in [fault.field for fault in found]
    assert any(said in fault.text(str) for fault in found if fault.field == pointer)


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert find_document_faults(value)
    assert find_event_faults(value, AT)
    with pytest.raises(Invalid):
        must_be_event(value, AT)


@pytest.mark.parametrize(
    ("given", "taken", "over"),
    [
        ([("KGM", 60), ("GRM", 40_000)], [("TNE", 0.1)], {}),
        ([("KGM", 101)], [("KGM", 100)], {"transformationID": "urn:epc:id:gdti:0614141.12345.400"}),
        ([("KGM", 101)], [("KGM", 100)], {"inputEPCList": ["urn:epc:id:sgtin:4012345.011122.25"]}),
        ([("KGM", 756)], [("H87", 42)], {}),
        ([("KGM", 101)], [("KGM", 100), (None, 3)], {}),
        ([("KGM", 101)], [("LTR", 100)], {}),
    ],
)
def test_what_cannot_be_compared_is_let_be(given: Any, taken: Any, over: dict[str, Any]) -> None:
    event = copy.deepcopy(load("TransformationEvent"))
    weighing(given, taken)(event)
    assert find_event_faults(event | over, LATE) == []


NO_GTIN = "https://id.gs1.org/01/09520123456780/21/1"


def _bent(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to spoil an event, as far as it has what each needs, with the place that must be named."""

    def bent(pointer: str, change: Any) -> tuple[str, dict[str, Any]]:
        spoilt = copy.deepcopy(event)
        change(spoilt)
        return pointer, spoilt

    yield bent("/eventTimeZoneOffset", without("eventTimeZoneOffset"))
    yield bent("/eventTimeZoneOffset", with_("eventTimeZoneOffset", "+15:00"))
    yield bent("/eventTime", without("eventTime"))
    yield bent("/eventTime", with_("eventTime", event["eventTime"].rstrip("Z")[:19]))
    yield bent("/eventTime", with_("eventTime", "2100-06-01T00:00:00Z"))
    yield bent("/type", with_("type", "QuantityEvent"))
    if "action" in event:
        yield bent("/action", with_("action", "add"))
        yield bent("/action", without("action"))
    if "ilmd" in event and event.get("action") == "ADD":
        yield bent("/ilmd", with_("action", "OBSERVE"))
    if "bizStep" in event:
        yield bent("/bizStep", with_("bizStep", "harvesting"))
    if "disposition" in event:
        yield bent("/disposition", with_("disposition", "rotten"))
    if "readPoint" in event:
        yield bent("/readPoint/id", with_("readPoint", {"id": "https://id.gs1.org/414/9521141123450"}))
    for name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
        if event.get(name):
            place = len(event[name]) - 1
            at = f"/{name}/{place}"
            yield bent(f"{at}/uom", lambda spoilt, name=name, place=place: spoilt[name][place].update(uom="kilogram"))
            yield bent(f"{at}/quantity", lambda spoilt, name=name, place=place: spoilt[name][place].update(quantity=-0.5))
            yield bent(f"{at}/epcClass", lambda spoilt, name=name, place=place: spoilt[name][place].pop("epcClass"))
    for name in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        if event.get(name):
            yield bent(f"/{name}/{len(event[name])}", lambda spoilt, name=name: spoilt[name].append(NO_GTIN))
            yield bent(f"/{name}/0", lambda spoilt, name=name: spoilt[name].__setitem__(0, "no uri"))


def test_the_first_of_many_faults_are_told() -> None:
    """A document of 5 MB holds a quarter of a million: none of its readers reads them, and no worker compares each with each."""
    event = make_event(1, bizTransactionList=[{"type": "x y", "bizTransaction": " "} for _ in range(1500)])
    faults = find_event_faults(event, AT)
    assert len(faults) == MOST_FAULTS
    assert faults[0].field.startswith("/bizTransactionList/0/")


def test_every_published_event_spoilt_is_refused_where_it_was_spoilt() -> None:
    """Each way that fits, on every published event: the place is named, and nothing else of the event is blamed."""
    wrong, tried = [], 0
    for path in sorted((VECTORS / "documents").glob("*.json")):
        for event in json.loads(path.read_text())["epcisBody"]["eventList"]:
            for pointer, spoilt in _bent(event):
                tried += 1
                found = [fault.field for fault in find_event_faults(spoilt, LATE)]
                if found != [pointer]:
                    wrong.append(f"{path.stem} {event['type']}: {found} instead of {pointer}")
    assert wrong == [], "\n".join(wrong)
    assert tried > 300
