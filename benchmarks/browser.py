"""The browser's check of a proof in Chromium: with WebCrypto, and with the fallback where that is missing."""

from __future__ import annotations

import base64
import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.figures import NotRun, Result, WrongAnswer, percentile
from benchmarks.tree import Tree
from traceability.ledger import verify

CHROMIUM = Path("/usr/bin/chromium")
HISTORY = 12  # events of a box
_STATIC = Path(verify.__file__).parent / "static"
_NO_CRYPTO = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })"
_MEASURE = """async ([proofs, policy, together, rounds]) => {
  const module = await import("/verify.js");
  const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const rules = bytes(policy), files = proofs.map(bytes), times = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    for (let i = 0; i < together; i++) await module.verifyProof(files[(round * together + i) % files.length], rules, null);
    times.push(performance.now() - begun);
  }
  return [(await module.chooseCrypto()).name, times];
}"""


def measure_browser(tree: Tree, rounds: int) -> dict[str, Result]:
    """Milliseconds to check one proof, and the twelve of a box's history; the module is loaded, nothing is cached between proofs."""
    proofs = [proof.encode() for proof in tree.proofs(100)]
    encoded = [base64.b64encode(proof).decode() for proof in proofs]
    policy = base64.b64encode(tree.policy).decode()
    python = []
    for proof in proofs:
        begun = time.perf_counter()
        verify.verify_proof(proof, tree.policy)
        python.append((time.perf_counter() - begun) * 1000)
    with _pages() as open_page:
        page = open_page(False)
        one = _times(page, "webcrypto", [encoded, policy, 1, rounds])
        twelve = _times(page, "webcrypto", [encoded, policy, HISTORY, max(rounds // HISTORY, 20)])
        fallback = _times(open_page(True), "fallback", [encoded, policy, 1, max(rounds // 10, 20)])
    beside = {
        "first (ms)": round(one[0], 1),
        "p50 (ms)": _p(one, 50),
        "p99 (ms)": _p(one, 99),
        "in Python p50 (ms)": _p(python, 50),
    }
    history = {"first (ms)": round(twelve[0], 1), "p50 (ms)": _p(twelve, 50), "p99 (ms)": _p(twelve, 99)}
    plain = {"first (ms)": round(fallback[0], 1), "p50 (ms)": _p(fallback, 50), "p99 (ms)": _p(fallback, 99)}
    return {
        "g6-one-p50": Result(_p(one, 50), tree.size, beside),
        "g6-one-p99": Result(_p(one, 99), tree.size, beside),
        "g6-twelve-p50": Result(_p(twelve, 50), tree.size, history),
        "g6-fallback": Result(_p(fallback, 50), tree.size, plain),
    }


def _p(times: list[float], percent: float) -> float:
    return round(percentile(times, percent), 2)


def _times(page: Any, crypto: str, task: list[Any]) -> list[float]:
    used, times = page.evaluate(_MEASURE, task)
    if used != crypto:
        raise WrongAnswer(f"the page used {used} where {crypto} was to be measured")
    return [float(value) for value in times]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _pages() -> Iterator[Any]:
    """Opens a fresh page beside the verifier's files, if wanted without WebCrypto. Raises NotRun."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotRun("Playwright is not installed: it comes with ./shanhai test") from None
    if not CHROMIUM.exists():
        raise NotRun("there is no Chromium: apt-get install chromium")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(_STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--no-first-run", "--disable-gpu"]
            )

            def open_page(without_crypto: bool) -> Any:
                context = browser.new_context()
                if without_crypto:
                    context.add_init_script(_NO_CRYPTO)
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{server.server_port}/verify.js")
                return page

            yield open_page
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
