"""``./shanhai ledger``: the stranger's check and the audit; also the programs of the log, as ``serve`` starts them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from kernel import db
from kernel.db import reading
from shop.cli.run import FOLDER as RUN_FOLDER
from shop.cli.witness import DEMO_ABOUT, until_stopped, witness_name
from shop.config import RUN_FILE, Config, ConfigProblem
from traceability.ledger import auditor, monitor, sealing
from traceability.ledger.canonical import JSON, Entry, NotCanonical
from traceability.ledger.keeper import KeyUnusable, ensure_key
from traceability.ledger.note import COSIGNATURE, ED25519, BadNote
from traceability.ledger.publisher import LogBehind, run_publisher
from traceability.ledger.queries import find_progress
from traceability.ledger.sequencer import LogBroken, run_sequencer
from traceability.ledger.verify import Refused, parse_policy, verify_proof
from traceability.ledger.witness import KEY_FILE

POLICY_NAME = "witnesses.policy"
REFUSALS = (LogBehind, LogBroken, KeyUnusable, Refused, BadNote)
DEMO_WITNESSES = ("witness-east", "witness-west")  # folder names; shop/cli/run.py starts one for each of Config.witness_urls


def register(commands: Any) -> None:
    """Add the parser."""
    acts = commands.add_parser("ledger", help="the public log: check a proof, check the whole log").add_subparsers(required=True)

    verify = acts.add_parser("verify", help="check a .tlog-proof file; needs no running shop")
    verify.add_argument("proof", type=Path)
    verify.add_argument(
        "--policy", type=Path, required=True, help="a tlog-policy file you trust, e.g. an earlier copy of /log/policy"
    )
    verify.add_argument("--entry", type=Path, help="the entry's bytes, if the proof file does not carry them")
    verify.set_defaults(act=lambda found: run_verify(found.proof, found.policy, found.entry))

    audit = acts.add_parser("audit", help="go through the whole log: this installation's, or any other's with --url")
    audit.add_argument("--url", help="prefix of a published log, e.g. https://shop.example/log")
    audit.add_argument("--policy", type=Path, help="with --url: the tlog-policy to check against")
    audit.add_argument("--state", type=Path, help="with --url: remembers what was seen, so that a rewrite is noticed next time")
    audit.add_argument("--json", action="store_true", dest="as_json")
    audit.set_defaults(act=lambda found: run_audit(url=found.url, policy=found.policy, state=found.state, as_json=found.as_json))


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


def write_demo_policy(config: Config) -> None:
    """Name the demo's witnesses, who are run by the same people as the shop, prove little, and say so. Their ports change with each run.

    What somebody added to the file (a witness of an outsider, another quorum) stays; only the demo's own lines are renewed.
    """
    lines = {}
    for folder_name, url in zip(DEMO_WITNESSES, config.witness_urls, strict=False):
        key = ensure_key(Path(config.data_dir) / folder_name / KEY_FILE, witness_name(folder_name), COSIGNATURE)
        lines[folder_name] = f"witness {folder_name} {key.verifier} {url}"
    rule = [f"group both all {' '.join(lines)}", "quorum both"] if lines else ["quorum none"]
    text = "\n".join([f"# {DEMO_ABOUT}", *lines.values(), *rule, ""])
    if policy_file(config).exists():
        kept = policy_file(config).read_text("utf-8")
        if all(re.search(rf"^witness {name} ", kept, re.MULTILINE) for name in lines):
            text = kept
            for name, line in lines.items():
                text = re.sub(rf"^witness {name} .*$", line, text, flags=re.MULTILINE)
    policy_file(config).parent.mkdir(parents=True, exist_ok=True)
    policy_file(config).write_text(text, "utf-8")


def connect_log(config: Config, *, pool_size: int) -> Engine:
    """Connect a program that touches the log's own tables only: it starts in a third of the time that all rooms take."""
    engine = db.connect(config.database_url, pool_size=pool_size)
    sealing.use_data_key(config.data_key)
    return engine


def run_sequencer_program(config: Config) -> int:
    """The sequencer of this installation, until it is told to stop."""
    connect_log(config, pool_size=2)
    return until_stopped(lambda stop: run_sequencer(stop, origin_of(config)), *REFUSALS)


def run_publisher_program(config: Config) -> int:
    """The publisher of this installation, until it is told to stop."""
    connect_log(config, pool_size=4)
    if config.witness_urls:
        write_demo_policy(config)
    options: dict[str, Any] = {"key_file": Path(config.log_key_file), "url": log_url(config), "witnesses": policy_file(config)}
    return until_stopped(lambda stop: run_publisher(stop, config.log_dir, **options), *REFUSALS)


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
    except (Refused, OSError, KeyUnusable, ValueError) as error:
        raise ConfigProblem(f"The audit could not run: {error}") from error
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
    from shop import wiring

    config = this_installation()
    engine = wiring.connect(config, pool_size=2)
    try:
        return audit_here(config)
    finally:
        engine.dispose()


def this_installation() -> Config:
    """The settings given, or else those of what runs from this folder. Raises ConfigProblem if there are neither."""
    if os.environ.get(RUN_FILE) or os.environ.get("DATABASE_URL"):
        return Config.from_env()
    return Config.load(RUN_FOLDER / "run.json")


def audit_here(config: Config) -> monitor.Report:
    """Audit the log of the connected installation."""
    witnesses = policy_file(config)
    lines = witnesses.read_text("utf-8") if witnesses.exists() else "quorum none\n"
    return auditor.audit(config.log_dir, f"log {log_vkey(config)} {log_url(config)}\n{lines}".encode(), chain=_events_hold)


def _events_hold(session: Session, entries: Sequence[tuple[Entry, Mapping[str, JSON]]]) -> Iterable[tuple[UUID, str]]:
    """The chain from the log to the business rows: every event must still be what was logged."""
    from traceability.events.queries import Logged, list_changed
    from traceability.events.recording import KIND as EVENT_KIND

    logged = {entry.event_id: Logged(entry.at, entry.public, opened) for entry, opened in entries if entry.kind == EVENT_KIND}
    return list_changed(session, logged).items()


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


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
