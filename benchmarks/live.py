"""From commit to published, with the real sequencer and publisher as processes of their own, at their own pace."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Result, WrongAnswer, percentile
from benchmarks.house import EMPTY, House
from kernel.db import work
from kernel.ids import uuid7
from shop.cli.ledger import connect_log
from traceability.ledger import publisher, sequencer
from traceability.ledger.appending import append_entry
from traceability.ledger.queries import find_published

DATABASE = "live"
GOAL = sequencer.INTERVAL + publisher.INTERVAL + 1.0
_PAUSE = 0.02  # seconds between commits
_PATIENCE = 30.0
AT = datetime(2026, 11, 22, tzinfo=UTC)


def measure_published(house: House, seconds: float) -> Result:
    """p99 of the seconds from an entry's commit to the moment a reader finds a checkpoint that covers it."""
    folder = house.folder / DATABASE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    house.postgres.drop_database(DATABASE)
    house.postgres.create_database(DATABASE, template=EMPTY)
    config = replace(house.config(DATABASE), data_dir=str(folder), log_key_file=str(folder / "log.key"))
    engine = connect_log(config, pool_size=2)
    programs = [house.start(part, config) for part in ("sequencer", "publisher")]
    watch = _Watch(config.log_dir)
    try:
        watch.wait_for(0)
        committed = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with work() as session:
                append_entry(session, event_id=uuid7(), kind="bench", at=AT, public={"county": "640323"})
            committed.append(time.monotonic())  # one writer: the order of commits is the order of indexes
            time.sleep(_PAUSE)
        watch.wait_for(len(committed))
        delays = [watch.seen_at(index) - at for index, at in enumerate(committed)]
    finally:
        watch.stop()
        for program in programs:
            program.stop()
        engine.dispose()
    yardstick = {
        "batch age (s)": sequencer.INTERVAL,
        "checkpoint interval (s)": publisher.INTERVAL,
        "p50 (s)": round(percentile(delays, 50), 2),
        "checkpoints": round(len(watch.found) / seconds, 2),
    }
    return Result(round(percentile(delays, 99), 3), len(committed), yardstick)


class _Watch:
    """Reads the published checkpoint again and again, and remembers when it first saw each size."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.found = folder, list[tuple[int, float]]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def wait_for(self, size: int) -> None:
        """Raises WrongAnswer if it takes too long."""
        end = time.monotonic() + _PATIENCE
        while not self.found or self.found[-1][0] < size:
            if time.monotonic() > end:
                raise WrongAnswer(f"no checkpoint of {size} entries came within {_PATIENCE:.0f} s")
            time.sleep(0.01)

    def seen_at(self, index: int) -> float:
        """When the entry of this index was first covered."""
        return next(at for size, at in self.found if size > index)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.005):
            found = find_published(self.folder)
            if found is not None and (not self.found or found[0].size > self.found[-1][0]):
                self.found.append((found[0].size, time.monotonic()))
