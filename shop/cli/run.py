"""``./shanhai run``: everything on this machine, with visible progress, until Ctrl-C.

The order: check the machine → database and broker → migrate → fix what this installation is → all programs, and meanwhile the demo data
once → ready. Every step is safe to repeat, so a run that was killed at any moment is mended by the next one.
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel.errors import Problem
from kernel.local import Postgres, Supervisor, Valkey, check_folder, check_machine, free_port, web_answers
from shop.cli.migrate import migrate
from shop.cli.serve import child_environment, command_of
from shop.cli.settling import check_given, is_served, local_config, served_config
from shop.cli.witness import DEMO_ABOUT
from shop.config import Config, ConfigProblem

FOLDER = Path(os.environ.get("SHANHAI_RUN_DIR") or Path(__file__).parents[2] / "var" / "run")
DATABASE = "shanhai"
WITNESSES = ("witness-east", "witness-west")
PATIENCE = 120.0
NEARLY_FULL = 32  # MiB left on a disk that something may have failed for: the database's log alone grows 16 at a time
EVERYWHERE = "0.0.0.0"  # noqa: S104 - asked for by --lan


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("run", help="start everything on this machine")
    parser.add_argument("--lan", action="store_true", help="let phones on this network in, and print a QR code")
    contents = parser.add_mutually_exclusive_group()
    contents.add_argument("--empty", action="store_true", help="start without demo data")
    contents.add_argument("--demo", action="store_true", help="load demo data into a given, empty database")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Start everything and keep it running."""
    started = time.monotonic()
    port = check_given(os.environ, demo=arguments.demo)
    served = is_served(os.environ) and not arguments.demo
    given = served_config(os.environ) if served else None
    address = find_lan_address() if arguments.lan else "127.0.0.1"
    check_machine(FOLDER, port, host=EVERYWHERE if arguments.lan else address)
    run_file = FOLDER / "run.json"
    with Supervisor(FOLDER, say=say) as supervisor:
        try:
            config = given or _start_local_parts(supervisor, arguments, port, address)
            _start_everything(supervisor, config, arguments, run_file)
            say(f"Started in {time.monotonic() - started:.0f} s")
            say(f"Shanhai is ready: {config.public_url}")
            supervisor.run()
            say("Stopping")
        except (ConfigProblem, Problem):
            raise
        except Exception:
            check_folder(FOLDER, needed=NEARLY_FULL)  # a disk that filled up meanwhile explains whatever else went wrong
            raise
        finally:
            run_file.unlink(missing_ok=True)
    return 0


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _start_local_parts(supervisor: Supervisor, arguments: argparse.Namespace, port: int, address: str) -> Config:
    env = os.environ
    postgres, valkey = Postgres(FOLDER), Valkey(FOLDER)
    if not env.get("DATABASE_URL"):
        supervisor.keep("PostgreSQL", postgres)
    if not env.get("BROKER_URL"):
        supervisor.keep("Valkey (broker)", valkey)
    supervisor.wait_ready(60)
    if env.get("DATABASE_URL"):
        database_url = env["DATABASE_URL"]
    else:
        if DATABASE not in postgres.databases():
            postgres.create_database(DATABASE)
        database_url = postgres.url(DATABASE)
    given = env.get("BROKER_URL", "")
    broker = (given, given, given) if given else (valkey.broker_url, valkey.result_url, valkey.limiter_url)
    ports = {"web": port} | {name: free_port() for name in ("payments", "carrier", *WITNESSES)}
    return local_config(env, FOLDER, database_url=database_url, broker=broker, host=address, demo=not arguments.empty, ports=ports)


def _start_everything(supervisor: Supervisor, config: Config, arguments: argparse.Namespace, run_file: Path) -> None:
    """From servers that answer to a shop that is ready. The programs come up while the demo is loaded: two processors, half the wait."""
    env, host = child_environment(str(run_file)), EVERYWHERE if arguments.lan else "127.0.0.1"
    if config.local:
        _start_neighbours(supervisor, config, env, host)
    say("Bringing the database up to date")
    migrate(config.database_url, only_if_empty=arguments.demo)
    from shop.cli.fixing import fix_installation
    from shop.cli.ledger import connect_log, log_vkey
    from traceability.ledger.keeper import KeyUnusable

    engine = connect_log(config, pool_size=1)
    demo = fix_installation(config, explicit_url=os.environ.get("PUBLIC_URL"), explicit_demo=arguments.demo)
    config = replace(config, demo=demo)
    config.save(run_file)
    try:
        vkey = log_vkey(config)
    except (KeyUnusable, OSError) as error:
        raise ConfigProblem(str(error)) from error
    _start_programs(supervisor, config, env, host, vkey)
    engine.dispose()

    from shop import wiring  # the rooms take a while to import: the programs, which do the same, are on their way by now
    from shop.demo.keys import list_doors
    from shop.demo.loader import load_demo

    engine = wiring.connect(config, pool_size=2)
    if config.demo:
        load_demo(config, say=say)
    supervisor.wait_ready(PATIENCE)
    print_table(list_doors(config), say)
    engine.dispose()
    if arguments.lan:
        print_qr(config.public_url, say)


def _start_programs(supervisor: Supervisor, config: Config, env: dict[str, str], host: str, vkey: str) -> None:
    """The programs of every installation, and the demo's witnesses. Web first: it takes longest."""
    python = [sys.executable, "-m"]
    ready = web_answers(f"http://127.0.0.1:{config.port}/readyz")
    supervisor.add("web", command_of("web", config, host=host), env=env, ready=ready)
    for part in ("worker", "sequencer", "publisher", "beat"):
        supervisor.add(part, command_of(part, config), env=env)
    for name, url in zip(WITNESSES, config.witness_urls, strict=False):
        port = url.rsplit(":", 1)[1]
        witness = [
            *python, "shop.cli", "witness", "serve", "--port", port, "--folder", str(FOLDER / name), "--log", vkey,
            "--about", DEMO_ABOUT,
        ]  # fmt: skip
        supervisor.add(name, witness, env=env, ready=_listens(int(port)))


def _start_neighbours(supervisor: Supervisor, config: Config, env: dict[str, str], host: str) -> None:
    """The neighbours a demo needs, each its own process that knows nothing of ours: payment server and carrier."""
    own = f"http://127.0.0.1:{config.port}"
    python = [sys.executable, "-m"]
    if config.stripe_api_base:
        port = config.stripe_api_base.rsplit(":", 1)[1]
        twin = [
            *python, "shop.payments.twin", "--port", port, "--state", str(FOLDER / "payments.sqlite"),
            "--webhook-url", f"{own}/webhooks/stripe",
        ]  # fmt: skip
        if host == EVERYWHERE:  # a phone opens the pay page too
            twin += ["--host", host, "--public-url", f"http://{find_lan_address()}:{port}"]
        secrets_env = {"STRIPE_SECRET_KEY": config.stripe_secret_key, "STRIPE_WEBHOOK_SECRET": config.stripe_webhook_secret}
        supervisor.add("payments", twin, env=env | secrets_env, ready=web_answers(f"{config.stripe_api_base}/healthz"))
    port = config.carrier_url.rsplit(":", 1)[1]
    carrier = [
        *python, "logistics.shipments.carriers.fake", "--port", port,
        "--push-url", f"{own}/webhooks/carriers/fake", "--pace", "1", "--state", str(FOLDER / "carrier.json"),
    ]  # fmt: skip
    supervisor.add("carrier", carrier, env=env | {"FAKE_CARRIER_SALT": config.carrier_salt}, ready=_listens(int(port)))


def _listens(port: int) -> Callable[[], bool]:
    """A readiness question: does somebody take connections on `port`?"""

    def ask() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True

    return ask


def find_lan_address() -> str:
    """This machine's address on the local network: the one it would use to reach another machine (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise ConfigProblem("No network was found, so phones cannot reach this machine; start without --lan.") from error
        return str(probe.getsockname()[0])


def print_qr(url: str, to: Callable[[str], None]) -> None:
    """A QR code in half-block characters; inverted, as terminals are dark. A terminal that is not is told its colours."""
    import qrcode

    code, picture = qrcode.QRCode(border=4), io.StringIO()
    code.add_data(url)
    code.print_ascii(out=picture, invert=True)
    for line in picture.getvalue().splitlines():
        to(f"\x1b[97;40m{line}\x1b[0m" if sys.stdout.isatty() else line)


def print_table(rows: list[Any], to: Callable[[str], None]) -> None:
    """Every door with its login, in columns. Chinese characters take two columns of a terminal."""
    width = max((_columns(row.what) for row in rows), default=0)
    to("")
    for row in rows:
        to(f"  {row.what}{' ' * (width - _columns(row.what))}  {row.url}  {row.opens}".rstrip())
    to("")


def _columns(text: str) -> int:
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
