"""Identifiers of an event in the form the reader asked for (header GS1-EPC-Format). Pure.

Events are kept as they were sent. Only what is in the other form is rewritten: a Digital Link stays as its sender wrote it when links
are wanted, a URN when URNs are. What has no such form stays as it is. The Event Hash ID is the same in either form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from traceability.epcis.states import EpcFormat
from traceability.events.identifiers import canonical
from traceability.events.urns import to_urn

_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_SINGLE = ("parentID", "transformationID")
_PLACES = ("readPoint", "bizLocation")
_ITEMS = {
    "quantityList": ("epcClass",),
    "childQuantityList": ("epcClass",),
    "inputQuantityList": ("epcClass",),
    "outputQuantityList": ("epcClass",),
    "bizTransactionList": ("bizTransaction",),
    "sourceList": ("source",),
    "destinationList": ("destination",),
}
_SENSED = ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")


def rewrite(uri: str, format_: EpcFormat) -> str:
    """One identifier in that form."""
    if format_ is EpcFormat.DIGITAL_LINK and uri.startswith("urn:"):
        return canonical(uri)
    if format_ is EpcFormat.URN and uri.startswith(("http://", "https://")):
        return to_urn(uri) or uri
    return uri


def translate(event: Mapping[str, Any], format_: EpcFormat) -> dict[str, Any]:
    """A copy of the event with the identifiers of its standard fields in that form; ilmd and extensions stay as they are."""
    if format_ in (EpcFormat.NO_PREFERENCE, EpcFormat.NEVER):
        return dict(event)

    def to(uri: str) -> str:
        return rewrite(uri, format_)

    found = dict(event)
    for name in event.keys() & set(_LISTS):
        found[name] = [to(epc) for epc in event[name]]
    for name in event.keys() & set(_SINGLE):
        found[name] = to(event[name])
    for name in event.keys() & set(_PLACES):
        found[name] = _with(event[name], ("id",), to)
    for name in event.keys() & _ITEMS.keys():
        found[name] = [_with(item, _ITEMS[name], to) for item in event[name]]
    if "sensorElementList" in event:
        found["sensorElementList"] = [_sensor(element, to) for element in event["sensorElementList"]]
    return found


def _with(item: Mapping[str, Any], names: tuple[str, ...], to: Callable[[str], str]) -> dict[str, Any]:
    return {key: to(value) if key in names else value for key, value in item.items()}


def _sensor(element: Mapping[str, Any], to: Callable[[str], str]) -> dict[str, Any]:
    found = dict(element)
    if "sensorMetadata" in element:
        found["sensorMetadata"] = _with(element["sensorMetadata"], _SENSED, to)
    if "sensorReport" in element:
        found["sensorReport"] = [_with(report, _SENSED, to) for report in element["sensorReport"]]
    return found
