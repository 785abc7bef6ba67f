"""The page of the verifier in Chromium, on a host of its own: an honest log, a hostile one, no network, no WebCrypto.

One verdict of three, and never "verified" unless every check was made and held.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kernel.db import work
from tests.traceability.ledger.running import URL, RunningLog, running_log
from traceability.ledger import verifier
from traceability.ledger.canonical import encode_base64
from traceability.ledger.merkle import build_inclusion, hash_leaf
from traceability.ledger.note import Checkpoint
from traceability.ledger.queries import find_disclosures, find_tile, get_proof_file
from traceability.ledger.tiles import Edge, node_reader, parse_tile
from traceability.ledger.verifier import FILES, build_verifier
from traceability.ledger.verify import ProofFile, decode_extra

pytestmark = pytest.mark.browser
Answer = tuple[int, str, bytes]


@dataclass
class Site:
    """A small web server in the test's hand: paths to answers; None closes the connection in the middle of the body."""

    files: dict[str, Callable[[], Answer | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tiles: Callable[[str], bytes | None] = lambda path: None
    url: str = ""

    def answer(self, path: str) -> Answer | None:
        self.asked.append(path)
        if path in self.files:
            return self.files[path]()
        if path.startswith("/log/tile/"):
            data = self.tiles(path.removeprefix("/log/"))
            return (200, "application/octet-stream", data) if data is not None else (404, "text/html", b"no such tile")
        return 404, "text/html", b"<!doctype html><title>404</title>"

    def put(self, path: str, data: bytes, status: int = 200, kind: str = "text/plain") -> None:
        self.files[path] = lambda: (status, kind, data)


@pytest.fixture
def site(log: RunningLog) -> Iterator[Site]:
    """The verifier of this log on a host that the test plays."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = site.answer(self.path.split("?")[0])
            status, kind, data = found or (200, "text/plain", b"c2sp.org/tlog-proof@v1\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data) + (0 if found else 1000)))
            self.end_headers()
            self.wfile.write(data)
            if found is None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    pin(site, log.published_policy.decode())
    site.tiles = lambda path: find_tile(log.directory, parse_tile(path.removeprefix("tile/")))
    yield site
    server.shutdown()
    server.server_close()


def pin(site: Site, policy: str) -> None:
    for name, data in build_verifier(policy).items():
        site.put(f"/log/verifier/{'' if name == 'index.html' else name}", data, kind=FILES[name])


def proof_of(log: RunningLog, number: int, *, opened: bool = False) -> ProofFile:
    with work() as session:
        disclosed = find_disclosures(session, log.events[number]) if opened else None
        found = get_proof_file(session, log.directory, log.events[number], disclosed=disclosed)
    assert found is not None
    return found


def offer(site: Site, log: RunningLog, number: int, proof: bytes | None = None) -> str:
    """Put a proof where the page will ask for it; the address of the page."""
    event = log.events[number]
    site.put(f"/log/proof/{event}", proof if proof is not None else proof_of(log, number).encode())
    return f"{site.url}/log/verifier/?proof=/log/proof/{event}&lang=zh"


@pytest.fixture(params=["webcrypto", "fallback"])
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A device that remembers; with the browser's cryptography, and with it removed."""
    context = browser.new_context(viewport={"width": 360, "height": 640})
    if request.param == "fallback":
        context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    yield context
    context.close()


def look(reader: BrowserContext, address: str) -> Page:
    page = reader.new_page()
    page.goto(address)
    return page


def verdict(page: Page, state: str, kind: str = "") -> str:
    """Wait for the one verdict; the page's text."""
    found = page.locator("[data-verdict]")
    found.wait_for(timeout=15_000)
    text = page.locator("main").inner_text()
    assert (found.get_attribute("data-verdict"), found.get_attribute("data-kind")) == (state, kind), text
    words = {"verified": "已核验", "refused": "未通过核验", "incomplete": "无法完成核验"}
    heading = page.locator("[data-verdict] h2").inner_text()
    assert [name for name, word in words.items() if word in heading] == [state]
    assert "能证明" in text
    assert "不能证明：录入时属实、实物未被调换" in text
    return text


def memory(reader: BrowserContext, site: Site) -> dict[str, str]:
    """What the device remembers: size to signed checkpoint."""
    page = look(reader, f"{site.url}/log/verifier/")
    text = page.evaluate("localStorage.getItem('log:shop.example/log')")
    page.close()
    return json.loads(text or "{}")


# --- an honest log


def test_an_honest_proof_is_verified_and_each_check_is_told(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(300)
    page = look(reader, offer(site, log, 7, proof_of(log, 7, opened=True).encode()))
    text = verdict(page, "verified")
    for part in (
        "第 7 条，共 300 条",
        "演示见证者，与本站同一运营者",
        "第一次见到这本账",
        "2 项，与账本里的承诺一致",
        str(log.events[7]),
    ):
        assert part in text
    assert text.count("演示见证者") == 2, "each witness is named with who runs it"
    assert "演示数据" in page.locator("main").inner_text(), "a demo says so on every page"
    assert list(memory(reader, site)) == ["300"]
    page.get_by_role("button", name="English").click()
    assert "Verified" in page.locator("[data-verdict]").inner_text()
    assert "Does not prove" in page.locator("main").inner_text()
    assert page.context.cookies() == []


def test_a_log_that_grew_is_compared_with_what_was_seen(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(300)
    verdict(look(reader, offer(site, log, 7)), "verified")
    assert "与上次所见相同" in verdict(look(reader, offer(site, log, 299)), "verified")
    assert not any("/tile/" in path for path in site.asked)
    log.grow(450)
    assert "只在上次所见之后增加" in verdict(look(reader, offer(site, log, 7)), "verified")
    assert any("/tile/0/" in path for path in site.asked)
    assert set(memory(reader, site)) == {"300", "750"}


def test_a_saved_file_is_verified_with_the_network_cut(reader: BrowserContext, site: Site, log: RunningLog, tmp_path: Path) -> None:
    log.grow(30)
    saved = tmp_path / "saved.tlog-proof"
    saved.write_bytes(proof_of(log, 3).encode())
    page = look(reader, f"{site.url}/log/verifier/?lang=zh")
    page.evaluate("import('./fallback.js')")  # kept by the browser like the rest of the page
    reader.set_offline(True)
    page.locator("input[type=file]").set_input_files(saved)
    text = verdict(page, "verified")
    assert "请看下面的内容是不是您要查的" in text
    assert str(log.events[3]) in text
    page.get_by_role("button", name="再查一条").click()
    log.grow(5)
    saved.write_bytes(proof_of(log, 3).encode())
    page.locator("input[type=file]").set_input_files(saved)
    assert "没能比对" in verdict(page, "incomplete"), "another size than was seen, and no tiles to compare with"
    reader.set_offline(False)
    page.get_by_role("button", name="重试").click()
    expect(page.locator("[data-verdict=verified]")).to_be_visible()


def test_an_older_saved_file_still_holds(reader: BrowserContext, site: Site, log: RunningLog, tmp_path: Path) -> None:
    """A file saved long ago is no rollback: it is compared with the newer state that was seen."""
    log.grow(20)
    saved = tmp_path / "old.tlog-proof"
    saved.write_bytes(proof_of(log, 3).encode())
    log.grow(20)
    verdict(look(reader, offer(site, log, 30)), "verified")
    page = look(reader, f"{site.url}/log/verifier/?lang=zh")
    page.locator("input[type=file]").set_input_files(saved)
    assert "只在上次所见之后增加" in verdict(page, "verified")


def test_a_file_can_be_dropped(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(2)
    page = look(reader, f"{site.url}/log/verifier/?lang=zh")
    page.evaluate(
        """(text) => { const data = new DataTransfer(); data.items.add(new File([text], "a.tlog-proof"));
        document.querySelector("main").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true })); }""",
        proof_of(log, 1).encode().decode(),
    )
    verdict(page, "verified")


def test_the_one_file_page_works_from_a_disk(browser: Browser, site: Site, log: RunningLog, tmp_path: Path) -> None:
    log.grow(9)
    (tmp_path / "verifier.html").write_bytes(build_verifier(log.published_policy.decode())["offline.html"])
    saved = tmp_path / "saved.tlog-proof"
    for crypto in ("webcrypto", "fallback"):
        context = browser.new_context(offline=True)
        if crypto == "fallback":
            context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
        errors: list[str] = []
        context.on("console", lambda message, errors=errors: errors.append(message.text) if message.type == "error" else None)
        saved.write_bytes(proof_of(log, 4).encode())
        page = look(context, f"{(tmp_path / 'verifier.html').as_uri()}?lang=zh")
        page.locator("input[type=file]").set_input_files(saved)
        text = verdict(page, "verified")
        assert ("由本页自带的程序完成" in text) == (crypto == "fallback")
        saved.write_bytes(proof_of(log, 4).encode().replace(b"index 4", b"index 5"))
        page.reload()
        page.locator("input[type=file]").set_input_files(saved)
        verdict(page, "refused", "inclusion")
        assert errors == []
        context.close()


def test_without_javascript_the_page_gives_the_three_lines(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    text = look(context, f"{site.url}/log/verifier/").locator("main").inner_text()
    assert f"curl -o policy {URL}/policy" in text
    assert "./shanhai ledger verify entry.tlog-proof --policy policy" in text
    assert "needs JavaScript" in text
    context.close()


def test_on_plain_http_the_page_brings_its_own_cryptography(browser: Browser, site: Site, log: RunningLog) -> None:
    """A name that is not this machine's is no secure context, as on a shop's LAN: no WebCrypto there."""
    log.grow(3)
    offer(site, log, 1)
    port = site.url.rsplit(":", 1)[1]
    lan = browser.browser_type.launch(
        executable_path="/usr/bin/chromium", args=["--no-sandbox", "--host-resolver-rules=MAP lan.example 127.0.0.1"]
    )
    page = lan.new_page()
    page.goto(f"http://lan.example:{port}/log/verifier/?proof=/log/proof/{log.events[1]}&lang=zh")
    text = verdict(page, "verified")
    assert page.evaluate("isSecureContext") is False
    assert "由本页自带的程序完成" in text
    lan.close()


# --- a hostile one


def test_another_leaf_is_refused(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    good, other = proof_of(log, 3), proof_of(log, 4)
    forged = ProofFile(other.index, other.hashes, other.checkpoint, good.extra)
    assert "不在签名的账本里" in verdict(look(reader, offer(site, log, 3, forged.encode())), "refused", "inclusion")
    assert memory(reader, site) == {}, "nothing that failed is remembered"


def test_another_box_s_proof_is_refused(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    text = verdict(look(reader, offer(site, log, 3, proof_of(log, 4).encode())), "refused", "event")
    assert "不是您要查的那一条" in text
    assert str(log.events[4]) not in text


def test_an_older_checkpoint_than_was_seen_is_refused(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    old = proof_of(log, 3).encode()
    log.grow(3)
    verdict(look(reader, offer(site, log, 3)), "verified")
    page = look(reader, offer(site, log, 3, old))
    text = verdict(page, "refused", "older")
    assert "账本倒退了" in text
    evidence = page.locator("[data-evidence] pre").inner_text()
    assert "\n12\n" in evidence
    assert "\n9\n" in evidence
    with page.expect_download() as saved:
        page.get_by_role("link", name="保存两份快照").click()
    assert Path(saved.value.path()).read_text().count("shop.example/log\n") == 2


def test_a_missing_cosignature_is_refused(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    lines = proof_of(log, 3).encode().splitlines(keepends=True)
    without = b"".join(line for line in lines if b"w2.example" not in line)
    assert "见证者的签名不够" in verdict(look(reader, offer(site, log, 3, without)), "refused", "quorum")


def test_a_forked_log_is_refused_with_the_evidence(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    verdict(look(reader, offer(site, log, 3)), "verified")
    for size in (9, 14):  # another history of the same size, and one that goes on
        proof, tiles = fork(log, size)
        site.tiles = tiles
        page = look(reader, offer(site, log, 3, proof))
        assert "账本分叉了" in verdict(page, "refused", "consistency")
        evidence = page.locator("[data-evidence] pre").inner_text()
        assert evidence.count("shop.example/log\n") == 2
    assert list(memory(reader, site)) == ["9"]


def fork(log: RunningLog, size: int) -> tuple[bytes, Callable[[str], bytes | None]]:
    """What an operator who holds the key and both witnesses can show: entry 3 as it is, all others invented."""
    honest = proof_of(log, 3)
    assert honest.extra is not None
    entry = decode_extra(honest.extra)[0]
    leaves = [hash_leaf(entry if number == 3 else f"invented {number}".encode()) for number in range(size)]
    edge, _ = Edge().extend(leaves)
    checkpoint = Checkpoint("shop.example/log", size, edge.root())
    note = checkpoint.sign(log.key) + b"".join(witness.key.sign(checkpoint.text, 1_800_000_000) for witness in log.witnesses)

    def tiles(path: str) -> bytes | None:
        tile = parse_tile(path.removeprefix("tile/"))
        return edge.levels[tile.level][: tile.width * 32]

    hashes = build_inclusion(3, size, node_reader(size, lambda wanted: {tile: tiles(tile.path) or b"" for tile in wanted}))
    return ProofFile(3, hashes, note, honest.extra).encode(), tiles


def test_withheld_tiles_are_no_verdict(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    """Gone, a web page instead, or the network cut: the comparison was not made, so nothing is called verified."""
    log.grow(9)
    verdict(look(reader, offer(site, log, 3)), "verified")
    log.grow(9)
    answers: list[Callable[[str], bytes | None]] = [lambda path: None, lambda path: b"<!doctype html><p>Sign in to the Wi-Fi</p>"]
    for tiles in answers:
        site.tiles = tiles
        assert "没能比对" in verdict(look(reader, offer(site, log, 3)), "incomplete")
    assert list(memory(reader, site)) == ["9"]


def test_another_log_s_policy_is_refused(reader: BrowserContext, site: Site, log: RunningLog, tmp_path: Path) -> None:
    """The pinned policy counts, whatever the site serves at /log/policy."""
    log.grow(9)
    (tmp_path / "other").mkdir()
    with running_log(tmp_path / "other") as other:
        address = offer(site, log, 3)
        pin(site, other.published_policy.decode())
        site.put("/log/policy", log.published_policy)
        assert "账本的签名不成立" in verdict(look(reader, address), "refused", "signature")
    broken = build_verifier(log.published_policy.decode())["verify.js"].replace(b"quorum both", b"quorum nobody")
    site.put("/log/verifier/verify.js", broken, kind=FILES["verify.js"])
    verdict(look(reader, address), "refused", "policy")


def test_what_is_no_proof_is_refused_with_its_reason(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    good = proof_of(log, 3).encode()
    html = b"<!doctype html><title>Error</title><p>Something went wrong</p>"
    bad = {"cut in the head": good[:60], "cut in a hash": good[: good.index(b"\n\n") - 9], "a page": html, "empty": b""}
    for what, data in bad.items():
        assert "不是一份完整的证明文件" in verdict(look(reader, offer(site, log, 3, data)), "refused", "proof"), what
    verdict(look(reader, offer(site, log, 3, good[:-1])), "refused", "checkpoint")
    verdict(look(reader, offer(site, log, 3, good[: good.rindex(b"\n", 0, -1)])), "refused", "checkpoint")
    assert memory(reader, site) == {}


def test_what_cannot_be_fetched_is_no_verdict(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    log.grow(9)
    address = offer(site, log, 3)
    path = f"/log/proof/{log.events[3]}"
    for status, kind in ((404, "absent"), (500, "absent"), (202, "waiting")):
        site.put(path, b"<!doctype html>", status=status)
        verdict(look(reader, address), "incomplete", kind)
    site.files[path] = lambda: None
    assert "网络断开" in verdict(look(reader, address), "incomplete", "offline")
    page = look(reader, f"{site.url}/log/verifier/?lang=zh")
    page.evaluate("localStorage.setItem('log:shop.example/log', 'not what was put there')")
    offer(site, log, 3)
    verdict(look(reader, address), "incomplete")


def test_a_fallback_that_cannot_be_loaded_is_no_verdict(browser: Browser, site: Site, log: RunningLog) -> None:
    log.grow(3)
    address = offer(site, log, 1)
    site.put("/log/verifier/fallback.js", b"", status=503)
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    verdict(look(context, address), "incomplete", "error")
    context.close()


def test_a_policy_that_was_not_pinned_is_no_verdict(browser: Browser, site: Site, log: RunningLog) -> None:
    log.grow(3)
    address = offer(site, log, 1)
    source = (Path(verifier.__file__).parent / "static" / "verify.js").read_bytes()
    site.put("/log/verifier/verify.js", source, kind=FILES["verify.js"])
    context = browser.new_context()
    verdict(look(context, address), "incomplete", "noPolicy")
    context.close()


def test_every_flipped_byte_of_a_proof_is_no_verified(reader: BrowserContext, site: Site, log: RunningLog) -> None:
    """A sample over the whole file, judged by the page's own module."""
    log.grow(9)
    proof = proof_of(log, 3, opened=True).encode()
    page = look(reader, f"{site.url}/log/verifier/")
    judge = """async ([texts, event]) => {
      const { verify } = await import("./verify.js"), states = [];
      for (const text of texts) {
        const proof = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
        states.push((await verify({ proof, event, store: { getItem: () => null, setItem: () => {} }, readTile: async () => { throw new Error(); } })).state);
      }
      return states;
    }"""
    flipped = [proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :] for at in range(0, len(proof), 23)]
    states = page.evaluate(judge, [[encode_base64(data) for data in [proof, *flipped]], str(log.events[3])])
    assert states[0] == "verified"
    assert set(states[1:]) == {"refused"}
