"""The page a phone keeps, its service worker, and the list of phones (shop.cooperative.views.offline), without a browser."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel import clock
from shop.cooperative import enrolling
from shop.cooperative.models import Device
from shop.cooperative.views import offline
from tests.factories.catalog import AT, act_as, form, make_actor, make_organization

HOME = "/cooperative/offline/"
WECHAT = "Mozilla/5.0 (Linux; Android 8.1.0) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.50"


def kept(client: FlaskClient) -> tuple[str, list[str]]:
    """Version and files of the service worker."""
    text = client.get(f"{HOME}sw.js").text
    version, files = re.match(r"const VERSION = (.*);\nconst FILES = (.*);\n", text).groups()  # type: ignore[union-attr]
    return json.loads(version), json.loads(files)


def fetch(client: FlaskClient, path: str) -> str:
    """A file's text, "" when there is none."""
    with client.get(path) as answer:
        return answer.get_data().decode("latin1") if answer.status_code == 200 else ""


def test_the_page_is_the_same_for_all(app: Flask, client: FlaskClient, session: Session) -> None:
    stranger = client.get(HOME)
    act_as(app, make_actor(session, Role.clerk))
    assert client.get(HOME).data == stranger.data
    assert "Set-Cookie" not in stranger.headers
    assert [word for word in ("csrf", "nonce", "已登录") if word in stranger.text] == []
    assert "Offline intake" in client.get(f"{HOME}?lang=en").text


def test_the_worker_keeps_all_that_the_pages_need(client: FlaskClient) -> None:
    version, files = kept(client)
    for language in ("zh_Hans_CN", "en"):
        page = client.get(f"{HOME}?lang={language}")
        assert f"{HOME}?lang={language}" in files
        needed = re.findall(r'<(?:script|img)[^>]+src="([^"]+)"|<link rel="stylesheet" href="([^"]+)"', page.text)
        assert {one or other for one, other in needed} <= set(files)
    for script in [file for file in files if file.startswith(f"{HOME}files/")]:
        code = fetch(client, script)
        assert {f"{HOME}files/{name}" for name in re.findall(r'from "\./([\w.]+)"', code)} <= set(files), script
    assert [file for file in files if not fetch(client, file)] == [], "one that is missing, and nothing is kept"
    assert kept(client)[0] == version


NEWER = re.compile(
    r"\?\.[a-zA-Z[(]|\?\?|globalThis|\.flat(?:Map)?\(|matchAll|allSettled|fromEntries|file\.text\(|replaceAll|replaceChildren"
    r"|structuredClone|\.at\(-?\d|\bstatic\b|#\w+\("
)


def test_a_phone_of_2018_can_read_the_scripts() -> None:
    """docs/offline.md promises Chrome 67; what came later and is easily done without stands in no script."""
    found = {path.name: NEWER.findall(path.read_text()) for path in offline.FILES.glob("*.js")}
    assert [(name, words) for name, words in found.items() if words] == []
    assert len(found) >= 9


def test_another_text_is_another_version(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept(client)
    page = offline._page
    monkeypatch.setattr(offline, "_page", lambda: page() + "<!-- new -->")
    after = kept(client)
    assert (after[0] != before[0], after[1]) == (True, before[1])


def test_inside_wechat_it_says_how_to_open_the_browser(client: FlaskClient) -> None:
    page = client.get(HOME, headers={"User-Agent": WECHAT}).text
    assert "请在浏览器打开" in page
    assert f'value="http://127.0.0.1:8000{HOME}"' in page
    assert "offline.js" not in page
    assert "请在浏览器打开" not in client.get(HOME).text
    assert "/files/offline.js" in "".join(kept(client)[1]), "the worker keeps the page itself, whoever asks for it"


def test_it_can_be_installed(client: FlaskClient) -> None:
    link = re.search('<link rel="manifest" href="([^"]+)"', client.get(HOME).text)
    assert link
    manifest = json.loads(fetch(client, link[1]))
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == (HOME, HOME, "standalone")
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    assert [icon["src"] for icon in manifest["icons"] if not fetch(client, icon["src"])] == []


def test_phones_are_let_in_and_ended_on_their_page(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = make_actor(session, Role.clerk)
    act_as(app, clerk)
    assert "还没有启用过手机" in client.get(f"{HOME}devices").text
    sent = form(name="村口的荣耀", token_hash="0" * 64)
    answers = [client.post(f"{HOME}devices", data=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    device = session.query(Device).one()
    assert device.expires_at - device.created_at == enrolling.STAYS
    assert client.post(f"{HOME}devices", data=form(name="再来", token_hash="0" * 64)).status_code == 409
    assert client.post(f"{HOME}devices", data=form(name="", token_hash="1" * 64)).status_code == 422
    assert "村口的荣耀" in client.get(f"{HOME}devices").text
    client.post(f"{HOME}devices/{device.id}/end", data=form())
    assert "已停用" in client.get(f"{HOME}devices").text

    other = make_actor(session, Role.clerk, make_organization(session))
    device.ended_at = device.ended_by = None
    session.flush()
    act_as(app, other)
    assert "村口的荣耀" not in client.get(f"{HOME}devices").text
    assert client.post(f"{HOME}devices/{device.id}/end", data=form()).status_code == 404
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert client.post(f"{HOME}devices/{device.id}/end", data=form()).status_code == 302, "with the guard off it would be ended"


def test_phones_come_in_pages(app: Flask, client: FlaskClient, session: Session) -> None:
    clerk = make_actor(session, Role.clerk)
    act_as(app, clerk)
    (organization_id,) = clerk.organizations_with(Role.clerk)
    for number in range(31):
        enrolling.enrol_device(session, clerk, organization_id, name=f"手机{number:02}", token_hash=f"{number:064x}", at=AT)
    first = client.get(f"{HOME}devices").text
    link = re.search(r'href="([^"]+after=[^"]+)"', first)
    assert link
    assert ("手机00" in first, "手机00" in client.get(link[1]).text) == (False, True)
    assert "已到期" not in first or clock.now() > AT + enrolling.STAYS
