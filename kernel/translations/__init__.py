"""English beside the Chinese: merges `en/parts/*.po` and compiles them to the `.mo` file gettext reads.

The msgid of a string is the Chinese sentence itself, so zh_Hans_CN needs no catalogue. Each room keeps its own part,
`en/parts/<package>_<room>.po`; the compiled file is never committed. `python -m kernel.translations` compiles by hand,
set-up and `kernel.web.prepare` call `ensure_compiled()`.
"""

import gettext
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
PROJECT = "shanhai"


class Clash(Exception):
    """Two parts say one msgid in two ways. One catalogue can hold only one; the sentence is named."""


def parts(locale: Path) -> list[Path]:
    """The parts of one language, in the order they are read."""
    return sorted((locale / "parts").glob("*.po"))


def fingerprint(files: Iterable[Path]) -> str:
    """One hash over names and contents: tells whether a compiled catalogue is that of these files."""
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def read(file: Path, language: str) -> Catalog:
    """One part. Raises babel's PoFileError when it is malformed."""
    with file.open("rb") as opened:
        return read_po(opened, locale=language, charset="utf-8", abort_invalid=True)


def merge(files: Iterable[Path], language: str, *, strict: bool = False) -> Catalog:
    """All parts as one catalogue: the first part that translates a msgid wins; `strict` raises Clash when another differs."""
    whole = Catalog(locale=language, charset="utf-8", fuzzy=False)
    said: dict[object, tuple[object, str]] = {}
    for file in files:
        for message in read(file, language):
            if not message.id or not message.string or message.fuzzy:
                continue
            key = message.context, message.id
            if key not in said:
                said[key] = message.string, file.name
                whole.add(message.id, message.string, context=message.context)
            elif strict and said[key][0] != message.string:
                raise Clash(f"“{message.id}”: {said[key][1]} says {said[key][0]!r}, {file.name} says {message.string!r}")
    return whole


def is_fresh(compiled: Path, sources: str) -> bool:
    """Whether `compiled` exists and was made from the files with this fingerprint."""
    if not compiled.exists():
        return False
    with compiled.open("rb") as opened:
        return gettext.GNUTranslations(opened).info().get("project-id-version") == f"{PROJECT} {sources}"


def ensure_compiled(folder: Path = FOLDER) -> list[Path]:
    """Compile every language whose parts changed since; returns what was written. Safe when several processes do it at once."""
    written = []
    for locale in sorted(path.parent for path in folder.glob("*/parts")):
        files = parts(locale)
        sources = fingerprint(files)
        compiled = locale / "LC_MESSAGES" / "messages.mo"
        if is_fresh(compiled, sources):
            continue
        whole = merge(files, locale.name)
        whole.project, whole.version = PROJECT, sources
        compiled.parent.mkdir(exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=compiled.parent, suffix=".tmp")
        with os.fdopen(descriptor, "wb") as opened:
            write_mo(opened, whole)
        Path(temporary).chmod(0o644)
        os.replace(temporary, compiled)
        written.append(compiled)
    return written
