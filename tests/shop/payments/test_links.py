"""Pay links open one payment and no other."""

from __future__ import annotations

import pytest

from kernel.errors import NotFound
from shop.payments import links

KEY = "a" * 40


def test_a_link_opens_its_own_payment() -> None:
    links.check(KEY, "PAY-1", links.sign(KEY, "PAY-1"))
    assert links.pay_path(KEY, "PAY-1") == f"/pay/PAY-1?t={links.sign(KEY, 'PAY-1')}"
    assert links.return_path(KEY, "PAY-1").startswith("/pay/PAY-1/return?t=")


@pytest.mark.parametrize(
    "token", ["", "x", "é", links.sign(KEY, "PAY-2"), links.sign("b" * 40, "PAY-1"), links.sign(KEY, "PAY-1") + "="]
)
def test_other_tokens_do_not(token: str) -> None:
    with pytest.raises(NotFound):
        links.check(KEY, "PAY-1", token)


def test_without_the_check_any_token_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links.hmac, "compare_digest", lambda *_: True)
    links.check(KEY, "PAY-1", "forged")
