"""What an installation is, fixed at its first start: its public address, the name of its log, and whether it is a real shop or a demo.

Imports little: the programs of a run wait for this.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.areas.loading import digest_reference, load_reference
from kernel import clock, installation
from kernel.db import work
from kernel.errors import Conflict
from shop.cli.ledger import origin_of
from shop.config import Config
from traceability.ledger.sequencer import ensure_log

PUBLIC_URL, CONTENTS = "public_url", "contents"
DEMO, EMPTY = "demo", "empty"
SEARCH = "search-words-2"
"""What products are found by, as this version writes it; another name whenever ``describing.write_search`` writes other words."""


def fix_installation(config: Config, *, explicit_url: str | None = None, explicit_demo: bool = False) -> bool:
    """Fix what this installation is, load reference data, and answer whether it is a demo. The database must be connected.

    Raises Conflict, with nothing written, when an explicit address differs from the fixed one, when the demo would go into a shop in use
    or, asked for explicitly, into one that began empty, or when a real shop is asked for where the demo lies.
    """
    at = clock.now()
    with work() as session:
        fixed = installation.fix(session, PUBLIC_URL, config.public_url, at=at)
        if explicit_url and explicit_url.rstrip("/") != fixed:
            raise Conflict("PUBLIC_URL was fixed at first start to %(url)s and cannot change.", params={"url": fixed})
        ensure_log(session, origin_of(replace(config, public_url=fixed)))  # both or neither, whenever the first start is killed
        demo = _fix_contents(session, config, at)
        if explicit_demo and not demo:
            raise Conflict("This database is in use, so the demo was not loaded into it.")
        if config.local:
            installation.forget_beats(session)  # whoever is ready now shows it anew
        reference = f"reference-{digest_reference()}"
        if installation.find_fact(session, reference) is None:
            load_reference(session, at)
            installation.fix(session, reference, "loaded", at=at)
        if installation.find_fact(session, SEARCH) is None:
            from catalog.products.describing import write_all_searches  # once in a version's life

            write_all_searches(session)
            installation.fix(session, SEARCH, "written", at=at)
    return demo


def _fix_contents(session: Session, config: Config, at: datetime) -> bool:
    kept = installation.find_fact(session, CONTENTS)
    if kept is None:
        if config.demo and session.scalar(text("SELECT EXISTS (SELECT 1 FROM parties_organization)")):
            raise Conflict("This database is in use, so the demo was not loaded into it.")
        kept = installation.fix(session, CONTENTS, DEMO if config.demo else EMPTY, at=at)
    if kept == DEMO and not config.demo:
        raise Conflict("The demo lies in this database, so no real shop can start on it: give an empty one.")
    return kept == DEMO
