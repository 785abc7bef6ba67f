"""The stranger's check: does this proof file, under this policy, show that this entry is in the log?

Pure, and it runs with nothing of ours but `merkle`, `tiles`, `note` and `canonical` (with `cryptography` and `rfc8785`), so
that it can be read in one sitting and copied to another machine. Formats: C2SP tlog-proof@v1 and tlog-policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from traceability.ledger.canonical import (
    JSON,
    SALT_SIZE,
    Entry,
    NotCanonical,
    commit,
    decode_base64,
    decode_decimal,
    decode_entry,
    decode_json,
    encode_base64,
    encode_json,
)
from traceability.ledger.merkle import HASH_SIZE, BadProof, hash_leaf, verify_inclusion
from traceability.ledger.note import (
    COSIGNATURE,
    ED25519,
    BadNote,
    Checkpoint,
    VerifierKey,
    open_note,
    parse_checkpoint,
    parse_note,
)

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_ITEM = re.compile(r"[^ \t]+")


class Refused(ValueError):
    """The proof does not show what it should; the message says why. Never a partial yes."""


class Disclosure(NamedTuple):
    """A private field opened: with this salt and value anyone can recompute the commitment in the entry."""

    salt: bytes
    value: JSON


@dataclass(frozen=True)
class ProofFile:
    """A .tlog-proof. `extra` holds the entry and the opened fields; it is untrusted until `verify_proof` has checked it."""

    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file's text."""
        lines = [PROOF_HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(value) for value in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def parse_proof(data: bytes) -> ProofFile:
    """Read a proof file strictly. Raises Refused."""
    head, found, checkpoint = data.partition(b"\n\n")
    if not found:
        raise Refused("proof file: no empty line before the checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
        if lines.pop(0) != PROOF_HEADER:
            raise Refused(f"proof file: the first line is not {PROOF_HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise Refused("proof file: no index line")
        index = decode_decimal(lines.pop(0).removeprefix("index "))
        hashes = [decode_base64(line, HASH_SIZE) for line in lines]
    except (UnicodeDecodeError, NotCanonical) as error:
        raise Refused(f"proof file: {error}") from error
    if len(hashes) > 63:
        raise Refused("proof file: too many hashes")
    return ProofFile(index, hashes, checkpoint, extra)


def encode_extra(entry: bytes, disclosed: Mapping[str, Disclosure]) -> bytes:
    """What we put into a proof file's extra line."""
    opened: dict[str, JSON] = {name: {"salt": encode_base64(item.salt), "value": item.value} for name, item in disclosed.items()}
    return encode_json({"disclosed": opened, "entry": encode_base64(entry)})


def decode_extra(data: bytes) -> tuple[bytes, dict[str, Disclosure]]:
    """The entry and the opened fields. Raises Refused."""
    try:
        fields = decode_json(data)
        if not isinstance(fields, dict) or set(fields) != {"disclosed", "entry"}:
            raise Refused("extra: exactly disclosed and entry belong here")
        opened = fields["disclosed"]
        if not isinstance(opened, dict):
            raise Refused("extra: disclosed is an object")
        disclosed = {}
        for name, item in opened.items():
            if not isinstance(item, dict) or set(item) != {"salt", "value"}:
                raise Refused("extra: an opened field has a salt and a value")
            disclosed[name] = Disclosure(decode_base64(item["salt"], SALT_SIZE), item["value"])
        return decode_base64(fields["entry"]), disclosed
    except NotCanonical as error:
        raise Refused(f"extra: {error}") from error


@dataclass(frozen=True)
class Policy:
    """Which logs are believed, and which witnesses must have cosigned (C2SP tlog-policy)."""

    logs: Mapping[VerifierKey, str]  # with its URL, or ""
    witnesses: Mapping[str, VerifierKey]
    urls: Mapping[str, str]  # witness name to URL
    about: Mapping[str, str]  # witness name to who runs it: the # line above it
    groups: Mapping[str, tuple[int, tuple[str, ...]]]
    quorum: str

    def is_met(self, cosigners: set[VerifierKey], name: str | None = None) -> bool:
        """Whether these cosigners satisfy the quorum (or the named witness or group)."""
        name = self.quorum if name is None else name
        if name == "none":
            return True
        if name in self.witnesses:
            return self.witnesses[name] in cosigners
        threshold, members = self.groups[name]
        return sum(self.is_met(cosigners, member) for member in members) >= threshold

    def open_checkpoint(self, checkpoint: bytes, *, quorum: bool = True) -> tuple[Checkpoint, dict[str, int]]:
        """The checkpoint and the times of its cosigners by witness name.

        Raises Refused unless a log of this policy signed it under its own origin and, if asked for, the quorum is met.
        """
        if any(key.kind != ED25519 for key in self.logs) or any(key.kind != COSIGNATURE for key in self.witnesses.values()):
            raise Refused("policy: a log signs with type 1, a witness with type 4")
        try:
            note = parse_note(checkpoint)
            signed = open_note(note, [*self.logs, *self.witnesses.values()])
            found = parse_checkpoint(note.text)
        except BadNote as error:
            raise Refused(f"checkpoint: {error}") from error
        if not any(key.name == found.origin for key in signed if key in self.logs):
            raise Refused("checkpoint: no log of the policy signed it as its own")
        times = {name: signed[key] or 0 for name, key in self.witnesses.items() if key in signed}
        if quorum and not self.is_met(set(signed)):
            raise Refused("checkpoint: too few witnesses of the policy have cosigned it")
        return found, times


def parse_policy(data: bytes) -> Policy:
    """Read a policy file strictly. Raises Refused."""
    reading = _PolicyReading()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("policy: not UTF-8") from error
    if any((ord(char) < 0x20 and char not in "\t\n") or char == "\x7f" for char in text):
        raise Refused("policy: a control character")
    for line in text.split("\n"):
        items = _ITEM.findall(line)
        if items and items[0].startswith("#"):
            reading.who = line.lstrip("# \t").rstrip()
        elif items:
            reading.take(items[0], items[1:])
    return reading.policy()


@dataclass
class _PolicyReading:
    """A policy while its lines are read."""

    logs: dict[VerifierKey, str] = field(default_factory=dict)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    quorum: str | None = None
    who: str = ""  # the last # line: it names who runs the witnesses below it

    def take(self, word: str, items: list[str]) -> None:
        """One line, by its first word."""
        if word == "log" and 1 <= len(items) <= 2:
            key = self._new_key(items[0], list(self.logs))
            self.logs[key] = items[1] if len(items) == 2 else ""
        elif word == "witness" and 2 <= len(items) <= 3:
            self._require_new(items[0])
            self.witnesses[items[0]] = self._new_key(items[1], list(self.witnesses.values()))
            self.urls[items[0]] = items[2] if len(items) == 3 else ""
            self.about[items[0]] = self.who
        elif word == "group" and len(items) >= 3:
            self._take_group(items[0], items[1], tuple(items[2:]))
        elif word == "quorum" and len(items) == 1:
            if self.quorum is not None or (items[0] != "none" and not self._is_known(items[0])):
                raise Refused("policy: exactly one quorum, of a name defined above it")
            self.quorum = items[0]
        else:
            raise Refused(f"policy: cannot read the line beginning with {word[:40]!r}")

    def policy(self) -> Policy:
        """The finished policy."""
        if self.quorum is None:
            raise Refused("policy: no quorum line")
        return Policy(self.logs, self.witnesses, self.urls, self.about, self.groups, self.quorum)

    def _take_group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        self._require_new(name)
        taken = [member for _, group in self.groups.values() for member in group]
        if not all(self._is_known(member) for member in members) or len({*taken, *members}) != len(taken) + len(members):
            raise Refused("policy: a group's members are defined above it, each in one group only")
        words = {"all": len(members), "any": 1}
        try:
            needed = words[threshold] if threshold in words else decode_decimal(threshold)
        except NotCanonical as error:
            raise Refused(f"policy: {error}") from error
        if not 1 <= needed <= len(members):
            raise Refused("policy: a group needs at least one member and at most all")
        self.groups[name] = (needed, members)

    def _is_known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _require_new(self, name: str) -> None:
        if name == "none" or self._is_known(name):
            raise Refused(f"policy: the name {name[:40]!r} is taken")

    def _new_key(self, vkey: str, others: list[VerifierKey]) -> VerifierKey:
        try:
            key = VerifierKey.parse(vkey)
        except BadNote as error:
            raise Refused(f"policy: {error}") from error
        if any(key.key == other.key for other in others):
            raise Refused("policy: the same key twice")
        return key


@dataclass(frozen=True)
class Verified:
    """What a proof has shown: this entry was at this index when these witnesses looked (POSIX seconds by name).

    It shows that the record was not changed since; not that it was true when it was made.
    """

    origin: str
    index: int
    size: int
    entry: bytes
    disclosed: Mapping[str, JSON]
    witnessed: Mapping[str, int]

    def decode(self) -> Entry:
        """The entry as fields. Raises NotCanonical for an entry of another application."""
        return decode_entry(self.entry)


def verify_proof(proof: bytes, policy: bytes, entry: bytes | None = None) -> Verified:
    """Check everything: signature, quorum, inclusion and opened fields. Raises Refused with the first reason.

    The entry comes from `entry`, or else from the proof file itself; if both are there they must be equal.
    """
    parsed = parse_proof(proof)
    checkpoint, times = parse_policy(policy).open_checkpoint(parsed.checkpoint)
    carried, disclosed = decode_extra(parsed.extra) if parsed.extra is not None else (entry, {})
    if carried is None:
        raise Refused("the proof file carries no entry: give the entry as well")
    if entry is not None and entry != carried:
        raise Refused("the entry given is not the entry in the proof file")
    try:
        verify_inclusion(parsed.index, checkpoint.size, hash_leaf(carried), parsed.hashes, checkpoint.root)
    except BadProof as error:
        raise Refused(f"inclusion: {error}") from error
    _check_disclosed(carried, disclosed)
    opened = {name: item.value for name, item in disclosed.items()}
    return Verified(checkpoint.origin, parsed.index, checkpoint.size, carried, opened, times)


def _check_disclosed(entry: bytes, disclosed: Mapping[str, Disclosure]) -> None:
    """Every opened field must be the one the entry committed to."""
    if not disclosed:
        return
    try:
        commitments = decode_entry(entry).commitments
        for name, item in disclosed.items():
            if commitments.get(name) != commit(item.salt, name, item.value):
                raise Refused(f"the opened field {name!r} is not what the entry committed to")
    except NotCanonical as error:
        raise Refused(f"entry: {error}") from error
