"""What ``/epcis`` offers, as an OpenAPI document: true to what is there, which the tests hold against the routes and the answers. Pure.

Paths and names are those of the EPCIS 2.0 REST binding; what we do not have (WebSocket, XML, master data queries) is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from traceability.epcis.browsing import PARAMETERS
from traceability.epcis.conditions import FIXED
from traceability.epcis.querying import MOST_PER_PAGE
from traceability.epcis.schedule import RANGES
from traceability.epcis.schema import MOST_BYTES, MOST_EVENTS
from traceability.epcis.states import DeliveryState, EpcFormat, ErrorBehaviour
from traceability.events.vocabulary import Action, EventType

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "format": "date-time"}
_UUID: Json = {"type": "string", "format": "uuid"}
_FLAG: Json = {"type": "boolean"}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str, optional: str = "", /, **properties: Json) -> Json:
    assert set(properties) == {*required.split(), *optional.split()}
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(of: Json) -> Json:
    return {"type": "array", "items": of}


SCHEMAS: Mapping[str, Json] = {
    "Problem": _object(
        "type title status",
        "detail errors",
        type={"type": "string", "pattern": "^epcisException:"},
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
        errors=_list(_object("pointer detail", pointer=_TEXT, detail=_TEXT)),
    ),
    "Collection": _object("@context type member", **{"@context": {}, "type": {"const": "Collection"}, "member": _list(_TEXT)}),
    "Event": {
        **_object(
            "type eventTime eventTimeZoneOffset",
            "eventID action bizStep disposition epcList readPoint",
            type={"enum": [str(kind) for kind in EventType]},
            eventTime=_TIME,
            eventTimeZoneOffset={"type": "string", "pattern": "^[+-](0[0-9]|1[0-3]):[0-5][0-9]$"},
            eventID=_TEXT,
            action={"enum": [str(action) for action in Action]},
            bizStep=_TEXT,
            disposition=_TEXT,
            epcList=_list(_TEXT),
            readPoint=_object("id", id=_TEXT),
        ),
        "description": "An event of EPCIS 2.0: https://ref.gs1.org/standards/epcis/ holds the schema it is checked by.",
    },
    "EPCISDocument": _object(
        "@context type schemaVersion creationDate epcisBody",
        **{
            "@context": {},
            "type": {"const": "EPCISDocument"},
            "schemaVersion": {"const": "2.0"},
            "creationDate": _TIME,
            "epcisBody": _object("eventList", eventList=_list(_ref("Event"))),
        },
    ),
    "EPCISQueryDocument": _object(
        "@context type schemaVersion creationDate epcisBody",
        **{
            "@context": {},
            "type": {"const": "EPCISQueryDocument"},
            "schemaVersion": {"const": "2.0"},
            "creationDate": _TIME,
            "epcisBody": _object(
                "queryResults",
                queryResults=_object(
                    "queryName resultsBody",
                    "subscriptionID",
                    queryName=_TEXT,
                    subscriptionID=_UUID,
                    resultsBody=_object("eventList", eventList=_list(_ref("Event"))),
                ),
            ),
        },
    ),
    "CaptureJob": _object(
        "captureID createdAt finishedAt running success captureErrorBehaviour errors",
        captureID=_UUID,
        createdAt=_TIME,
        finishedAt={"type": ["string", "null"], "format": "date-time"},
        running=_FLAG,
        success=_FLAG,
        captureErrorBehaviour={"enum": [str(each) for each in ErrorBehaviour]},
        errors=_list(_ref("Problem")),
    ),
    "NamedQuery": _object(
        "name query",
        name={"type": "string", "minLength": 1, "maxLength": 80},
        query={"type": "object", "description": "As in a URL."},
    ),
    "Schedule": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {name: {"type": "string", "examples": ["1,[3-5]"]} for name in RANGES},
    },
    "SubscriptionWish": {
        **_object(
            "dest",
            "signatureToken reportIfEmpty schedule stream initialRecordTime",
            dest={"type": "string", "format": "uri", "description": "https, on the open internet"},
            signatureToken={"type": "string", "minLength": 16, "maxLength": 512},
            reportIfEmpty=_FLAG,
            schedule=_ref("Schedule"),
            stream={"const": True},
            initialRecordTime=_TIME,
        ),
        "oneOf": [{"required": ["schedule"]}, {"required": ["stream"]}],
        "additionalProperties": False,
    },
    "Subscription": _object(
        "subscriptionID dest epcFormat createdAt initialRecordTime state",
        "stream schedule reportIfEmpty lastNotifiedAt lastError",
        subscriptionID=_UUID,
        dest=_TEXT,
        epcFormat={"enum": [str(each) for each in EpcFormat]},
        createdAt=_TIME,
        initialRecordTime=_TIME,
        state={"enum": ["active", str(DeliveryState.PARKED)]},
        stream=_FLAG,
        schedule=_ref("Schedule"),
        reportIfEmpty=_FLAG,
        lastNotifiedAt=_TIME,
        lastError=_TEXT,
    ),
}

_PROBLEMS = {
    "400": "The request is wrong: ValidationException, QueryParameterException, QueryValidationException, SubscriptionControlsException",
    "401": "SecurityException: no key",
    "403": "SecurityException: the key is unknown, revoked, or lacks the scope",
    "404": "NoSuchResourceException, NoSuchNameException: there is none, or none you may see",
    "406": "NotAcceptableException: another version or media type",
    "409": "ResourceAlreadyExistsException",
    "413": "CaptureLimitExceededException, QueryTooLargeException, QueryTooComplexException",
    "414": "URITooLongException",
    "415": "UnsupportedMediaTypeException: JSON only",
    "429": "Too many requests",
}


def _header(name: str, schema: Json, why: str) -> Json:
    return {"in": "header", "name": name, "required": False, "schema": schema, "description": why}


def _query(name: str, schema: Json = _TEXT) -> Json:
    return {"in": "query", "name": name, "required": False, "schema": schema}


def _in_path(name: str, schema: Json = _TEXT) -> Json:
    return {"in": "path", "name": name, "required": True, "schema": schema}


_FORMAT = _header("GS1-EPC-Format", {"enum": [str(each) for each in EpcFormat]}, "How identifiers are written in the answer.")
_PAGES = [_query("perPage", {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE}), _query("nextPageToken")]
_CONTROLS = [
    _query("orderBy", {"enum": ["eventTime", "recordTime"]}),
    _query("orderDirection", {"enum": ["ASC", "DESC"]}),
    _query("eventCountLimit", {"type": "integer", "minimum": 1}),
    _query("maxEventCount", {"type": "integer", "minimum": 1}),
]


def _asking(*, but: str = "") -> list[Json]:
    """The parameters of the query language by name; those with a free part (``EQ_ILMD_…``) are not listed one by one."""
    return [*_PAGES, _FORMAT, *_CONTROLS, *(_query(name) for name in FIXED if name != but)]


def _operation(
    name: str,
    does: str,
    *,
    parameters: Iterable[Json] = (),
    takes: tuple[str, str] | None = None,
    gives: tuple[str, Json | None] = ("200", None),
    headers: Iterable[str] = (),
    ld: bool = False,
) -> Json:
    status, schema = gives
    answer: Json = {"description": does}
    if schema is not None:
        answer["content"] = {"application/ld+json" if ld else "application/json": {"schema": schema}}
    if headers:
        answer["headers"] = {header: {"schema": _TEXT} for header in headers}
    problem = {"application/problem+json": {"schema": _ref("Problem")}}
    found: Json = {
        "operationId": name,
        "summary": does,
        "responses": {status: answer, **{code: {"description": why, "content": problem} for code, why in _PROBLEMS.items()}},
    }
    if parameters := list(parameters):
        found["parameters"] = parameters
    if takes is not None:
        kind, schema_name = takes
        found["requestBody"] = {"required": True, "content": {kind: {"schema": _ref(schema_name)}}}
    return found


def _paths() -> dict[str, dict[str, Json]]:
    events, collection = _ref("EPCISQueryDocument"), _ref("Collection")
    name, subscription = _in_path("queryName"), _in_path("subscriptionID", _UUID)
    behaviour = _header("GS1-Capture-Error-Behaviour", {"enum": [str(each) for each in ErrorBehaviour]}, "rollback unless said.")
    paths = {
        "/": {"get": _operation("listTop", "The resources that are here.", gives=("200", collection), ld=True)},
        "/capture": {
            "post": _operation(
                "capture",
                f"Take a document of at most {MOST_EVENTS} events and {MOST_BYTES} bytes; Location names the job.",
                parameters=[behaviour],
                takes=("application/ld+json", "EPCISDocument"),
                gives=("202", None),
                headers=["Location"],
            ),
            "get": _operation("listJobs", "Own jobs, newest first.", parameters=_PAGES, gives=("200", _list(_ref("CaptureJob")))),
        },
        "/capture/{captureID}": {
            "get": _operation(
                "showJob",
                "What became of a document.",
                parameters=[_in_path("captureID", _UUID)],
                gives=("200", _ref("CaptureJob")),
            )
        },
        "/events": {
            "post": _operation(
                "captureEvent",
                "Take one event at once; the same one again gives the first.",
                takes=("application/ld+json", "Event"),
                gives=("201", _ref("Event")),
                headers=["Location", "GS1-Event-Hash"],
            ),
            "get": _operation("listEvents", "Events that fit.", parameters=_asking(), gives=("200", events), ld=True),
        },
        "/events/{eventID}": {
            "get": _operation(
                "showEvent",
                "One event and its error declarations.",
                parameters=[_in_path("eventID"), _FORMAT],
                gives=("200", events),
                ld=True,
            )
        },
        "/nextPageToken/{token}": {
            "delete": _operation("endToken", "Give a page token back.", parameters=[_in_path("token")], gives=("204", None))
        },
        "/queries": {
            "post": _operation(
                "nameQuery",
                "Keep a query under a name.",
                takes=("application/json", "NamedQuery"),
                gives=("201", None),
                headers=["Location"],
            ),
            "get": _operation("listQueries", "Own queries by name.", parameters=_PAGES, gives=("200", _list(_ref("NamedQuery")))),
        },
        "/queries/{queryName}": {
            "get": _operation("showQuery", "One query as it was sent.", parameters=[name], gives=("200", _ref("NamedQuery"))),
            "delete": _operation("deleteQuery", "Forget it with its subscriptions.", parameters=[name], gives=("204", None)),
        },
        "/queries/{queryName}/events": {
            "get": _operation("runQuery", "What it finds now.", parameters=[name, *_PAGES, _FORMAT], gives=("200", events), ld=True)
        },
        "/queries/{queryName}/subscriptions": {
            "post": _operation(
                "subscribe",
                "Have what it finds brought to an https address, signed by HMAC-SHA-256 (GS1-Signature).",
                parameters=[name, _FORMAT],
                takes=("application/json", "SubscriptionWish"),
                gives=("201", _ref("Subscription")),
                headers=["Location"],
            ),
            "get": _operation(
                "listSubscriptions",
                "Who is brought what it finds.",
                parameters=[name, *_PAGES],
                gives=("200", _list(_ref("Subscription"))),
            ),
        },
        "/queries/{queryName}/subscriptions/{subscriptionID}": {
            "get": _operation(
                "showSubscription", "How it fares.", parameters=[name, subscription], gives=("200", _ref("Subscription"))
            ),
            "delete": _operation("endSubscription", "Bring nothing more.", parameters=[name, subscription], gives=("204", None)),
        },
    }
    for kind, parameter in PARAMETERS.items():
        value, word = _in_path("value"), kind[0].upper() + kind[1:]
        paths |= {
            f"/{kind}": {
                "get": _operation(
                    f"list{word}", "What own events name.", parameters=[*_PAGES, _FORMAT], gives=("200", collection), ld=True
                )
            },
            f"/{kind}/{{value}}": {
                "get": _operation(f"show{word}", "What there is of one.", parameters=[value], gives=("200", collection), ld=True)
            },
            f"/{kind}/{{value}}/events": {
                "get": _operation(
                    f"list{word}Events",
                    "Its events.",
                    parameters=[value, *_asking(but=parameter)],
                    gives=("200", events),
                    ld=True,
                )
            },
        }
    return paths


def build_description(base: str) -> Json:
    """The OpenAPI 3.1 document of the door at ``base``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EPCIS 2.0",
            "version": "2.0.0",
            "description": "Events of one organisation, in JSON. Guide: docs/lots.md, Partners.",
        },
        "servers": [{"url": base}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }
