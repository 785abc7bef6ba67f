"""The browser verifier in Chromium gives the verdict of its Python twin, with WebCrypto and without."""

from __future__ import annotations

import base64
import functools
import gzip
import random
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.traceability.ledger.test_verify import ENTRY, POLICY, make_proof
from tests.traceability.ledger.vectors import flip, hashes, load
from traceability.ledger import verify
from traceability.ledger.verify import ProofFile, Refused, verify_proof

STATIC = Path(verify.__file__).parent / "static"
Case = tuple[bytes, bytes, bytes | None]

_JUDGE = """async (cases) => {
  const module = await import("/verify.js");
  const bytes = (text) => text === null ? null : Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const said = [];
  for (const [proof, policy, entry] of cases) {
    try { await module.verifyProof(bytes(proof), bytes(policy), bytes(entry)); said.push(true); }
    catch (error) { said.push(error instanceof module.Refused ? false : String(error)); }
  }
  return [(await module.chooseCrypto()).name, said];
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _cases() -> list[Case]:
    """All vectors, good proofs of many shapes, and hundreds of mutated ones (the same each run)."""
    chance = random.Random(3)
    cases: list[Case] = [(case["text"].encode(), POLICY, ENTRY) for case in load("tlog-proof.json")]
    cases += [(make_proof(), case["policy"].encode(), None) for case in load("tlog-policy.json")]
    for case in load("rekor2.json"):
        proof = ProofFile(case["index"], hashes(case["proof"]), case["checkpoint"].encode()).encode()
        cases.append((proof, f"log {case['vkey']}\nquorum none\n".encode(), base64.b64decode(case["entry"])))
    cases += [(make_proof(index=index, size=size), POLICY, None) for size in range(1, 12) for index in range(size)]
    cases += [(make_proof(signers=signers), POLICY, None) for signers in (0, 1, 2)]
    proof = make_proof()
    cases += [(flip(proof, chance.randrange(len(proof) * 8)), POLICY, None) for _ in range(250)]
    cases += [(proof, flip(POLICY, chance.randrange(len(POLICY) * 8)), None) for _ in range(100)]
    return cases


def _python_says(case: Case) -> bool:
    try:
        verify_proof(*case)
    except Refused:
        return False
    return True


@pytest.mark.browser
@pytest.mark.parametrize("crypto", ["webcrypto", "fallback"])
def test_chromium_and_python_give_the_same_verdict(browser: Browser, files: str, crypto: str) -> None:
    cases = _cases()
    expected = [_python_says(case) for case in cases]
    assert expected.count(True) > 60
    assert expected.count(False) > 250
    context = browser.new_context()
    if crypto == "fallback":
        context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    page = context.new_page()
    page.goto(f"{files}/verify.js")
    encoded = [[None if part is None else base64.b64encode(part).decode() for part in case] for case in cases]
    used, said = page.evaluate(_JUDGE, encoded)
    context.close()
    assert used == crypto
    assert [(i, cases[i], said[i]) for i in range(len(cases)) if said[i] is not expected[i]] == []


def test_the_verifier_is_small() -> None:
    assert len(gzip.compress((STATIC / "verify.js").read_bytes())) <= 15 * 1024
