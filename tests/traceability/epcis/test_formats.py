"""Identifiers in the form the reader asks for: each key type there and back, and through the door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories.epcis import Partner, make_event
from traceability.epcis.formats import rewrite, translate
from traceability.epcis.states import EpcFormat
from traceability.events.eventhash import hash_event
from traceability.events.identifiers import canonical
from traceability.events.urns import to_urn

VECTORS = Path(__file__).parents[2] / "vectors" / "epcis"

PAIRS = [
    ("urn:epc:id:sgtin:4012345.098765.12345", "https://id.gs1.org/01/04012345987652/21/12345"),
    ("urn:epc:class:lgtin:4012345.098765.A%2F1", "https://id.gs1.org/01/04012345987652/10/A%2F1"),
    ("urn:epc:idpat:sgtin:4012345.098765.*", "https://id.gs1.org/01/04012345987652"),
    ("urn:epc:id:upui:4012345.098765.51qIgY", "https://id.gs1.org/01/04012345987652/235/51qIgY"),
    ("urn:epc:id:sscc:4012345.1234567890", "https://id.gs1.org/00/140123452345678902"),
    ("urn:epc:id:sgln:4012345.12345.0", "https://id.gs1.org/414/4012345123456"),
    ("urn:epc:id:sgln:4012345.12345.32a%2Fb", "https://id.gs1.org/414/4012345123456/254/32a%2Fb"),
    ("urn:epc:id:pgln:4012345.12345", "https://id.gs1.org/417/4012345123456"),
    ("urn:epc:id:grai:4012345.12345.400", "https://id.gs1.org/8003/04012345123456400"),
    ("urn:epc:id:giai:4012345.32a%2Fb", "https://id.gs1.org/8004/401234532a%2Fb"),
    ("urn:epc:id:gsrn:4012345.1234567890", "https://id.gs1.org/8018/401234512345678900"),
    ("urn:epc:id:gsrnp:4012345.1234567890", "https://id.gs1.org/8017/401234512345678900"),
    ("urn:epc:id:gdti:4012345.12345.400", "https://id.gs1.org/253/4012345123456400"),
    ("urn:epc:id:sgcn:4012345.12345.400", "https://id.gs1.org/255/4012345123456400"),
    ("urn:epc:id:ginc:4012345.xyz3311cba", "https://id.gs1.org/401/4012345xyz3311cba"),
    ("urn:epc:id:gsin:4012345.123456789", "https://id.gs1.org/402/40123451234567894"),
    ("urn:epc:id:cpi:4012345.5PQ7%2FZ43.12345", "https://id.gs1.org/8010/40123455PQ7%2FZ43/8011/12345"),
    ("urn:epc:id:itip:4012345.098765.04.04.4711", "https://id.gs1.org/8006/040123459876520404/21/4711"),
]  # fmt: skip


@pytest.mark.parametrize(("urn", "link"), PAIRS, ids=[urn.split(":")[3] + urn[-3:] for urn, _ in PAIRS])
def test_there_and_back(urn: str, link: str) -> None:
    assert (canonical(urn), to_urn(link)) == (link, urn)
    assert (rewrite(urn, EpcFormat.DIGITAL_LINK), rewrite(link, EpcFormat.URN)) == (link, urn)
    for stays in (EpcFormat.NEVER, EpcFormat.NO_PREFERENCE):
        assert (rewrite(urn, stays), rewrite(link, stays)) == (urn, link)


@pytest.mark.parametrize(
    "other", ["https://example.org/x", "urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001", "http://[", "https://id.gs1.org/01/x"]
)
def test_what_has_no_other_form_stays(other: str) -> None:
    assert to_urn(other) is None
    assert {rewrite(other, each) for each in EpcFormat} == {other}


@pytest.mark.parametrize("path", sorted((VECTORS / "documents").glob("*.json")), ids=lambda path: path.stem)
def test_all_published_events_say_the_same_in_either_form(path: Path) -> None:
    document = json.loads(path.read_text())
    for event in document["epcisBody"]["eventList"]:
        for wanted in EpcFormat:
            assert hash_event(translate(event, wanted), document["@context"]) == hash_event(event, document["@context"])


def test_the_header_decides(partner: Partner) -> None:
    sent = make_event(1, epcList=["urn:epc:id:sgtin:9520123.045678.1"])
    other = make_event(2, epcList=["https://example.cn/01/06901234567892/10/L7/21/2?17=271231"])
    partner.capture(sent, other)
    links, urns, kept = (
        {event["epcList"][0] for event in partner.events(format=wanted)}
        for wanted in ("Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates")
    )
    assert links == {"https://id.gs1.org/01/09520123456788/21/1", *other["epcList"]}
    assert urns == {"urn:epc:id:sgtin:6901234.056789.2", *sent["epcList"]}
    assert kept == {*sent["epcList"], *other["epcList"]}
    assert partner.get("/events").headers["GS1-EPC-Format"] == "Always_GS1_Digital_Link"
    wrong = partner.get("/events", {"GS1-EPC-Format": "Sometimes"})
    assert (wrong.status_code, wrong.get_json()["title"]) == (406, "NotAcceptableException")
