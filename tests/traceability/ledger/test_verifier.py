"""The verifier as it is published: the policy pinned in it, its hashes in the log, once."""

from __future__ import annotations

import base64
import gzip
import json
import re

from sqlalchemy import select

from kernel.db import reading
from tests.traceability.ledger.running import AT, ORIGIN, URL, RunningLog
from traceability.ledger.canonical import decode_entry
from traceability.ledger.models import LogEntry
from traceability.ledger.pinning import VERIFIER_KIND, digest_files
from traceability.ledger.verifier import FILES, build_verifier, install_verifier, pin
from traceability.ledger.verify import parse_policy


def entries() -> list[dict[str, object]]:
    with reading() as session:
        bodies = session.scalars(select(LogEntry.body).where(LogEntry.kind == VERIFIER_KIND)).all()
    return [dict(decode_entry(body).public) for body in bodies]


def test_the_hashes_of_all_files_are_logged_whenever_they_change(log: RunningLog) -> None:
    policy = log.published_policy.decode()
    for _ in range(3):
        install_verifier(log.directory, ORIGIN, policy, AT)
    published = {name: (log.directory / "verifier" / name).read_bytes() for name in FILES}
    assert entries() == [digest_files(published)]
    changed = policy.replace("quorum both", "quorum w1")
    for _ in range(2):
        install_verifier(log.directory, ORIGIN, changed, AT)
    assert len(entries()) == 2


def test_the_policy_is_pinned_and_a_new_address_of_a_witness_changes_nothing(log: RunningLog) -> None:
    policy = log.published_policy.decode()
    files = build_verifier(policy)
    pinned = re.search(r"^export const POLICY = (.*);$", files["verify.js"].decode(), re.MULTILINE)
    assert pinned is not None
    found, given = parse_policy(json.loads(pinned[1]).encode()), parse_policy(policy.encode())
    assert (found.logs, found.witnesses, found.groups, found.quorum) == (given.logs, given.witnesses, given.groups, given.quorum)
    assert found.about == given.about == dict.fromkeys(given.witnesses, "演示见证者，与本站同一运营者")
    assert set(found.urls.values()) == {""}
    assert build_verifier(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", policy)) == files
    assert pin(pin(policy)) == pin(policy)


def test_the_page_asks_for_nothing_of_ours_and_holds_no_inline_script(log: RunningLog) -> None:
    files = build_verifier(log.published_policy.decode())
    html = files["index.html"].decode()
    assert re.findall(r'(?:src|href)="([^"]+)"', html) == ["data:,", "page.css", "page.js"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL) == [""]
    assert " style=" not in html
    assert f"curl -o policy {URL}/policy" in html, "without JavaScript the page gives the three lines"
    assert "cookie" not in files["page.js"].decode().replace("sets no cookie", "")
    for name in ("verify.js", "fallback.js", "page.js"):
        assert len(gzip.compress(files[name])) <= 15 * 1024


def test_the_one_file_page_carries_all_and_allows_only_that(log: RunningLog) -> None:
    html = build_verifier(log.published_policy.decode())["offline.html"].decode()
    assert not re.search(r'(?:src|href)="(?!data:)', html)
    [script] = re.findall(r'<script type="module">(.*?)</script>', html, re.DOTALL)
    assert "\nexport " not in script
    assert "\nimport " not in script
    [fallback] = re.findall(r'import\("data:text/javascript;base64,([^"]+)"\)', script)
    assert b"export function ed25519" in base64.b64decode(fallback)
