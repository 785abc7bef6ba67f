"""The OpenAPI document is true: it names every route and no other, and what schemathesis makes of it gets the answers it promises."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from kernel.web import limiter
from tests.factories.epcis import Partner, make_event
from traceability.epcis.browsing import PARAMETERS

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


ALIKE = PARAMETERS.keys() - {"epcs"}
"""Lists that differ in name only: one stands for all, except under ``--faults``."""


def test_it_names_every_route_and_no_other(app: Flask, client: FlaskClient) -> None:
    described = {
        (re.sub(r"{\w+}", "<>", path), method.upper())
        for path, methods in client.get("/epcis/openapi.json").get_json()["paths"].items()
        for method in methods
    }
    there = set()
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("epcis.") or rule.endpoint == "epcis.describe":
            continue
        path = rule.rule.removeprefix("/epcis")
        for kind in PARAMETERS if "any(" in path else [""]:
            plain = re.sub(r"<[^>]*>", "<>", re.sub(r"<any\([^>]*>", kind, path))
            there |= {(plain, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert described == there


def test_it_is_open_to_anybody_and_its_names_are_one_each(client: FlaskClient) -> None:
    answer = client.get("/epcis/openapi.json")
    assert (answer.status_code, answer.mimetype, answer.get_json()["servers"]) == (200, "application/json", [{"url": "/epcis"}])
    names = [operation["operationId"] for methods in answer.get_json()["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    for schema in answer.get_json()["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_schemathesis_finds_what_is_promised(
    app: Flask, partner: Partner, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few requests for each operation, more under ``--faults``: no answer is a 5xx, each has a status, type and shape described."""
    monkeypatch.setattr(limiter, "enabled", False)
    partner.capture(make_event(1), make_event(2, bizStep="receiving"))
    partner.name("known", {"EQ_bizStep": "shipping"})
    schema = schemathesis.openapi.from_wsgi("/epcis/openapi.json", app)
    whole, tried, known = request.config.option.faults, set(), 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if not whole and operation.path.split("/")[1] in ALIKE:
            continue
        known += 1

        @seed(20261128)
        @settings(
            max_examples=60 if whole else 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            tried.add(case.operation.label)
            case.call_and_validate(headers=partner._headers, checks=CHECKS)

        ask()
    assert len(tried) == known >= 20


def test_with_a_promise_broken_it_is_found(app: Flask, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: an answer of another shape than described does not pass."""
    from traceability.epcis.api import events

    monkeypatch.setattr(limiter, "enabled", False)
    schema = schemathesis.openapi.from_wsgi("/epcis/openapi.json", app)
    monkeypatch.setattr(events, "TOP", (1, 2))
    case = schema["/"]["GET"].Case()
    with pytest.raises(FailureGroup):
        case.call_and_validate(headers=partner._headers, checks=CHECKS)
