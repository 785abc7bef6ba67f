"""Chapters 6 and 7: a stranger scans the box and checks the proof; an auditor opens the report to its orders."""

from __future__ import annotations

import re

from shop.demo.browser import Page, Unexpected
from shop.demo.story.teller import Teller, see
from traceability.ledger.verify import verify_proof


def tell(teller: Teller) -> None:
    """The scan, the proof, the audit, the report."""
    teller.chapter("6 扫码核验 Scanned and checked")
    stranger = teller.stranger()
    story = teller.wait("story page", lambda: _complete(stranger.get(teller.memory.scan_path)))
    teller.tick("扫码：县、户数、合作社、证书、步骤、温度、集配中心和目的省", see(story, "盐池", "12"))
    for hidden in ("示例快递", "海小鲜", "福州市"):
        if hidden in story.text:
            raise Unexpected(f"{story.url} shows {hidden!r} to a stranger")
    teller.tick("陌生人看不到承运商、收货人和城市", story)
    _prove(teller, story)
    _audit(teller)
    teller.chapter("7 报表 The report")
    auditor = teller.person("auditor")
    report = see(auditor.get("/reports/assistance"), "盐池县", "福建", "不计入832平台统计")
    teller.tick("按县和结对省市统计，标明不计入832平台统计", report)
    link = re.search(r'href="(/reports/assistance/credits\?[^"]*county=640323[^"]*)"', report.text)
    if link is None:
        raise Unexpected("no figure of 盐池 opens")
    opened = see(auditor.get(link[1].replace("&amp;", "&")), teller.memory.order_code)
    teller.tick("数字点开就是订单明细", opened)


def _complete(page: Page) -> Page | None:
    """The page once told facts (dispatch, temperature, shares) have arrived by their reactions."""
    return page if "农户" in page.text and "°C" in page.text and "福建" in page.text else None


def _prove(teller: Teller, story: Page) -> None:
    stranger = teller.stranger()
    match = re.search(r"/log/proof/([0-9a-f-]{36})", story.text)
    if match is None:
        raise Unexpected(f"{story.url} links to no proof")
    proof = teller.wait("witnessed proof", lambda: _published(stranger.get(match[0], accept="*/*")))
    policy = stranger.get("/log/policy", accept="*/*")
    verify_proof(proof.body, policy.body)
    teller.tick("证明文件由 ledger verify 核对通过：签名、见证、收录", proof)


def _published(page: Page) -> Page | None:
    return page if page.text.startswith("c2sp.org/tlog-proof@v1") else None


def _audit(teller: Teller) -> None:
    teller.audit()
    teller.tick("日志全量审计通过", f"{teller.config.public_url}/log/")
