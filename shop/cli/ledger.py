"""`ledger` and `witness`: the programs of the log, its audit, and the stranger's check."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from kernel.db import reading
from shop import wiring
from shop.config import Config, ConfigProblem
from traceability.ledger import auditor, monitor
from traceability.ledger.canonical import NotCanonical
from traceability.ledger.keeper import KeyUnusable, ensure_key
from traceability.ledger.note import COSIGNATURE, ED25519, BadNote
from traceability.ledger.publisher import LogBehind, run_publisher
from traceability.ledger.queries import find_progress
from traceability.ledger.sequencer import LogBroken, run_sequencer
from traceability.ledger.tiles import BadTile
from traceability.ledger.verify import Refused, parse_policy, verify_proof
from traceability.ledger.witness import run_witness

POLICY_NAME = "witnesses.policy"
DEMO_ABOUT = "演示见证者，与本站同一运营者"


class Failed(Exception):
    """The command ends with this sentence and a non-zero exit code."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ledger …` and `witness …` to the command line; each parser's `run` takes the parsed arguments and returns an exit code."""
    ledger = subparsers.add_parser("ledger", help="the public log: check it, and the programs that run it")
    acts = ledger.add_subparsers(required=True, metavar="ACT")

    verify = acts.add_parser("verify", help="check a .tlog-proof file; needs no running shop")
    verify.add_argument("proof", type=Path)
    verify.add_argument(
        "--policy", type=Path, required=True, help="a tlog-policy file you trust, e.g. an earlier copy of /log/policy"
    )
    verify.add_argument("--entry", type=Path, help="the entry's bytes, if the proof file does not carry them")
    verify.set_defaults(run=lambda args: run_verify(args.proof, args.policy, args.entry))

    audit = acts.add_parser("audit", help="go through the whole log: this installation's, or any other's with --url")
    audit.add_argument("--url", help="prefix of a published log, e.g. https://shop.example/log")
    audit.add_argument("--policy", type=Path, help="with --url: the tlog-policy to check against")
    audit.add_argument("--state", type=Path, help="with --url: remembers what was seen, so that a rewrite is noticed next time")
    audit.add_argument("--json", action="store_true", dest="as_json")
    audit.set_defaults(run=lambda args: run_audit(url=args.url, policy=args.policy, state=args.state, as_json=args.as_json))

    for name, program, what in (
        ("sequence", sequence, "give entries their indexes until stopped"),
        ("publish", publish, "sign and publish until stopped"),
    ):
        acts.add_parser(name, help=what).set_defaults(run=lambda args, program=program: _until_stopped(program))

    witness = subparsers.add_parser("witness", help="cosign a log that only grows")
    serve = witness.add_subparsers(required=True, metavar="ACT").add_parser("serve", help="run a witness until stopped")
    serve.add_argument("--folder", type=Path, required=True, help="its key and memory; must outlive the program")
    serve.add_argument("--name", required=True, help="key name: a scheme-less address of yours, e.g. witness.example.org")
    serve.add_argument(
        "--log", action="append", required=True, metavar="VKEY", help="verifier key of a log to watch (see /log/vkey)"
    )
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, required=True)
    serve.add_argument("--about", default="", help="who runs it, shown at /")
    serve.set_defaults(run=_serve_witness)


def origin_of(config: Config) -> str:
    """The name the log gets if it begins now: the public address without its scheme (tlog-tiles)."""
    parts = urlsplit(config.public_url)
    return f"{parts.netloc}{parts.path.rstrip('/')}/log"


def log_url(config: Config) -> str:
    """Where strangers read the log."""
    return f"{config.public_url}/log"


def policy_file(config: Config) -> Path:
    """Who cosigns this log: a tlog-policy without log lines, edited by the operator; the demo writes its own."""
    return Path(config.data_dir) / POLICY_NAME


def log_vkey(config: Config) -> str:
    """The log's verifier key, made if need be; the database's origin, once fixed, is the one that counts."""
    with reading() as session:
        progress = find_progress(session)
    return str(ensure_key(Path(config.log_key_file), progress.origin if progress else origin_of(config), ED25519).verifier)


def prepare_demo_witnesses(config: Config) -> list[tuple[str, Path, int]]:
    """Keys and policy for a witness at each of `config.witness_urls`; returns name, folder and port of each to be served.

    They are run by the same people as the shop, so they prove little, and say so.
    """
    found, lines, names = [], [f"# {DEMO_ABOUT}"], []
    for number, url in enumerate(config.witness_urls, 1):
        name, folder = f"demo-witness-{number}.shanhai.example", Path(config.data_dir) / f"witness-{number}"
        key = ensure_key(folder / "witness.key", name, COSIGNATURE)
        lines.append(f"witness w{number} {key.verifier} {url}")
        names.append(f"w{number}")
        found.append((name, folder, urlsplit(url).port or 80))
    lines += [f"group all-of-them all {' '.join(names)}", "quorum all-of-them"] if names else ["quorum none"]
    policy_file(config).parent.mkdir(parents=True, exist_ok=True)
    policy_file(config).write_text("\n".join([*lines, ""]), "utf-8")
    return found


def sequence(stop: threading.Event, config: Config) -> None:
    """The sequencer of this installation."""
    wiring.connect(config, pool_size=2)
    run_sequencer(stop, origin_of(config))


def publish(stop: threading.Event, config: Config) -> None:
    """The publisher of this installation."""
    wiring.connect(config, pool_size=4)
    run_publisher(stop, config.log_dir, key_file=Path(config.log_key_file), url=log_url(config), witnesses=policy_file(config))


def run_verify(proof: Path, policy: Path, entry: Path | None = None) -> int:
    """Print what the proof shows and return 0, or the reason why it shows nothing and return 1."""
    try:
        found = verify_proof(proof.read_bytes(), policy.read_bytes(), entry.read_bytes() if entry else None)
    except (Refused, OSError) as error:
        print(f"NOT VERIFIED: {error}", file=sys.stderr)
        return 1
    print(f"Verified: entry {found.index} of {found.size} in {found.origin}")
    for name, seconds in found.witnessed.items():
        print(f"  witnessed by {name} at {_when(seconds)}")
    try:
        content = found.decode()
        print(f"  {content.kind} {content.event_id}, said to have happened at {content.at.isoformat()}")
        for field, value in sorted(content.public.items()):
            print(f"  {field}: {json.dumps(value, ensure_ascii=False)}")
    except NotCanonical:
        print(f"  an entry of {len(found.entry)} bytes")
    for field, value in sorted(found.disclosed.items()):
        print(f"  {field}: {json.dumps(value, ensure_ascii=False)} (private, disclosed to you)")
    print("能证明：记录自写入账本起未被改动 · 不能证明：录入时属实、实物未被调换")
    print("Shows that the record was not changed since it was logged; not that it was true, nor that the goods were not swapped.")
    return 0


def run_audit(*, url: str | None = None, policy: Path | None = None, state: Path | None = None, as_json: bool = False) -> int:
    """Audit this installation, or with `url` any published log; 0 only if everything holds."""
    try:
        report = _audit_remote(url, policy, state) if url else _audit_here()
    except (Refused, OSError, BadTile, NotCanonical, KeyUnusable, ConfigProblem, ValueError) as error:
        raise Failed(f"The audit could not run: {error}") from error
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        for finding in report.findings:
            print(f"BAD  {finding.what}")
        bad = "" if report.first_bad is None else f", first bad index {report.first_bad}"
        verdict = "everything holds" if report.holds else f"{len(report.findings)} findings{bad}"
        print(f"{report.checked} of {report.size} entries checked: {verdict}")
    return 0 if report.holds else 1


def _audit_here() -> monitor.Report:
    config = Config.from_env()
    wiring.connect(config, pool_size=2)
    witnesses = policy_file(config)
    lines = witnesses.read_text("utf-8") if witnesses.exists() else "quorum none\n"
    return auditor.audit(config.log_dir, f"log {log_vkey(config)} {log_url(config)}\n{lines}".encode())


def _audit_remote(url: str, policy: Path | None, state: Path | None) -> monitor.Report:
    fetch = monitor.url_fetch(url)
    if policy is None:
        print(
            "No --policy given: trusting the one the log itself serves, which shows consistency but not whose log it is.",
            file=sys.stderr,
        )
    text = policy.read_bytes() if policy else fetch("policy")
    report, memory = monitor.audit_published(fetch, parse_policy(text), monitor.Memory.load(state) if state else None)
    if state is not None and memory is not None:
        memory.save(state)
    return report


def _serve_witness(args: argparse.Namespace) -> int:
    def serve(stop: threading.Event) -> None:
        run_witness(stop, args.folder, name=args.name, logs=args.log, host=args.host, port=args.port, about=args.about)

    return _run(serve)


def _until_stopped(program: Callable[[threading.Event, Config], None]) -> int:
    config = Config.from_env()
    return _run(lambda stop: program(stop, config))


def _run(program: Callable[[threading.Event], None]) -> int:
    """Run until SIGTERM or SIGINT; a refusal becomes one clear sentence and exit code 1."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        program(stop)
    except (LogBehind, LogBroken, KeyUnusable, Refused, BadNote, OSError) as error:
        raise Failed(str(error)) from error
    return 0


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
