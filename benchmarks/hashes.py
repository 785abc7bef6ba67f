"""Event Hash IDs beside the published Python reference, on the same events in the same run."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.captures import CONTEXT, make_events
from benchmarks.figures import NotRun, Pace, Result, WrongAnswer, interleave, medians, ratio
from traceability.events.eventhash import hash_event

EVENTS = 20


def measure_hash(pace: Pace) -> Result:
    """Events a second from their JSON, parsed before in both cases. Raises NotRun where the reference is not installed."""
    try:
        from epcis_event_hash_generator import hash_generator, json_to_py
    except ImportError:
        raise NotRun("epcis-event-hash-generator is not installed: it comes with the group `oracle`") from None
    events = make_events(0, EVENTS)
    document = {"@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": events}}
    theirs_of: Callable[[Any], Any] = json_to_py.event_list_from_epcis_document_json

    def theirs() -> list[str]:
        parsed = theirs_of(copy.deepcopy(document))
        return list(hash_generator.epcis_hashes_from_events(parsed, "sha256"))

    def ours() -> list[str]:
        return [hash_event(event, document["@context"]) for event in events]

    if sorted(theirs()) != sorted(ours()):
        raise WrongAnswer(f"ours {ours()[0]} and the reference's {theirs()[0]} differ on {json.dumps(events[0])[:200]}")
    rates = interleave({"reference": _rate(theirs), "ours": _rate(ours)}, pace)
    return Result(ratio(rates, "ours", "reference"), EVENTS, medians(rates))


def _rate(act: Callable[[], object]) -> Callable[[float], float]:
    def measure(seconds: float) -> float:
        begun, done = time.perf_counter(), 0
        while done == 0 or time.perf_counter() - begun < seconds:
            act()
            done += EVENTS
        return done / (time.perf_counter() - begun)

    return measure
