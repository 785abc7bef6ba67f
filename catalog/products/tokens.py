"""Words for the search index, pure: what a text is found by.

PostgreSQL has no Chinese parser of its own, so we write the lexemes ourselves: each Chinese run by single characters, pairs (bigrams) and
rjieba's words; each run also by the pinyin and the initials of each of its ends (盐池滩羊 → yanchitanyang, chitanyang, tanyang, yang;
yctyr …), so that a prefix search finds any stretch that begins at a syllable. Latin words and numbers stand as they are. Tone marks go, and
the common traditional characters are written as ours, in what is indexed and in what is typed alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from catalog.products.synonyms import FOLDED

_RUN = re.compile(r"[㐀-鿿]+|[a-z0-9]+")
LONGEST_RUN = 12
LONGEST_QUERY = 60
# ts_rank weights: names before places before descriptions.
WEIGHTS = ("A", "B", "C")


def fold(text: str) -> str:
    """Full-width to plain, capitals to small, without tone marks (tányáng → tanyang)."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return unicodedata.normalize("NFKC", bare).casefold()


def lexemes(text: str) -> list[str]:
    """All lexemes a text is found by, each once, in order."""
    found: dict[str, None] = {}
    for run in _RUN.findall(fold(text)):
        for lexeme in _latin(run) if run.isascii() else _chinese(run):
            found[lexeme] = None
    return list(found)


def _latin(run: str) -> Iterable[str]:
    yield run[:40]


def _chinese(given: str) -> Iterable[str]:
    run = given.translate(FOLDED)
    yield from run
    yield from (run[i : i + 2] for i in range(len(run) - 1))
    yield from (word for word in _words(run) if len(word) > 2)
    # The whole run is read at once: the reading of 行 or 重 depends on its neighbours.
    from pypinyin import Style, lazy_pinyin  # a large dictionary: only who indexes loads it

    syllables = lazy_pinyin(given)  # as it was written: 乾 of 乾县 is no 干
    if len(syllables) != len(run):
        return
    initials = lazy_pinyin(given, style=Style.FIRST_LETTER)
    for start in range(len(run)):
        stop = start + LONGEST_RUN
        yield "".join(syllables[start:stop])
        if len(run) - start > 1:
            yield "".join(initials[start:stop])


def _singular(run: str) -> str:
    """English plurals lose their s, since a search is for what begins so; no syllable of pinyin ends in one."""
    return run[:-1] if len(run) > 3 and run.endswith("s") and run.isalpha() else run


def _words(run: str) -> list[str]:
    import rjieba  # a large dictionary: only who indexes or searches loads it

    return list(rjieba.cut(run))


def vector(texts: Mapping[str, str]) -> str:
    """A tsvector literal from texts by weight, e.g. {"A": name, "C": description}.

    A position carries the weight; a lexeme in several texts keeps its best weight only.
    """
    best: dict[str, str] = {}
    for weight in WEIGHTS:
        for lexeme in lexemes(texts.get(weight, "")):
            best.setdefault(lexeme, weight)
    return " ".join(f"'{lexeme}':1{weight}" for lexeme, weight in best.items())


def query(text: str) -> str | None:
    """A tsquery literal for what a person typed: all parts must be found; None when there is nothing to search for.

    A Chinese run is cut in words and each word in its pairs, so that 盐池羊肉 finds 盐池滩羊肉; a run of letters is a
    prefix (tanya finds 滩羊).
    """
    parts: dict[str, None] = {}
    for run in _RUN.findall(fold(text)[:LONGEST_QUERY]):
        if run.isascii():
            parts[f"'{_singular(run)[:40]}':*"] = None
            continue
        words = _words(run.translate(FOLDED))
        singles_matter = all(len(word) == 1 for word in words)
        for word in words:
            if len(word) == 1 and not singles_matter:
                continue
            for piece in [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]:
                parts[f"'{piece}'"] = None
    return " & ".join(parts) or None
