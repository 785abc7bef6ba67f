"""What GS1's public test suite asks of a resolver, in our own words and without a network: each rule for each kind of code.

Source: GS1-Conformant Resolver standard 1.2; the rules its test suite checks from outside. ``failures`` is the suite; every rule in it
is shown to notice a resolver that breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from flask import Response, request
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from catalog.parties.roles import SYSTEM
from tests.factories.catalog import make_place
from tests.factories.lots import make_chain
from traceability.pallets.aggregating import close_case
from traceability.scan import api, linking, linkset

ROOT = "http://127.0.0.1:8000"
VOCABULARY = "https://ref.gs1.org/voc/"
VECTORS = Path(__file__).parents[2] / "vectors" / "gs1-linkset"
LINKSET_SCHEMA = jsonschema_rs.validator_for(json.loads((VECTORS / "gs1-linkset-schema.json").read_text()))
DESCRIPTION_SCHEMA = jsonschema_rs.validator_for(json.loads((VECTORS / "resolver-description.schema.json").read_text()))
LINK_TYPES = json.loads((VECTORS / "gs1-link-types.json").read_text())["link_types"]
GLN = "9520123456788"


class Suite:
    """The rules, asked of one link. Languages are asked for only where a rule says so: the suite's own client names none."""

    def __init__(self, client: FlaskClient, link: str) -> None:
        self.client, self.link = client, link

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def failures(self) -> list[str]:
        """The rules the resolver breaks for this link."""
        rules = [name for name in vars(Suite) if name.startswith("rule_")]
        return [name.removeprefix("rule_") for name in rules if not getattr(self, name)()]

    def rule_description_file(self) -> bool:
        answer = self.get("/.well-known/gs1resolver", Accept="application/json")
        found = answer.get_json()
        return (
            DESCRIPTION_SCHEMA.is_valid(found)
            and found["resolverRoot"] == ROOT
            and self.link.split("/")[1] in found["supportedPrimaryKeys"]
        )

    def rule_cors_and_methods(self) -> bool:
        headers = self.client.options(self.link).headers
        methods = headers.get("Access-Control-Allow-Methods", "")
        return "Access-Control-Allow-Origin" in headers and all(method in methods for method in ("GET", "HEAD", "OPTIONS"))

    def rule_link_to_the_linkset(self) -> bool:
        """Pointed to by GET and by OPTIONS, as the only link: all of them in the header is deprecated."""
        for answer in (self.get(self.link), self.client.options(self.link)):
            link = answer.headers.get("Link", "")
            if 'rel="linkset"' not in link or link.count("rel=") != 1:
                return False
        address = self.get(self.link).headers["Link"].split(">")[0].removeprefix("<" + ROOT)
        return self.get(address).mimetype == "application/linkset+json"

    def rule_broken_is_400(self) -> bool:
        return self.get(f"{self.link}/foo").status_code == 400

    def rule_trailing_slash(self) -> bool:
        one, other = self.get(self.link), self.get(f"{self.link}/")
        return (one.status_code, one.location) == (other.status_code, other.location)

    def rule_walks_up(self) -> bool:
        """A qualifier nobody knows is no 404 at the link."""
        key, value = self.link.split("/")[1:3]
        qualifier = {"01": "10", "414": "254"}.get(key)
        return qualifier is None or self.get(f"/{key}/{value}/{qualifier}/KL8G").status_code == 307

    def rule_query_is_passed_on(self) -> bool:
        return "foo=bar" in (self.get(f"{self.link}?foo=bar").location or "")

    def rule_head_is_as_get(self) -> bool:
        head, got = self.client.head(self.link), self.get(self.link)
        return (head.status_code, head.location, head.data) == (got.status_code, got.location, b"")

    def rule_linkset_without_redirect(self) -> bool:
        """By parameter and by Accept, with its type, and valid."""
        asked = (self.get(f"{self.link}?linkType=linkset"), self.get(self.link, Accept="application/linkset+json"))
        for answer in asked:
            if (answer.status_code, answer.mimetype) != (200, "application/linkset+json"):
                return False
        return asked[0].data == asked[1].data and LINKSET_SCHEMA.is_valid(asked[1].get_json(force=True))

    def rule_linkset_names_its_context(self) -> bool:
        link = self.get(self.link, Accept="application/linkset+json").headers.get("Link", "")
        return 'rel="http://www.w3.org/ns/json-ld#context"' in link and 'type="application/ld+json"' in link

    def rule_varies(self) -> bool:
        return {"accept", "accept-language"} <= {name.lower() for name in self.get(self.link).vary}

    def rule_known_link_types(self) -> bool:
        return all(kind in LINK_TYPES for kind, _ in self.finest())

    def rule_one_default_and_led_to(self) -> bool:
        """Exactly one default at the finest level, with a title and nothing else; the link alone leads to its very address."""
        defaults = dict(self.finest()).get("defaultLink", [])
        return [set(link) for link in defaults] == [{"href", "title"}] and self.get(self.link).location == defaults[0]["href"]

    def rule_each_link_is_led_to(self) -> bool:
        """Asked for by its type, and its language where it has one: 307 to its very address, or 300 when several fit equally."""
        for kind, links in self.finest():
            if kind == "defaultLink":
                continue
            for link in links:
                alike = [other for other in links if other.get("hreflang") == link.get("hreflang")]
                language = {"Accept-Language": link["hreflang"][0]} if "hreflang" in link and len(links) > 1 else {}
                answer = self.get(f"{self.link}?linkType=gs1:{kind}", **language)
                if (answer.status_code, answer.location) != ((307, link["href"]) if len(alike) == 1 else (300, None)):
                    return False
        return True

    def rule_no_such_link_type_is_404(self) -> bool:
        return self.get(f"{self.link}?linkType=gs1:nosuchlt").status_code == 404

    def finest(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The links of each type, of the finest level that has any; levels are found by cutting the link, as the suite does."""
        document = self.get(self.link, Accept="application/linkset+json").get_json(force=True)
        contexts = {context["anchor"]: context for context in document["linkset"]}
        seen: set[str] = set()
        parts = self.link.split("/")
        for end in range(len(parts), 2, -2):
            for kind, links in contexts.get(ROOT + "/".join(parts[:end]), {}).items():
                if kind.startswith(VOCABULARY) and kind not in seen:
                    seen.add(kind)
                    yield kind.removeprefix(VOCABULARY), links


@pytest.fixture
def links(session: Session, at: datetime) -> dict[str, str]:
    """A link of each kind, with links beside the story: one, one for each language and one for none, and two alike."""
    chain = make_chain(session, sheep=(2, 3), boxes=3)
    place = make_place(session, chain.cooperative, gln=GLN)
    case = close_case(session, chain.clerk, place_id=place.id, serials=chain.serials[:2], at=at)
    gtin = f"/01/{chain.product.gtin}"
    lot = f"{gtin}/10/{chain.pack.code}"
    found = {"gtin": gtin, "lot": lot, "serial": f"{lot}/21/{chain.serials[2]}", "sscc": f"/00/{case.sscc}", "gln": f"/414/{GLN}"}
    for anchor in found.values():
        for kind, href, hreflang in (
            ("support", "https://example.com/帮助?a=1", ""),
            ("recipeInfo", "/recipes/zh", "zh-CN"), ("recipeInfo", "/recipes/en", "en"), ("recipeInfo", "/recipes/any", ""),
            ("safetyInfo", "/safety/1", "zh-CN"), ("safetyInfo", "/safety/2", "zh-CN"),
        ):  # fmt: skip
            linking.set_link(session, SYSTEM, anchor=anchor, link_type=kind, href=href, title="帮助", hreflang=hreflang, at=at)
    session.flush()
    return found


def test_every_rule_holds_for_every_kind_of_code(client: FlaskClient, links: dict[str, str]) -> None:
    broken = {kind: Suite(client, link).failures() for kind, link in links.items()}
    assert not any(broken.values()), broken


def _without(name: str) -> Callable[[Response], Response]:
    def change(response: Response) -> Response:
        response.headers.pop(name, None)
        return response

    return change


def _to_204(response: Response) -> Response:
    response.status_code = 204 if response.status_code in (300, 400, 404) else response.status_code
    return response


def _to_own_path(response: Response) -> Response:
    if response.location:
        response.headers["Location"] = response.location.removeprefix(ROOT).partition("?")[0]
    return response


BROKEN: dict[str, tuple[Callable[[Response], Response], set[str]]] = {
    "no CORS": (_without("Access-Control-Allow-Methods"), {"cors_and_methods"}),
    "no Link": (_without("Link"), {"link_to_the_linkset", "linkset_names_its_context"}),
    "no Vary": (_without("Vary"), {"varies"}),
    "no type": (_without("Content-Type"), {"linkset_without_redirect", "link_to_the_linkset", "description_file"}),
    "errors told as if all were well": (_to_204, {"broken_is_400", "no_such_link_type_is_404", "each_link_is_led_to"}),
    "paths in place of addresses": (_to_own_path, {"one_default_and_led_to", "each_link_is_led_to", "query_is_passed_on"}),
}


@pytest.mark.parametrize("how", BROKEN)
def test_the_rules_notice_a_resolver_that_breaks_them(client: FlaskClient, links: dict[str, str], how: str) -> None:
    change, broken = BROKEN[how]
    client.application.after_request(change)
    assert set(Suite(client, links["serial"]).failures()) == broken


def test_the_rules_notice_a_wrong_choice(client: FlaskClient, links: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    choose = api._choose
    monkeypatch.setattr(linkset, "choose", lambda targets, _language: list(targets)[:1])
    assert Suite(client, links["lot"]).failures() == ["each_link_is_led_to"]
    monkeypatch.undo()
    monkeypatch.setattr(api, "_raw_path", lambda: quote(request.path))
    assert Suite(client, links["lot"]).failures() == ["trailing_slash"]
    monkeypatch.undo()
    monkeypatch.setattr(api, "_choose", lambda found, kind: choose(found, kind) if found.unknown is None else [])
    assert Suite(client, links["lot"]).failures() == ["walks_up"]
