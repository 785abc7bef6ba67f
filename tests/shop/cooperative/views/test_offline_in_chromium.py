"""A clerk's two days without a network, in a real browser: shop.cooperative.views.offline and its scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import select
from werkzeug.wsgi import ClosingIterator

from catalog.parties import carding
from catalog.parties.models import SYSTEM, Role
from kernel import clock
from kernel.db import reading, work
from kernel.pictures import MOST_BYTES
from kernel.quantity import Unit
from shop.accounts.signing import add_login
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.catalog import make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.factories.pictures import make_photo
from tests.factories.serving import serve
from traceability.events.models import TraceEvent
from traceability.lots import deciding
from traceability.lots.models import ActPhoto, CapacityRequest, HouseholdDelivery, Lot
from traceability.lots.states import LotKind

pytestmark = pytest.mark.browser
PASSWORD, PIN = "harvest-moon-7", "730194"


class Line:
    """The line between phone and server: counts what gets through, can lose answers, or be somebody else's page asking for a sign-in."""

    url = card = ""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app, self.asked, self.sent = app, list[str](), dict[str, int]()
        self.lose, self.portal, self.tried = "", "", 0
        self.unwell = {"/nothing": "503 Service Unavailable"}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = self._answer(environ["PATH_INFO"], environ, start_response)
        self.tried += environ["PATH_INFO"].endswith("/deliveries")
        return answer

    def _answer(self, path: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(path)
        if self.portal and environ.get("HTTP_AUTHORIZATION"):
            start_response(self.portal, [("Content-Type", "text/html")])
            return [b"<title>Sign in to this hotel's network</title>"]
        for end, status in self.unwell.items():
            if path.endswith(end):
                start_response(status, [("Content-Type", "application/problem+json")])
                return [f'{{"status": {status[:3]}, "detail": "{status}"}}'.encode()]
        if self.lose and path.endswith(self.lose):
            self._ask(environ, lambda *_: None)  # the server has done it and nobody hears of it
            start_response("502 Bad Gateway", [])
            return []
        body = self._ask(environ, start_response)
        self.sent[path] = self.sent.get(path, 0) + len(body)
        return [body]

    def _ask(self, environ: dict[str, Any], start_response: Any) -> bytes:
        with closing(ClosingIterator(self.app(environ, start_response))) as answer:
            return b"".join(answer)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A key from a PIN takes its time, above all on a machine that has other things to do."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def line(database: str, tmp_path: Path) -> Iterator[Line]:
    """The whole application behind a real port, with a clerk, 120 households and apples."""
    with work() as session:
        cooperative = make_organization(session, name="静宁示例合作社", name_en="Jingning example cooperative")
        names = ("王示例", "李示例", "赵示例")
        households = [make_household(session, cooperative, head_name=names[number % 3]) for number in range(120)]
        card = f"https://example.cn/cards/{carding.issue_card(session, SYSTEM, households[8].id).card_token}"
        make_product(
            session,
            cooperative,
            name="静宁苹果（一级）",
            materials=["鲜苹果"],  # a lot is of what the product is made of, whatever the product is called
            name_en="Jingning apples (first grade)",
            pack_unit=Unit.KG,
            needs=[],
            season_months=[11],
        )
        make_capacity(session, "鲜苹果", Unit.KG, 100)
        clerk = make_actor(session, Role.clerk, cooperative)
        assert clerk.person_id
        add_login(session, clerk.person_id, "clerk@example.cn", PASSWORD, at=clock.now())
    app = create_app(make_config(tmp_path, database), connect=False)
    line = Line(app.wsgi_app)
    app.wsgi_app = line  # type: ignore[method-assign]
    with serve(app) as url:
        line.url, line.card = url, card
        yield line


@pytest.fixture
def context(browser: Browser, line: Line) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=line.url)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return enrol(context)


def enrol(context: BrowserContext) -> Page:
    """Sign in, let this phone in, and wait until the page can stand alone."""
    page = context.new_page()
    page.goto("/cooperative/offline/")
    page.get_by_role("link", name="登录并启用").click()
    page.locator("[name=name]").fill("clerk@example.cn")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_label("给手机起个名字").fill("收购点的红米")
    page.get_by_label("PIN，至少 6 位").fill(PIN)
    page.get_by_label("再输一次 PIN").fill(PIN)
    page.get_by_role("button", name="启用", exact=True).click()
    unlock(page)
    expect(page.locator("html[data-ready]")).to_be_attached()
    expect(page.locator("#numbers")).to_contain_text("200")
    return page


def unlock(page: Page) -> None:
    page.get_by_label("这部手机的 PIN").fill(PIN)
    page.get_by_role("button", name="打开").click()
    expect(page.get_by_role("heading", name="收一笔货")).to_be_visible()


def deliver(page: Page, household: str, quantity: str, unit: str = "jin") -> None:
    before, form = page.locator("#entries > li").count(), page.locator("#delivery")
    page.get_by_label("找农户").fill(household)
    page.get_by_label("找农户").press("Enter")
    expect(form.get_by_label("数量")).to_be_focused()
    form.get_by_label("数量").fill(quantity)
    form.get_by_label("计量单位").select_option(unit)
    page.get_by_label("约定价款").fill("350.00")
    page.get_by_role("button", name="记下这笔货").dblclick()
    expect(page.locator("#entries > li")).to_have_count(before + 1)


def sync(page: Page, line: Line, *, portal: str = "", lose: str = "") -> None:
    """Send the three that wait, over such a line, until all three were tried and the page says that they are still to be sent."""
    line.portal, line.lose = portal, lose
    before = line.tried
    while line.tried < before + 3:
        page.get_by_role("button", name="现在同步").click()
        page.wait_for_timeout(300)
    expect(page.locator("#sending")).to_have_text("有几笔还没送到，稍后会再试。")


def heard(line: Line) -> int:
    """How often the doors of phones were asked anything."""
    return sum(path.endswith(("/deliveries", "/numbers", "/questions", "/data.json")) for path in line.asked)


def states(page: Page) -> list[str]:
    return page.locator("#entries [data-entry]").evaluate_all("all => all.map((one) => one.dataset.entry)")


def stored() -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.execute(select(HouseholdDelivery.slip_code, HouseholdDelivery.quantity).order_by(HouseholdDelivery.id))
        return [(slip, f"{quantity:f}".rstrip("0").rstrip(".")) for slip, quantity in rows]


def ask_county_and_be_granted(refused: Locator) -> None:
    refused.get_by_text("请县里核定", exact=True).click()
    refused.get_by_label("要县里核定什么").fill("今年新包了十亩地，请核定。")
    refused.get_by_role("button", name="发给县里").click()
    expect(refused.get_by_text("已问县里。")).to_be_visible()
    with work() as session:
        asked_for = session.scalars(select(CapacityRequest)).one()
        officer = make_actor(session, Role.county_officer)
        deciding.decide_capacity(
            session, officer, request_id=asked_for.id, granted=Decimal(1), decision="新包的地已核实", at=clock.now()
        )


COUNT = """opened = sealed = 0; const { decrypt, encrypt } = SubtleCrypto.prototype;
SubtleCrypto.prototype.decrypt = function (...all) { opened += 1; return decrypt.apply(this, all); };
SubtleCrypto.prototype.encrypt = function (...all) { sealed += 1; return encrypt.apply(this, all); }; 0"""


def test_a_day_without_a_network_is_sent_once(page: Page, context: BrowserContext, line: Line) -> None:
    # Every byte from an empty browser to the form, uncompressed: page, scripts, worker, signing in, 120 households, numbers.
    assert {"/cooperative/offline/", "/cooperative/offline/data.json", "/static/shanhai.css"} < set(line.sent)
    assert sum(line.sent.values()) < 150_000, line.sent
    assert page.request.get("/cooperative/offline/devices", max_redirects=0).status == 302, "signed out: only the PIN is left"

    context.set_offline(True)
    before = heard(line)
    deliver(page, "7", "200")
    expect(page.locator("#entries")).to_contain_text("100 千克 · 200 斤")
    deliver(page, "8", "6002")
    page.evaluate(COUNT)
    deliver(page, line.card, "40", "kg")
    assert page.evaluate("[opened, sealed]") == [1, 1], "only the new entry is opened to draw the list again"
    expect(page.locator("#entries > li").first).to_contain_text("9 赵**")
    slips = page.locator("#entries [data-slip]").all_text_contents()
    assert (len(set(slips)), states(page)) == (3, ["waiting"] * 3)
    page.reload()
    unlock(page)
    assert page.locator("#entries [data-slip]").all_text_contents() == slips
    expect(page.locator("#net")).to_have_text("没有网络，先存在手机里")
    page.goto("/cooperative/offline/?lang=en")
    expect(page.get_by_label("This phone's PIN")).to_be_visible()
    page.goto("/cooperative/offline/")
    unlock(page)
    assert (heard(line), stored()) == (before, []), "nothing got through meanwhile"

    line.portal = "200 OK"
    context.set_offline(False)
    for portal in ("200 OK", "403 Forbidden", "401 Unauthorized"):
        sync(page, line, portal=portal)
        expect(page.locator("#numbers")).to_contain_text("197")
        expect(page.locator("#ended")).to_be_hidden()
        assert (states(page), stored()) == (["waiting"] * 3, []), "what does not come from us settles nothing"
    sync(page, line, lose="/deliveries")
    assert [quantity for _, quantity in stored()] == ["200", "40"], "the server has them, the phone does not know"
    assert states(page) == ["waiting"] * 3
    line.lose = ""
    second = context.new_page()
    second.goto("/cooperative/offline/")
    for each in (page, second):  # two tabs at once, and without the browser's locks between them
        each.evaluate("Object.defineProperty(navigator, 'locks', { value: undefined })")
    unlock(second)
    page.get_by_role("button", name="现在同步").click()
    for each in (page, second):
        expect(each.locator("#entries")).to_contain_text("最多能交 3000 千克")
        expect(each.locator("#entries .badge.ok")).to_have_count(2)
    assert stored() == [(slips[2], "200"), (slips[0], "40")]
    assert states(page) == ["done", "refused", "done"]

    refused = page.locator("[data-entry=refused]")
    ask_county_and_be_granted(refused)
    refused.get_by_role("button", name="再试一次").click()
    expect(page.get_by_text("快到上限了")).to_be_visible()
    assert [slip for slip, _ in stored()] == [slips[2], slips[0], slips[1]]

    deliver(page, "9", "9000")
    expect(refused).to_contain_text("最多能交")
    page.once("dialog", lambda dialog: dialog.accept())
    refused.get_by_role("button", name="作废").click()
    expect(page.locator("[data-entry=void]")).to_have_count(1)
    page.reload()
    unlock(page)
    expect(page.locator("#numbers")).to_contain_text("200")
    assert states(page) == ["void", "done", "done", "done"]
    given_up = page.locator("[data-entry=void] [data-slip]").text_content()
    free = page.evaluate("import('/cooperative/offline/files/store.js').then((store) => store.all('numbers'))")
    assert given_up not in [number["slip"] for number in free], "what is given up is not given to another entry"
    tidy = "([spent, days]) => import('/cooperative/offline/files/queue.js').then(({ tidy }) => tidy(spent, Date.now() + days * 864e5))"
    for spent, days, kept in (([given_up], 6, 4), ([], 8, 1), ([given_up], 8, 0)):
        page.evaluate(tidy, [spent, days])
        assert len(page.evaluate("import('/cooperative/offline/files/store.js').then((store) => store.all('entries'))")) == kept

    found = context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in found} <= {"in-incognito"}, "the browser offers to install it"


PHOTOS = "import('/cooperative/offline/files/store.js').then((store) => store.all('photos'))"
FULL = """import('/cooperative/offline/files/store.js').then((store) => store.change(['photos'], (photos) => {
  for (let number = 0; number < 99; number += 1) photos.put({ iv: [], data: [] }, `other-${number}`); }))"""


def test_a_photograph_waits_beside_its_entry_and_goes_with_it(
    page: Page, context: BrowserContext, line: Line, tmp_path: Path
) -> None:
    picture = tmp_path / "IMG_1.jpg"
    picture.write_bytes(make_photo(2400, 1800))
    context.set_offline(True)
    form = page.locator("#delivery")
    form.get_by_text("加一张照片").click()
    form.get_by_label("照片", exact=True).set_input_files(picture)
    page.get_by_label("找农户").fill("7")
    page.get_by_label("找农户").press("Enter")
    form.get_by_label("数量").fill("200")
    form.get_by_label("约定价款").fill("350")
    save = form.get_by_role("button", name="记下这笔货")
    save.click()
    expect(page.locator("#news")).to_contain_text("有没有能认出来的人")
    form.get_by_text("没有", exact=True).click()
    save.click()
    expect(page.locator("#entries")).to_contain_text("有照片")
    (kept,) = page.evaluate(f"{PHOTOS}.then((all) => all.map(({{ data }}) => Array.from(data)))")
    assert len(kept) <= MOST_BYTES + 16
    assert bytes(kept[:3]) != b"\xff\xd8\xff", "sealed like its entry"
    page.evaluate(FULL)
    deliver_with = form.get_by_label("照片", exact=True)
    deliver_with.set_input_files(picture)
    form.get_by_text("没有", exact=True).click()
    page.get_by_label("找农户").fill("8")
    page.get_by_label("找农户").press("Enter")
    form.get_by_label("数量").fill("33")
    form.get_by_label("约定价款").fill("50")
    save.click()
    expect(page.locator("#news")).to_contain_text("存不下了")
    expect(form.get_by_label("数量")).to_have_value("33")
    assert states(page) == ["waiting"]

    line.lose = "/deliveries"  # before the phone hears that there is a network: it begins by itself
    context.set_offline(False)
    sync(page, line, lose="/deliveries")
    line.lose = ""
    page.get_by_role("button", name="现在同步").click()
    expect(page.locator("#entries .badge.ok")).to_have_count(1)
    assert len(page.evaluate(PHOTOS)) == 99, "it is kept no longer than it waits"
    with reading() as session:
        photo = session.scalars(select(ActPhoto)).one()
    (file,) = [path for path in tmp_path.rglob(str(photo.digest)) if path.is_file()]
    assert b"Exif" not in file.read_bytes()
    assert b"Example Phone" not in file.read_bytes()


def mix(page: Page, *texts: str) -> str:
    """Tick the lots whose lines have these words, put them together, and give what was said of their sum."""
    if not page.locator("#mixing").is_visible():
        page.get_by_text("把批次合在一起", exact=True).click()
    for text in texts:
        page.locator("#lots").get_by_text(text).click()
    total = page.locator("#sum").text_content() or ""
    page.get_by_role("button", name="合并所选批次").dblclick()
    expect(page.locator("#news")).to_contain_text("新批次号")
    expect(page.locator("#lots :checked")).to_have_count(0)
    return total


def test_mixing_and_loss_go_in_after_what_they_work_on(page: Page, context: BrowserContext, line: Line) -> None:
    context.set_offline(True)
    deliver(page, "7", "200")
    deliver(page, "8", "6002")  # beyond the cap: to be refused
    deliver(page, "9", "40", "kg")
    assert mix(page, "7 王**", "9 赵**") == "2 个批次，一共 140 千克 · 280 斤"
    page.get_by_text("损耗和抽样", exact=True).click()
    loss = page.locator("#loss")
    loss.get_by_label("哪个批次").select_option(page.locator("#f-lot option", has_text="140 千克").get_attribute("value"))
    loss.get_by_role("button", name="登记").click()
    expect(loss.get_by_text("请写明原因。")).to_be_visible()
    loss.get_by_label("数量").fill("5")
    loss.get_by_label("计量单位").select_option("jin")
    loss.get_by_label("原因").fill("压坏了")
    loss.get_by_role("button", name="登记").click()
    expect(page.locator("#lots")).to_contain_text("137.5 千克 · 275 斤")
    assert mix(page, "8 李**", "137.5") == "2 个批次，一共 3138.5 千克 · 6277 斤"
    assert states(page) == ["waiting"] * 6
    page.reload()
    unlock(page)
    assert states(page) == ["waiting"] * 6

    line.portal = "200 OK"
    line.lose = "/deliveries"  # before the phone hears that there is a network: it begins by itself
    context.set_offline(False)
    sync(page, line, lose="/deliveries")
    assert sorted(quantity for _, quantity in stored()) == ["200", "40"]
    assert not any(path.endswith(("/mixings", "/losses")) for path in line.asked), "what they work on was not answered yet"
    line.lose = ""
    page.get_by_role("button", name="现在同步").click()
    expect(page.locator("#entries .badge.ok")).to_have_count(4)
    expect(page.locator("[data-entry=refused]")).to_have_count(2)
    assert states(page) == ["refused", "done", "done", "done", "refused", "done"]
    refused = page.locator("[data-entry=refused]")
    expect(refused.nth(0)).to_contain_text("自己的那一笔还没有收下")
    expect(refused.nth(1)).to_contain_text("最多能交 3000 千克")
    ask_county_and_be_granted(refused.nth(1))
    refused.nth(1).get_by_role("button", name="再试一次").click()
    expect(page.locator("#entries .badge.ok")).to_have_count(6)
    with reading() as session:
        lots = session.scalars(select(Lot).order_by(Lot.made)).all()
        left = [(lot.kind, lot.made, lot.left.amount) for lot in lots]
        events = session.scalars(select(TraceEvent.biz_step)).all()
    assert left == [
        (LotKind.DELIVERY, 40, 0), (LotKind.DELIVERY, 100, 0), (LotKind.BULK, 140, 0), (LotKind.DELIVERY, 3001, 0),
        (LotKind.BULK, Decimal("3138.5"), Decimal("3138.5")),
    ]  # fmt: skip
    assert sorted(filter(None, events)) == ["assembling"] * 2 + ["commissioning"] * 3 + ["destroying"], "each once"
    expect(page.locator("#lots .tick")).to_have_count(1)
    expect(page.locator("#lots")).to_contain_text("鲜苹果 · 3138.5 千克")
    page.goto("/cooperative/offline/?lang=en")
    page.get_by_label("This phone's PIN").fill(PIN)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#lots")).to_contain_text("Jingning apples · 3138.5 kg")


GIVE_UP = """async (all) => { const store = await import("/cooperative/offline/files/store.js");
const give = async () => { const rows = await store.all("entries");
  await store.change(["entries"], (entries) => { for (const row of rows) entries.put({ ...row, state: "void" }); }); };
if (all) return give();
const real = window.fetch;
window.fetch = async (...asked) => { const answer = await real(...asked); if (asked[0].includes("/losses")) await give(); return answer; }; }"""


def test_nothing_overtakes_a_loss_and_nothing_that_was_taken_in_is_given_up(
    page: Page, context: BrowserContext, line: Line
) -> None:
    context.set_offline(True)
    deliver(page, "7", "200")
    deliver(page, "9", "40", "kg")
    page.get_by_text("损耗和抽样", exact=True).click()
    loss = page.locator("#loss")
    loss.get_by_label("哪个批次").select_option(page.locator("#f-lot option", has_text="100 千克").get_attribute("value"))
    loss.get_by_label("数量").fill("5")
    loss.get_by_label("计量单位").select_option("jin")
    loss.get_by_label("原因").fill("压坏了")
    loss.get_by_role("button", name="登记").click()
    assert mix(page, "7 王**", "9 赵**") == "2 个批次，一共 137.5 千克 · 275 斤"

    def meet() -> list[str]:
        before = sum(path.endswith("/numbers") for path in line.asked)
        page.get_by_role("button", name="现在同步").click()
        for _ in range(300):
            if sum(path.endswith("/numbers") for path in line.asked) > before:
                break
            page.wait_for_timeout(100)
        expect(page.locator("body")).not_to_have_attribute("data-syncing", "")
        return states(page)

    line.unwell = {"/losses": "503 Service Unavailable"}
    context.set_offline(False)
    expect(page.locator("#entries .badge.ok")).to_have_count(2)
    assert meet() == ["waiting", "waiting", "done", "done"]
    line.unwell = {"/losses": "409 Conflict"}
    assert meet() == ["waiting", "refused", "done", "done"]
    assert not any(path.endswith("/mixings") for path in line.asked), "it would take what is lost with it"
    expect(page.locator("#sending")).to_have_text("有几笔还没送到，稍后会再试。")

    line.unwell, line.lose = {}, "/losses"
    assert meet() == ["waiting", "waiting", "done", "done"], "the server has it: it cannot be given up"
    expect(page.get_by_role("button", name="作废")).to_have_count(0)
    assert not any(path.endswith("/mixings") for path in line.asked)
    line.lose = ""
    page.evaluate(GIVE_UP, False)
    assert meet() == ["done"] * 4, "what was given up meanwhile, and the answer then says that it was taken in"
    page.evaluate(GIVE_UP, True)
    page.reload()
    unlock(page)
    expect(page.locator("#entries .badge.ok")).to_have_count(4)
    with reading() as session:
        lots = session.scalars(select(Lot).order_by(Lot.made)).all()
        assert [(lot.made, lot.lost) for lot in lots] == [(40, 0), (100, Decimal("2.5")), (Decimal("137.5"), 0)]


CAMERA = """window.BarcodeDetector = class { async detect() { return [{ rawValue: "%s" }]; } };
navigator.mediaDevices.getUserMedia = async () => { const c = document.createElement("canvas"); c.getContext("2d"); return c.captureStream(5); };"""


def test_the_pin_and_the_saved_file(context: BrowserContext, line: Line, tmp_path: Path) -> None:
    context.add_init_script(CAMERA % line.card)  # this Chromium has neither a camera nor the reader of codes that phones have
    page = enrol(context)
    context.set_offline(True)
    page.get_by_role("button", name="扫社员卡").click()
    expect(page.locator("#f-member_no option")).to_have_text("9 赵** zsl")
    expect(page.locator("#camera")).to_be_hidden()
    deliver(page, "7", "200")
    kept = page.evaluate(
        """async () => { const store = await import("/cooperative/offline/files/store.js");
        const [vault, pass, data] = await Promise.all(["vault", "pass", "data"].map((name) => store.find("kept", name)));
        const text = (_, value) => value instanceof Uint8Array ? new TextDecoder("latin1").decode(value) : value;
        return JSON.stringify([await store.all("entries"), pass, data, vault], text); }"""
    )
    assert page.locator("[data-slip]").text_content() in kept, "numbers are no secret"
    assert [word for word in ("350.00", "quantity", "households", "token", PIN) if word in kept] == []
    page.get_by_text("存成文件、换手机").click()
    page.get_by_label("文件的密码").fill("another-secret")
    with page.expect_download() as download:
        page.get_by_role("button", name="存成文件").click()
    file = tmp_path / "queue"
    download.value.save_as(file)
    assert b"350.00" not in file.read_bytes()
    slip = page.locator("[data-slip]").text_content()
    page.evaluate("import('/cooperative/offline/files/store.js').then((store) => store.wipe())")
    page.close()
    context.set_offline(False)
    context.clear_cookies()
    next_ = enrol(context)
    next_.get_by_text("存成文件、换手机").click()
    for password, says in (("wrong-secret", "文件的密码不对。"), ("another-secret", "读回 1 笔。")):
        next_.get_by_label("读回文件").set_input_files(file)
        next_.get_by_label("文件的密码").fill(password)
        next_.get_by_role("button", name="读回", exact=True).click()
        expect(next_.locator("#news")).to_have_text(says)
    expect(next_.locator("[data-entry=done]")).to_have_count(1)
    assert [code for code, _ in stored()] == [slip]

    next_.get_by_role("button", name="锁上").click()
    for wrong in range(5):
        next_.get_by_label("这部手机的 PIN").fill(f"00000{wrong}")
        next_.get_by_role("button", name="打开").click()
        expect(next_.locator("#pin-trouble")).to_contain_text("PIN 不对。" if wrong < 4 else "输错太多次")
    next_.get_by_label("这部手机的 PIN").fill(PIN)
    next_.get_by_role("button", name="打开").click()
    expect(next_.locator("#pin-trouble")).to_contain_text("输错太多次")
    waits = next_.evaluate(
        """async () => { const { unlock, Locked } = await import("/cooperative/offline/files/vault.js"); const found = [];
        for (let now = Date.now() + 1e5; found.length < 3; now += 1e8) {
          try { await unlock("000009", now); } catch (error) { found.push(error instanceof Locked && Math.round((error.until - now) / 1000)); } }
        await unlock("PIN", Date.now() + 1e10).catch(() => {});
        await unlock("%s", Date.now() + 1e11); return found; }""".replace("%s", PIN)
    )
    assert waits == [60, 120, 240], "longer each time; and the right PIN opens it in the end, nothing is wiped"

    next_.clock.set_fixed_time(clock.now() + timedelta(days=26))
    unlock(next_)
    expect(next_.locator("#soon")).to_be_visible()
    expect(next_.locator("#clock")).to_contain_text("请先校准")
