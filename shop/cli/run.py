"""``./shanhai run``: everything on this machine, with visible progress, until Ctrl-C.

The order: check the machine → database and broker → migrate → fix the installation's name → demo data once → all programs → ready.
Every step is safe to repeat, so a run that was killed at any moment is mended by the next one.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from kernel.local import Postgres, Supervisor, Valkey, check_machine, free_port, web_answers
from shop.cli.migrate import migrate
from shop.cli.serve import child_environment, command_of
from shop.cli.settling import check_given, is_served, local_config, served_config
from shop.config import Config, ConfigProblem

FOLDER = Path(os.environ.get("SHANHAI_RUN_DIR") or Path(__file__).parents[2] / "var" / "run")
DATABASE = "shanhai"
WITNESSES = ("witness-east", "witness-west")


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("run", help="start everything on this machine")
    parser.add_argument("--lan", action="store_true", help="let phones on this network in, and print a QR code")
    parser.add_argument("--empty", action="store_true", help="start without demo data")
    parser.add_argument("--demo", action="store_true", help="load demo data into a given, empty database")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Start everything and keep it running."""
    started = time.monotonic()
    port = check_given(os.environ)
    served = is_served(os.environ) and not arguments.demo
    given = served_config(os.environ) if served else None
    host = "0.0.0.0" if arguments.lan else "127.0.0.1"  # noqa: S104 - asked for by --lan
    check_machine(FOLDER, port)
    with Supervisor(FOLDER, say=say) as supervisor:
        config = given or _start_local_parts(supervisor, arguments, port)
        run_file = FOLDER / "run.json"
        config.save(run_file)
        _prepare(config, arguments)
        _start_programs(supervisor, config, str(run_file), host)
        supervisor.wait_ready(90)
        _print_table(config)
        if arguments.lan:
            _print_qr(config.public_url)
        say(f"Started in {time.monotonic() - started:.0f} s")
        say(f"Shanhai is ready: {config.public_url}")
        try:
            supervisor.run()
        finally:
            run_file.unlink(missing_ok=True)
    return 0


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _start_local_parts(supervisor: Supervisor, arguments: argparse.Namespace, port: int) -> Config:
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
    host = _lan_address() if arguments.lan else "127.0.0.1"
    return local_config(env, FOLDER, database_url=database_url, broker=broker, host=host, demo=not arguments.empty, ports=ports)


def _prepare(config: Config, arguments: argparse.Namespace) -> None:
    """Migrate, fix what is fixed at first start, load reference data and the demo once."""
    say("Bringing the database up to date")
    migrate(config.database_url)
    from shop import wiring
    from shop.demo.loader import prepare_installation

    engine = wiring.connect(config, pool_size=2)
    prepare_installation(config, say=say, explicit_url=os.environ.get("PUBLIC_URL"), demo=config.demo, into_given=arguments.demo)
    engine.dispose()


def _start_programs(supervisor: Supervisor, config: Config, run_file: str, host: str) -> None:
    env = child_environment(run_file)
    if config.local:
        _start_demo_programs(supervisor, config, env)
    for part in ("sequencer", "publisher"):
        supervisor.add(part, command_of(part, config), env=env)
    supervisor.add("worker", command_of("worker", config), env=env)
    supervisor.add("beat", command_of("beat", config), env=env)
    ready = web_answers(f"http://127.0.0.1:{config.port}/readyz")
    supervisor.add("web", command_of("web", config, host=host), env=env, ready=ready)


def _start_demo_programs(supervisor: Supervisor, config: Config, env: dict[str, str]) -> None:
    """The neighbours a demo needs: payment server, carrier, witnesses; each its own process."""
    own = f"http://127.0.0.1:{config.port}"
    python = [sys.executable, "-m"]
    if config.stripe_api_base:
        port = config.stripe_api_base.rsplit(":", 1)[1]
        twin = [
            *python, "shop.payments.twin", "--port", port, "--state", str(FOLDER / "payments.sqlite"),
            "--webhook-url", f"{own}/webhooks/stripe",
        ]  # fmt: skip
        secrets_env = {"STRIPE_SECRET_KEY": config.stripe_secret_key, "STRIPE_WEBHOOK_SECRET": config.stripe_webhook_secret}
        supervisor.add("payments", twin, env=env | secrets_env, ready=web_answers(f"{config.stripe_api_base}/healthz"))
    for name, url in zip(WITNESSES, config.witness_urls, strict=False):
        folder = FOLDER / name
        supervisor.add(
            name, [*python, "shop.cli", "witness", "serve", "--port", url.rsplit(":", 1)[1], "--folder", str(folder)], env=env
        )
    carrier = [
        *python, "logistics.shipments.carriers.fake", "--port", config.carrier_url.rsplit(":", 1)[1],
        "--push-url", f"{own}/webhooks/carriers/fake", "--pace", "1", "--state", str(FOLDER / "carrier.json"),
    ]  # fmt: skip
    supervisor.add("carrier", carrier, env=env | {"FAKE_CARRIER_SALT": config.carrier_salt})


def _lan_address() -> str:
    """This machine's address on the local network: the one it would use to reach another machine (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise ConfigProblem("No network was found, so phones cannot reach this machine; start without --lan.") from error
        return str(probe.getsockname()[0])


def _print_qr(url: str) -> None:
    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(url)
    code.print_ascii(invert=True)


def _print_table(config: Config) -> None:
    from shop import wiring
    from shop.demo.keys import list_doors

    engine = wiring.connect(config, pool_size=1)
    rows = list_doors(config)
    engine.dispose()
    if not rows:
        return
    width = max(len(row.what) for row in rows)
    say("")
    for row in rows:
        login = f"  {row.login} / {row.password}" if row.login else ""
        say(f"  {row.what:{width}}  {row.url}{login}")
    say("")
