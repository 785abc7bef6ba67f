"""What is made up on a developer's machine, and when nothing is."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from shop.cli.settling import check_given, is_served, load_secrets, local_config
from shop.config import Config, ConfigProblem

PORTS = {"web": 8001, "payments": 8002, "carrier": 8003, "witness-east": 8004, "witness-west": 8005}


def settle(folder: Path, env: Mapping[str, str], *, demo: bool = True) -> Config:
    return local_config(
        env, folder, database_url="postgresql://own", broker=("b", "r", "l"), host="127.0.0.1", demo=demo, ports=PORTS
    )


@pytest.mark.parametrize(
    ("env", "serious"),
    [
        ({}, False),
        ({"PORT": "8100", "STRIPE_SECRET_KEY": "sk_test_1", "PUBLIC_URL": "http://127.0.0.1:8100"}, False),
        ({"PUBLIC_URL": "http://192.168.1.20:8000"}, False),
        ({"PUBLIC_URL": "https://shop.example.cn"}, True),
        ({"PUBLIC_URL": "http://8.8.8.8"}, True),
        ({"STRIPE_SECRET_KEY": "sk_live_1"}, True),
        ({"DATABASE_URL": "postgresql://db/shop"}, True),
    ],
)
def test_somebodys_database_money_or_address_is_serious(env: dict[str, str], serious: bool) -> None:
    assert is_served(env) is serious


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    first, second = settle(tmp_path, {}), settle(tmp_path, {})
    assert first == second
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    made = load_secrets(tmp_path)
    assert len(set(made.values())) == len(made)
    assert len(base64.b64decode(first.data_key)) == 32
    (tmp_path / "other").mkdir()
    assert not set(load_secrets(tmp_path / "other").values()) & set(made.values())


def test_what_is_given_is_used(tmp_path: Path) -> None:
    given = {
        "STRIPE_SECRET_KEY": "sk_test_mine",
        "SECRET_KEY": "my own",
        "MAIL_URL": "smtp://mail.example",
        "PUBLIC_URL": "http://10.0.0.7/",
    }
    config = settle(tmp_path, given)
    assert (config.stripe_secret_key, config.secret_key) == ("sk_test_mine", "my own")
    assert (config.mail_url, config.public_url) == ("smtp://mail.example", "http://10.0.0.7")
    assert config.stripe_api_base == "", "Stripe itself is asked"
    assert settle(tmp_path, {}).stripe_api_base == "http://127.0.0.1:8002"


def test_the_port() -> None:
    assert check_given({}) == 8000
    assert check_given({"PORT": "8100"}) == 8100
    for wrong in ("0", "65536", "-1", "http"):
        with pytest.raises(ConfigProblem, match="PORT must be a number"):
            check_given({"PORT": wrong})


def test_no_demo_where_real_money_is() -> None:
    with pytest.raises(ConfigProblem, match="live key"):
        check_given({"STRIPE_SECRET_KEY": "sk_live_1"}, demo=True)
    assert check_given({"STRIPE_SECRET_KEY": "sk_test_1"}, demo=True) == 8000
