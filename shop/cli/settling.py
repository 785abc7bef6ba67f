"""Decides how ``./shanhai run`` runs: on settings people gave (served), or on parts and keys of its own (local)."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from shop.config import Config, ConfigProblem, is_public


def is_served(env: Mapping[str, str]) -> bool:
    """True when somebody's real database, money or address is at stake: then nothing is made up."""
    return bool(
        env.get("DATABASE_URL") or env.get("STRIPE_SECRET_KEY", "").startswith("sk_live") or is_public(env.get("PUBLIC_URL", ""))
    )


def served_config(env: Mapping[str, str]) -> Config:
    """Settings as given. Raises ConfigProblem naming everything that is missing."""
    return Config.from_env(env)


def local_config(
    env: Mapping[str, str],
    folder: Path,
    *,
    database_url: str,
    broker: tuple[str, str, str],
    host: str,
    demo: bool,
    ports: Mapping[str, int],
) -> Config:
    """Settings of a run on this machine: what is given is used, the rest is made once and kept under ``folder`` (0600)."""
    kept = load_secrets(folder)
    port = ports["web"]
    own_payment_server = not env.get("STRIPE_SECRET_KEY")
    broker_url, result_url, limiter_url = broker
    return Config(
        port=port,
        public_url=(env.get("PUBLIC_URL") or f"http://{host}:{port}").rstrip("/"),
        database_url=database_url,
        broker_url=broker_url,
        result_url=result_url,
        limiter_url=limiter_url,
        stripe_secret_key=env.get("STRIPE_SECRET_KEY") or kept["stripe_secret_key"],
        stripe_webhook_secret=env.get("STRIPE_WEBHOOK_SECRET") or kept["stripe_webhook_secret"],
        stripe_api_base=f"http://127.0.0.1:{ports['payments']}" if own_payment_server else "",
        secret_key=env.get("SECRET_KEY") or kept["secret_key"],
        data_key=env.get("DATA_KEY") or kept["data_key"],
        log_key_file=env.get("LOG_KEY_FILE") or str(folder / "log.key"),
        mail_url=env.get("MAIL_URL") or f"file://{folder}/mail",
        sms_url=env.get("SMS_URL") or f"file://{folder}/sms",
        data_dir=str(folder),
        demo=demo,
        local=True,
        carrier_url=f"http://127.0.0.1:{ports['carrier']}",
        carrier_salt=kept["carrier_salt"],
        witness_urls=tuple(f"http://127.0.0.1:{ports[name]}" for name in ("witness-east", "witness-west")),
    )


def load_secrets(folder: Path) -> dict[str, str]:
    """Keys made at the first run, readable by their owner only."""
    path = folder / "secrets.json"
    if not path.exists():
        made = {
            "secret_key": secrets.token_urlsafe(48),
            "data_key": base64.b64encode(secrets.token_bytes(32)).decode(),
            "stripe_secret_key": f"sk_test_{secrets.token_hex(16)}",
            "stripe_webhook_secret": f"whsec_{secrets.token_hex(16)}",
            "carrier_salt": secrets.token_hex(16),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(made, out)
    found: dict[str, str] = json.loads(path.read_text())
    return found


def check_given(env: Mapping[str, str], *, demo: bool = False) -> int:
    """The port to listen on. Raises ConfigProblem when PORT is no port number, or the demo is asked for where real money is."""
    if demo and env.get("STRIPE_SECRET_KEY", "").startswith("sk_live"):
        raise ConfigProblem(
            "STRIPE_SECRET_KEY is a live key: the demo would take real money; leave out --demo, or give a test key."
        )
    text = env.get("PORT") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ConfigProblem(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)
