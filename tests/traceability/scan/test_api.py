"""The resolver, through its door: redirects, linksets, and refusals with the right status."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.parties.roles import SYSTEM
from kernel.errors import Forbidden, Invalid
from kernel.gs1 import check_digit
from kernel.ids import new_serial
from tests.factories.catalog import make_place
from tests.factories.lots import Chain, make_chain
from traceability.scan import linking, resolving

SCHEMAS = Path(__file__).parents[2] / "vectors" / "gs1-linkset"
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
        assert (answer.status_code, answer.headers["Location"]) == (307, page), path
        assert 'rel="linkset"' in answer.headers["Link"]
        assert client.get(answer.headers["Location"]).status_code == 200
        assert client.head(path).status_code == 307


def test_parameters_are_passed_on(client: FlaskClient, chain: Chain) -> None:
    answer = client.get(box(chain) + "?lang=en&17=270101&linkType=gs1:pip")
    assert answer.headers["Location"] == f"/t/{chain.serials[0]}?lang=en&17=270101"


def test_cors_and_options(client: FlaskClient, chain: Chain) -> None:
    for answer in (client.get(box(chain)), client.options(box(chain)), client.get("/01/1")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert {"Accept", "Accept-Language"} <= set(client.get(box(chain)).vary)


@pytest.mark.parametrize("how", ["accept", "query", "all"])
def test_linkset_of_all_levels(client: FlaskClient, chain: Chain, how: str) -> None:
    asked = {"accept": "", "query": "?linkType=linkset", "all": "?linkType=all"}[how]
    contexts = linkset(client, box(chain) + asked, **(LINKSET if how == "accept" else {}))
    gtin = f"http://127.0.0.1:8000/01/{chain.product.gtin}"
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
    other = make_chain(session, sheep=(2, 3), boxes=3)
    session.flush()
    for path in (
        f"/01/{chain.product.gtin}/21/{new_serial()}",
        f"/01/{chain.product.gtin}/10/LOT-0000",
        f"/01/{chain.product.gtin}/10/{other.pack.code}/21/{chain.serials[0]}",
        f"/01/{other.product.gtin}/21/{chain.serials[0]}",
        f"/01/{chain.product.gtin}/10/{chain.live.code}",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "没有生产过" in answer.text
    walked = linkset(client, f"/01/{chain.product.gtin}/21/{new_serial()}", **LINKSET)
    assert len(walked) == 1, "a program is told of the levels that exist"


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
    assert client.get(ask, headers={"Accept-Language": "zh"}).headers["Location"] == "/recipes/zh"
    assert client.get(ask, headers={"Accept-Language": "fr;q=0.9, en;q=0.8"}).headers["Location"] == "https://example.com/recipe"
    link("/recipes/other", "zh-CN")
    assert client.get(ask, headers={"Accept-Language": "zh"}).status_code == 300
    assert len(linkset(client, anchor, **LINKSET)[0]["https://ref.gs1.org/voc/recipeInfo"]) == 3  # type: ignore[arg-type]


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
