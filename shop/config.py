"""Settings, read once at start into a frozen value; all that is missing is named at once.

People set environment variables (``SETTINGS`` lists them, ``README.md`` explains them). ``./shanhai run`` writes what it made up
on a developer's machine (database, broker, keys) into one file of mode 0600 and hands its path to its children in
``SHANHAI_RUN_FILE``, so secrets stand neither in ``ps`` nor in a log.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

RUN_FILE = "SHANHAI_RUN_FILE"

SETTINGS = {
    "PORT": "port the web server listens on",
    "PUBLIC_URL": "address people see, e.g. https://shop.example.cn; fixed at first start",
    "DATABASE_URL": "PostgreSQL, postgresql+psycopg://user:password@host/name",
    "BROKER_URL": "Redis or Valkey, redis://host:6379/0",
    "STRIPE_SECRET_KEY": "Stripe API key",
    "STRIPE_WEBHOOK_SECRET": "signing secret of the webhook endpoint",
    "SECRET_KEY": "signs cookies and page tokens, at least 32 random characters",
    "DATA_KEY": "encrypts personal data, 32 bytes as base64",
    "LOG_KEY_FILE": "file with the log's Ed25519 signing key",
    "MAIL_URL": "smtp://user:password@host:587?from=shop@example.cn",
    "SMS_URL": "text-message gateway, https://user:password@host/path; without it people sign in by e-mail only",
}


SECRET_LENGTH = 32


class ConfigProblem(Exception):
    """Settings are missing or contradict each other; the text says which and what to do."""


@dataclass(frozen=True)
class Config:
    """All settings of one installation."""

    port: int
    public_url: str
    database_url: str
    broker_url: str
    result_url: str
    limiter_url: str
    stripe_secret_key: str
    stripe_webhook_secret: str
    stripe_api_base: str
    secret_key: str
    data_key: str
    log_key_file: str
    mail_url: str
    sms_url: str
    data_dir: str
    demo: bool
    local: bool
    queue: str = "shanhai"
    witness_urls: tuple[str, ...] = ()
    carrier_url: str = ""
    carrier_salt: str = ""

    def __repr__(self) -> str:
        return f"Config(public_url={self.public_url!r}, demo={self.demo}, local={self.local})"

    @property
    def secure(self) -> bool:
        """True when people reach us over https."""
        return self.public_url.startswith("https:")

    @property
    def files_dir(self) -> Path:
        """Folder of uploaded and produced files."""
        return Path(self.data_dir) / "files"

    @property
    def photos_dir(self) -> Path:
        """Folder of photographs of deliveries: apart from other files, since what lies here is deleted when somebody asks."""
        return Path(self.data_dir) / "photos"

    @property
    def case_photos_dir(self) -> Path:
        """Photos buyers send with their cases; apart, so that whatever no case names can be told. The older ones lie in ``files_dir``."""
        return Path(self.data_dir) / "case-photos"

    @property
    def sheets_dir(self) -> Path:
        """Folder of uploaded tables of deliveries that wait to be mended: apart from other files, since what lies here goes in a week."""
        return Path(self.data_dir) / "sheets"

    @property
    def log_dir(self) -> Path:
        """Folder the log's tiles and checkpoint are published to."""
        return Path(self.data_dir) / "log"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """The configuration of this process. Raises ConfigProblem naming everything that is missing."""
        env = os.environ if env is None else env
        if run_file := env.get(RUN_FILE):
            return cls.load(Path(run_file))
        needed = [name for name in SETTINGS if name not in ("PORT", "SMS_URL")]
        missing = [name for name in needed if not env.get(name)]
        if missing:
            raise ConfigProblem("These settings are missing: " + "; ".join(f"{name} ({SETTINGS[name]})" for name in missing))
        port = env.get("PORT", "8000")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
            raise ConfigProblem(f"PORT is a number between 1 and 65535, not {port[:20]!r}.")
        if len(env["SECRET_KEY"]) < SECRET_LENGTH:
            raise ConfigProblem(
                f"SECRET_KEY is too short: at least {SECRET_LENGTH} random characters, e.g. openssl rand -base64 32."
            )
        return cls(
            port=int(port),
            public_url=env["PUBLIC_URL"].rstrip("/"),
            database_url=env["DATABASE_URL"],
            broker_url=env["BROKER_URL"],
            result_url=env["BROKER_URL"],
            limiter_url=env["BROKER_URL"],
            stripe_secret_key=env["STRIPE_SECRET_KEY"],
            stripe_webhook_secret=env["STRIPE_WEBHOOK_SECRET"],
            stripe_api_base="",
            secret_key=env["SECRET_KEY"],
            data_key=env["DATA_KEY"],
            log_key_file=env["LOG_KEY_FILE"],
            mail_url=env["MAIL_URL"],
            sms_url=env.get("SMS_URL", ""),
            data_dir=env.get("DATA_DIR", "var/served"),
            demo=False,
            local=False,
        )

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read a run file. Raises ConfigProblem when nothing runs there."""
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise ConfigProblem("Nothing is running here: start it with ./shanhai run in another terminal.") from error
        values["witness_urls"] = tuple(values.get("witness_urls", ()))
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def save(self, path: Path) -> None:
        """Write the run file, readable by its owner only."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(asdict(self), out, indent=1)
        draft.replace(path)


def is_public(url: str) -> bool:
    """True when ``url`` names a host other people can reach: not loopback, not a private address."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host not in ("", "localhost") and not host.endswith((".localhost", ".local"))
    return address.is_global
