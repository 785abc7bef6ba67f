"""The resolver, through its door: redirects, linksets, and refusals with the right status."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from catalog.parties.roles import SYSTEM
from kernel.errors import Forbidden, Invalid
from kernel.gs1 import check_digit
from kernel.ids import new_serial, uuid7
from tests.factories.catalog import make_place
from tests.factories.lots import Chain, make_chain
from traceability.scan import linking, resolving, syntax

SCHEMAS = Path(__file__).parents[2] / "vectors" / "gs1-linkset"
ROOT = "http://127.0.0.1:8000"
LINKSET = {"Accept": "application/linkset+json"}


@pytest.fixture
def chain(session: Session) -> Chain:
    chain = make_chain(session, sheep=(2, 3), boxes=3)
    session.flush()
    return chain


def box(chain: Chain) -> str:
    return f"/01/{chain.product.gtin}/10/{chain.pack.code}/21/{chain.serials[0]}"


def linkset(client: FlaskClient, path: str, **headers: str) -> list[dict[str, object]]:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.mimetype == "application/linkset+json"
    document = answer.get_json(force=True)
    jsonschema_rs.validate(json.loads((SCHEMAS / "gs1-linkset-schema.json").read_text()), document)
    contexts: list[dict[str, object]] = document["linkset"]
    return contexts


def test_a_scan_leads_to_the_finest_page(client: FlaskClient, chain: Chain) -> None:
    gtin, lot = chain.product.gtin, chain.pack.code
    for path, page in {
        box(chain): f"/t/{chain.serials[0]}",
        f"/01/{gtin}/21/{chain.serials[0]}": f"/t/{chain.serials[0]}",
        f"/01/{gtin}/10/{lot}": f"/t/{lot}",
        f"/01/{gtin}/10/{lot}/": f"/t/{lot}",
        f"/01/{gtin}/22/2A": f"/t/product/{chain.product.sku}",
        f"/01/{gtin}": f"/t/product/{chain.product.sku}",
    }.items():
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (307, ROOT + page), path
        assert 'rel="linkset"' in answer.headers["Link"]
        assert client.get(answer.headers["Location"]).status_code == 200
        assert client.head(path).status_code == 307


def test_parameters_are_passed_on(client: FlaskClient, chain: Chain) -> None:
    answer = client.get(box(chain) + "?lang=en&17=270101&linkType=gs1:pip")
    assert answer.headers["Location"] == f"{ROOT}/t/{chain.serials[0]}?lang=en&17=270101"


def test_the_host_that_was_asked_is_never_led_to(client: FlaskClient, chain: Chain) -> None:
    answer = client.get(box(chain), headers={"Host": "evil.example"})
    assert answer.headers["Location"] == f"{ROOT}/t/{chain.serials[0]}"
    assert answer.headers["Link"].startswith(f"<{ROOT}{box(chain)}?linkType=linkset>")


def test_cors_and_options(client: FlaskClient, chain: Chain) -> None:
    for answer in (
        client.get(box(chain)),
        client.options(box(chain)),
        client.get("/01/1"),
        client.get("/253/1"),
        client.get("/8018"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert answer.headers["Access-Control-Expose-Headers"] == "Link"
    assert {"Accept", "Accept-Language"} <= set(client.get(box(chain)).vary)
    asked = client.options(box(chain))
    assert (asked.status_code, set(asked.allow)) == (200, {"GET", "HEAD", "OPTIONS"})
    assert asked.headers["Link"] == client.get(box(chain)).headers["Link"]
    assert client.post(box(chain)).status_code == 405


# A right number of each key of the dictionary, none of them known here.
NUMBERS = {
    "00": "952012345678912345", "01": "09520123456788", "253": "9520123456788X1", "255": "95201234567881", "401": "952012345",
    "402": "95201234567891345", "414": "9520123456788", "415": "9520123456788", "417": "9520123456788", "8003": "09520123456788X",
    "8004": "9520123456X", "8006": "095201234567880102", "8010": "952012X", "8013": "952012X", "8017": "952012345678912345",
    "8018": "952012345678912345",
}  # fmt: skip


def test_every_key_of_the_dictionary_is_the_resolvers(client: FlaskClient) -> None:
    wrong = []
    for key in syntax.KEYS:
        value = next(text for text in _rightly_ended(NUMBERS[key]) if syntax.IDENTIFIERS[key].accepts(text))
        for path, status in {
            f"/{key}/{value}": 404,
            f"/{key}/{value}/": 404,
            f"/{key}/x x": 400,
            f"/{key}/": 400,
            f"/{key}": 400,
        }.items():
            answer = client.get(path)
            if (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) != (status, "*"):
                wrong.append((path, answer.status_code))
    assert wrong == []


def _rightly_ended(text: str) -> list[str]:
    """The number, and the same with its last digit changed: one of them has the right check digit."""
    return [text, *(text[:-1] + digit for digit in "0123456789")]


def clashes(urls: Map) -> list[str]:
    """Routes of others that answer where a key stands first, or that could."""
    adapter, found = urls.bind("shop.example"), set()
    for key in syntax.KEYS:
        for path in (f"/{key}", f"/{key}/x", f"/{key}/x/10/y", f"/{key}/x/10/y/21/z"):
            for method in ("GET", "HEAD", "OPTIONS"):
                with suppress(HTTPException):
                    if (endpoint := adapter.match(path, method)[0]) != "resolver.resolve_link":
                        found.add(f"{path} is answered by {endpoint}")
    for rule in urls.iter_rules():
        if rule.endpoint != "resolver.resolve_link" and rule.rule.split("/")[1] in syntax.KEYS:
            found.add(f"{rule.rule} is {rule.endpoint}'s")
    return sorted(found)


def test_no_route_clashes_with_a_key(app: Flask) -> None:
    assert clashes(app.url_map) == []
    for rule in ("/8006", "/253/<path:rest>", "/<code>", "/<code>/x"):
        assert clashes(Map([Rule(rule, endpoint="other")])), f"{rule} is not noticed"


def test_nobody_is_told_where_the_reader_came_from(client: FlaskClient, chain: Chain) -> None:
    story = f"/t/{chain.serials[0]}"
    for path in (box(chain), f"{box(chain)}?linkType=linkset", "/01/1", "/8018", "/.well-known/gs1resolver", story, f"{story}/proofs",
                 f"{story}/proofs/{uuid7()}", f"/log/proof/{uuid7()}?serial={chain.serials[0]}", f"/log/state/{uuid7()}"):  # fmt: skip
        assert client.get(path).headers["Referrer-Policy"] == "no-referrer", path


@pytest.mark.parametrize("how", ["accept", "query", "all"])
def test_linkset_of_all_levels(client: FlaskClient, chain: Chain, how: str) -> None:
    asked = {"accept": "", "query": "?linkType=linkset", "all": "?linkType=all"}[how]
    contexts = linkset(client, box(chain) + asked, **(LINKSET if how == "accept" else {}))
    gtin = f"{ROOT}/01/{chain.product.gtin}"
    lot = f"{gtin}/10/{chain.pack.code}"
    assert [context["anchor"] for context in contexts] == [f"{lot}/21/{chain.serials[0]}", lot, gtin]
    for context in contexts:
        (default,) = context["https://ref.gs1.org/voc/defaultLink"]  # type: ignore[misc]
        assert set(default) == {"href", "title"}


def test_a_browser_never_gets_json(client: FlaskClient, chain: Chain) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert client.get(box(chain), headers={"Accept": accept}).status_code == 307
    assert client.get(f"/01/{chain.product.gtin}/21/{new_serial()}", headers={"Accept": accept}).mimetype == "text/html"


def test_a_box_nobody_made(client: FlaskClient, chain: Chain, session: Session) -> None:
    """The link is no 404, where it leads is: a page that looks nothing up, and so never a real box or lot."""
    other = make_chain(session, sheep=(2, 3), boxes=3)
    session.flush()
    gtin, serial = chain.product.gtin, new_serial()
    for path, code in {
        f"/01/{gtin}/21/{serial}": serial,
        f"/01/{gtin}/10/LOT-0000": "LOT-0000",
        f"/01/{gtin}/10/LOT-0000/21/{chain.serials[0]}": chain.serials[0],
        f"/01/{gtin}/10/{other.pack.code}/21/{chain.serials[0]}": chain.serials[0],
        f"/01/{other.product.gtin}/21/{chain.serials[0]}": chain.serials[0],
        f"/01/{gtin}/10/{chain.live.code}": chain.live.code,
        f"/01/{gtin}/10/a%26code%3D%3Cb%3E%2F": "a&code=<b>/",
    }.items():
        for asked in ("?lang=zh", "?lang=zh&linkType=gs1:defaultLink", "?lang=zh&code=X"):
            answer = client.get(path + asked)
            leads = urlsplit(answer.headers["Location"])
            assert (answer.status_code, leads.path, parse_qs(leads.query)["code"][0]) == (307, "/t/none", code), path
            page = client.get(answer.headers["Location"])
            assert page.status_code == 404
            assert f"没有生产过编号为“{escape(code)}”的盒子" in page.text
    assert client.get("/t/none").status_code == 404
    walked = linkset(client, f"/01/{gtin}/21/{new_serial()}", **LINKSET)
    assert len(walked) == 1, "a program is told of the levels that exist"


@pytest.mark.parametrize("asked", ["", "?linkType=linkset", "?linkType=gs1:pip"])
def test_guessing_by_link_is_slow_however_one_asks(client: FlaskClient, chain: Chain, asked: str) -> None:
    seen = [client.get(f"/01/{chain.product.gtin}/21/{new_serial()}{asked}").status_code for _ in range(62)]
    assert seen[0] in (200, 307)
    assert seen[-1] == 429
    assert client.get(f"/t/{chain.serials[0]}").status_code == 200


def test_unknown_keys_and_broken_codes(client: FlaskClient, chain: Chain) -> None:
    body = "0952000000000"
    assert client.get(f"/01/{body}{check_digit(body)}").status_code == 404
    assert client.get("/00/952012345678912345").status_code == 404
    for path in ("/01/09520123456789", f"/01/{chain.product.gtin}/21/A/10/B", "/01/x", "/414/1", f"{box(chain)}?99=", f"/01/{chain.product.gtin}/10/%ff"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 400, path
        assert answer.mimetype == "text/html"
    assert client.get("/01/" + "1" * 2000).status_code == 400
    assert client.get(box(chain) + "?linkType=gs1:nothing").status_code == 404


def test_a_place(client: FlaskClient, session: Session, chain: Chain) -> None:
    gln = "9520123456788"
    make_place(session, gln=gln, name="示例分拨仓")
    session.flush()
    answer = client.get(f"/414/{gln}")
    assert answer.status_code == 307
    assert "示例分拨仓" in client.get(answer.headers["Location"]).text
    assert linkset(client, f"/414/{gln}/254/A1", **LINKSET)[0]["itemDescription"] == "示例分拨仓"


def test_links_beside_the_story(client: FlaskClient, session: Session, chain: Chain, at: datetime) -> None:
    anchor = f"/01/{chain.product.gtin}"

    def link(href: str, hreflang: str, kind: str = "recipeInfo") -> None:
        linking.set_link(session, SYSTEM, anchor=anchor, link_type=f"gs1:{kind}", href=href, title="做法", hreflang=hreflang, at=at)
        session.flush()

    link("/recipes/zh", "zh-CN")
    link("https://example.com/recipe", "en")
    ask = f"{box(chain)}?linkType=https://ref.gs1.org/voc/recipeInfo"
    assert client.get(ask, headers={"Accept-Language": "zh"}).headers["Location"] == f"{ROOT}/recipes/zh"
    assert client.get(ask, headers={"Accept-Language": "fr;q=0.9, en;q=0.8"}).headers["Location"] == "https://example.com/recipe"
    link("/recipes/any", "")
    assert client.get(ask).headers["Location"] == f"{ROOT}/recipes/any", "who names no language gets the link of none"
    link("/recipes/other", "zh-CN")
    assert client.get(ask, headers={"Accept-Language": "zh"}).status_code == 300
    assert len(linkset(client, anchor, **LINKSET)[0]["https://ref.gs1.org/voc/recipeInfo"]) == 4  # type: ignore[arg-type]


def test_only_the_operator_sets_links_and_only_safe_ones(session: Session, chain: Chain, at: datetime) -> None:
    good = {
        "anchor": f"/01/{chain.product.gtin}",
        "link_type": "gs1:support",
        "href": "/help",
        "title": "帮助",
        "hreflang": "",
        "at": at,
    }
    with pytest.raises(Forbidden):
        linking.set_link(session, chain.clerk, **good)  # type: ignore[arg-type]
    for wrong in (
        {"href": "javascript:alert(1)"}, {"href": "//evil.example"}, {"href": "http://plain.example"}, {"href": "/a\\b"}, {"href": "/a\r\nX: 1"},
        {"link_type": "gs1:defaultLink"}, {"link_type": "gs1:pip"}, {"anchor": "/01/123"}, {"title": " "}, {"hreflang": "xx"},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            linking.set_link(session, SYSTEM, **(good | wrong))  # type: ignore[arg-type]


def test_the_description_file(client: FlaskClient) -> None:
    answer = client.get("/.well-known/gs1resolver")
    jsonschema_rs.validate(json.loads((SCHEMAS / "resolver-description.schema.json").read_text()), answer.get_json())
    assert answer.get_json()["supportedPrimaryKeys"] == list(resolving.KEYS)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.text(alphabet=st.characters(codec="utf-8"), max_size=60),
    accept=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_nothing_breaks_it(client: FlaskClient, path: str, accept: str) -> None:
    answer = client.get("/01/" + path, headers={"Accept": accept, "Accept-Language": accept})
    assert answer.status_code in (307, 308, 400, 404, 429)


def test_guessing_serials_is_slow(client: FlaskClient, chain: Chain) -> None:
    seen = [client.get(f"/t/{new_serial()}").status_code for _ in range(70)]
    assert seen[0] == 404
    assert seen[-1] == 429
    assert client.get("/scan").status_code == 200
