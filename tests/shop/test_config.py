"""Settings are whole, or one sentence names what is wrong."""

from __future__ import annotations

import pytest

from shop.config import SETTINGS, Config, ConfigProblem

WHOLE = dict.fromkeys(SETTINGS, "x" * 32) | {"PORT": "8443", "PUBLIC_URL": "https://shop.example.cn/"}


def test_whole_settings_are_taken() -> None:
    config = Config.from_env(WHOLE)
    assert (config.port, config.public_url, config.secure, config.demo) == (8443, "https://shop.example.cn", True, False)
    assert "x" * 32 not in repr(config)


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigProblem) as problem:
        Config.from_env({})
    assert all(name in str(problem.value) for name in SETTINGS if name not in ("PORT", "SMS_URL"))


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("PORT", "0"), ("PORT", "65536"), ("PORT", "0000080000"), ("SECRET_KEY", "short")]
)
def test_what_cannot_work_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigProblem, match=name):
        Config.from_env(WHOLE | {name: value})
