"""The monitor: checks a published log from outside, with nothing but its files and a policy, and remembers what it saw.

It hashes every entry anew. Starting from the right edge it kept last time, only new entries are fetched; that their root is the one
signed proves that the log was only added to. Memory stays flat: one bundle and the edge.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from traceability.ledger.canonical import NotCanonical, decode_base64, decode_decimal, decode_entry, encode_base64
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.note import Checkpoint, parse_checkpoint, parse_note
from traceability.ledger.queries import CHECKPOINT_FILE, WITNESSED_FILE
from traceability.ledger.tiles import (
    ENTRIES,
    WIDTH,
    BadTile,
    Edge,
    Tile,
    cut_tile,
    decode_bundle,
    split_hashes,
    tile_at,
)
from traceability.ledger.verify import Policy, Refused

MAX_FINDINGS = 100
_MAX_FILE = WIDTH * (2 + 65_535)
_TIMEOUT = 30.0

Fetch = Callable[[str], bytes]  # a path below the log's prefix to its bytes; raises OSError


@dataclass(frozen=True)
class Finding:
    """Something that does not hold; `index` is the entry it is about, if it is about one."""

    index: int | None
    what: str


@dataclass
class Report:
    """What an audit found. It holds only if there is no finding."""

    size: int = 0
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Everything that was looked at is right."""
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The lowest index anything is wrong with."""
        return min((finding.index for finding in self.findings if finding.index is not None), default=None)

    def add(self, index: int | None, what: str) -> None:
        """Note a finding; after the hundredth nobody reads on."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(index, what))

    def has_in(self, first: int, end: int) -> bool:
        """Something was found in [first, end): a tile above it that does not fit says nothing more, and less exactly."""
        return any(finding.index is not None and first <= finding.index < end for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """For --json."""
        findings = [asdict(finding) for finding in self.findings]
        return {"holds": self.holds, "size": self.size, "checked": self.checked, "first_bad": self.first_bad, "findings": findings}


@dataclass(frozen=True)
class Memory:
    """What this machine saw last: the edge, and the signed checkpoint it gives the root of.

    Whoever keeps it can show two checkpoints under the log's own signature that contradict each other, if it comes to that.
    """

    origin: str
    edge: Edge
    note: str = ""

    def save(self, path: Path) -> None:
        """Write whole or not at all."""
        fields = {"origin": self.origin, "size": str(self.edge.size), "edge": encode_base64(self.edge.encode()), "note": self.note}
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(fields), "utf-8")
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Memory | None:
        """What was saved, None the first time. Raises ValueError if the file is damaged: the log must not be blamed for it."""
        if not path.exists():
            return None
        try:
            fields = json.loads(path.read_text("utf-8"))
            note = str(fields["note"])
            edge = Edge.decode(decode_decimal(fields["size"]), decode_base64(fields["edge"]))
            checkpoint = parse_checkpoint(parse_note(note.encode()).text)
            if checkpoint != Checkpoint(fields["origin"], edge.size, edge.root()):
                raise ValueError("its parts contradict each other")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}). Put back a copy of it, or move it away to begin anew.") from error
        return cls(checkpoint.origin, edge, note)


def audit_published(
    fetch: Fetch, policy: Policy, memory: Memory | None = None, *, form: bool = True
) -> tuple[Report, Memory | None]:
    """Check everything published since `memory`; returns what was found, and what to remember if nothing was.

    Without `form` entries are hashed but not read: for whoever has read those with these hashes already.
    """
    report = Report()
    try:
        checkpoint, witnessed, note = _open(fetch, policy)
    except (OSError, Refused) as error:
        report.add(None, f"the newest checkpoint: {error}")
        return report, None
    report.size = checkpoint.size
    edge = memory.edge if memory else Edge()
    if memory and memory.origin != checkpoint.origin:
        report.add(None, f"this is the log {checkpoint.origin}; the log seen before was {memory.origin}")
        return report, None
    if edge.size > checkpoint.size:
        report.add(None, f"the log went back: {edge.size} entries were seen on this machine, now there are {checkpoint.size}")
        return report, None
    reading = _Reading(fetch, report, edge, checkpoint, form)
    if edge.size <= witnessed.size < checkpoint.size:
        reading.go_to(witnessed.size)
        reading.require_root(witnessed)
    reading.go_to(checkpoint.size)
    reading.require_root(checkpoint)
    reading.check_partial_tiles()
    report.checked = checkpoint.size - edge.size
    return report, Memory(checkpoint.origin, reading.edge, note.decode()) if report.holds else None


def _open(fetch: Fetch, policy: Policy) -> tuple[Checkpoint, Checkpoint, bytes]:
    """The newest checkpoint, the newest that a quorum has cosigned, and the newest's note. Raises Refused, OSError.

    The witnessed one is read first, since the log may grow in between. A log that keeps no second file shows its quorum in the first.
    """
    try:
        kept = fetch(WITNESSED_FILE)
    except OSError:
        kept = None
    note = fetch(CHECKPOINT_FILE)
    newest, _ = policy.open_checkpoint(note, quorum=False)
    try:
        witnessed, _ = policy.open_checkpoint(note if kept is None else kept)
    except Refused as error:
        raise Refused(f"{error} ({CHECKPOINT_FILE if kept is None else WITNESSED_FILE})") from error
    if witnessed.origin != newest.origin or witnessed.size > newest.size:
        raise Refused(f"{WITNESSED_FILE} is of {witnessed.size} entries of {witnessed.origin}, {CHECKPOINT_FILE} of {newest.size}")
    return newest, witnessed, note


class _Reading:
    """One pass over bundles and tiles, left to right."""

    def __init__(self, fetch: Fetch, report: Report, edge: Edge, checkpoint: Checkpoint, form: bool) -> None:
        self.fetch = fetch
        self.form = form
        self.report = report
        self.edge = edge
        self.final = checkpoint.size
        self.seen = edge.size

    def go_to(self, size: int) -> None:
        """Hash every entry up to `size` and compare each tile that became full."""
        while self.edge.size < size:
            number, skip = divmod(self.edge.size, WIDTH)
            take = min(size - number * WIDTH, WIDTH)
            leaves = self._leaves(number, skip, take)
            self.edge, full = self.edge.extend(leaves)
            for tile, data in full:
                self._compare(tile, data)

    def require_root(self, checkpoint: Checkpoint) -> None:
        """The entries so far must give exactly the root that was signed."""
        if self.edge.root() != checkpoint.root:
            what = f"the entries do not lead to the root signed for {checkpoint.size} entries: history was changed"
            self.report.add(None, what + (f" since {self.seen} entries were seen on this machine" if self.seen else ""))

    def check_partial_tiles(self) -> None:
        """The tiles at the right edge."""
        for level, data in enumerate(self.edge.levels):
            if data:
                tile = tile_at(level, (self.final >> 8 * level) // WIDTH, self.final)
                assert tile is not None
                self._compare(tile, data)

    def _leaves(self, number: int, skip: int, take: int) -> list[bytes]:
        """Leaf hashes of one bundle's entries [skip, take); what cannot be read counts as the tile has it, after a finding."""
        hashes = self._tile_hashes(number)
        bundle = tile_at(ENTRIES, number, self.final)
        assert bundle is not None
        try:
            entries = decode_bundle(self._get(bundle), bundle.width)
        except (OSError, BadTile) as error:
            self.report.add(number * WIDTH, f"{bundle.path}: {error}")
            return (hashes or [bytes(32)] * take)[skip:take]
        leaves = [hash_leaf(entry) for entry in entries]
        expected = hashes or leaves
        for offset in range(skip, take) if self.form or leaves != expected else ():
            index = number * WIDTH + offset
            if leaves[offset] != expected[offset]:
                self.report.add(index, f"entry {index} is not the one in the tree")
            elif self.form and (reason := _malformed(entries[offset])) is not None:
                self.report.add(index, f"entry {index}: {reason}")
        return expected[skip:take]

    def _tile_hashes(self, number: int) -> list[bytes] | None:
        tile = tile_at(0, number, self.final)
        assert tile is not None
        try:
            data = self._get(tile)
        except (OSError, BadTile) as error:
            self.report.add(number * WIDTH, f"{tile.path}: {error}")
            return None
        if len(data) != tile.width * 32:
            self.report.add(number * WIDTH, f"{tile.path} holds {len(data)} bytes")
            return None
        return split_hashes(data)

    def _compare(self, tile: Tile, data: bytes) -> None:
        try:
            published = self._get(tile)
        except (OSError, BadTile) as error:
            self.report.add(None, f"{tile.path}: {error}")
            return
        first, end = ((tile.number + part) * WIDTH << 8 * tile.level for part in (0, 1))
        if published != data and not self.report.has_in(first, end):
            self.report.add(first, f"{tile.path} is not made of the hashes below it")

    def _get(self, tile: Tile) -> bytes:
        """A partial tile may have become full meanwhile; then the full one is cut. Raises OSError, BadTile."""
        try:
            return self.fetch(tile.path)
        except OSError:
            if tile.width == WIDTH:
                raise
            return cut_tile(self.fetch(tile.full.path), tile)


def _malformed(entry: bytes) -> str | None:
    try:
        decode_entry(entry)
    except NotCanonical as error:
        return str(error)
    return None


def folder_fetch(directory: Path) -> Fetch:
    """Read the log from a folder."""
    return lambda path: (directory / path).read_bytes()


def url_fetch(url: str) -> Fetch:
    """Read the log over http or https; `url` is its prefix, such as https://shop.example/log. Raises OSError in use."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError(f"not a web address: {url}")
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}) if local else urllib.request.ProxyHandler())

    def fetch(path: str) -> bytes:
        try:
            with opener.open(f"{url.rstrip('/')}/{path}", timeout=_TIMEOUT) as answer:
                data: bytes = answer.read(_MAX_FILE)
                return data
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(f"status {error.code}") from None

    return fetch
