"""Digital Links against GS1's own vectors (all of them), and the check digits and tricks those leave out."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from hypothesis import given
from hypothesis import strategies as st

from kernel.gs1 import CHARACTERS_82
from traceability.scan import digital_link, syntax
from traceability.scan.digital_link import BadLink, DigitalLink, build, parse, parse_path
from traceability.scan.syntax import IDENTIFIERS, KEYS

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/gs1-digital-link/uri-vectors.json").read_text())
GTIN = "09520123456788"
FLAGS = ("permit_short_gtin", "permit_convenience_alphas", "permit_unknown_ais")


def element_string(link: DigitalLink) -> str:
    """Upstream's notation: ^ is FNC1, which follows every identifier whose length is not predefined."""
    text, open_ = "", True
    for ai, value in (link.key, *link.qualifiers, *link.attributes):
        text += ("^" if open_ else "") + ai + value
        open_ = not IDENTIFIERS[ai].fixed
    return text


@pytest.mark.parametrize("case", VECTORS["parse"], ids=lambda case: str(case["n"]))
def test_parse_vectors(case: dict[str, Any]) -> None:
    """Cases with an upstream option on for forms that the standard gave up must be refused here, unless they need no option."""
    twin = [c for c in VECTORS["parse"] if c["uri"] == case["uri"] and not any(c[flag] for flag in FLAGS)]
    wanted = twin[0] if twin else case
    if not wanted["valid"] or (not twin and any(case[flag] for flag in FLAGS)):
        with pytest.raises(BadLink):
            parse(case["uri"])
    else:
        assert element_string(parse(case["uri"])) == wanted["ai_element_string"]


@pytest.mark.parametrize("case", VECTORS["generate"], ids=lambda case: str(case["n"]))
def test_generate_vectors(case: dict[str, Any]) -> None:
    elements = re.findall(r"\((\d+)\)([^(]*)", case["element_string"])
    if case["valid"]:
        assert build(elements).uri(case["stem"] or digital_link.CANONICAL_ROOT) == case["uri"]
    else:
        with pytest.raises(BadLink):
            build(elements)


def sequences() -> set[tuple[str, ...]]:
    found = set()
    for key, orders in KEYS.items():
        for order in orders:
            for count in range(len(order) + 1):
                found |= {(key, *part) for part in itertools.combinations(order, count)}
    return found


def test_path_sequences() -> None:
    listed = {tuple(path) for path in VECTORS["valid_path_ai_sequences"]}
    assert sequences() - listed == {("415",), ("415", "8020")} - listed
    assert listed <= sequences()
    known = {ai for path in listed for ai in path}
    for length in (1, 2, 3):
        for path in itertools.permutations(sorted(known), length):
            if path[0] in KEYS and path not in sequences():
                with pytest.raises(BadLink, match="顺序"):
                    digital_link._check_order(path)
            elif path[0] in KEYS:
                digital_link._check_order(path)


def test_the_error_names_the_right_order() -> None:
    with pytest.raises(BadLink, match="01–22–10–21") as caught:
        parse(f"https://a/01/{GTIN}/21/X/10/Y")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "path",
    ["/01/09520123456789", "/00/952012345678912346", "/414/9520123456780", f"/01/{GTIN}/21/a%20b", f"/01/{GTIN}/21/%E7%BE%8A",
     f"/01/{GTIN}/21/" + "x" * 21, f"/01/{GTIN}/21/%0d%0aSet-Cookie", f"/01/{GTIN}/10/%ff", f"/01/{GTIN}/10/%zz", f"/01/{GTIN}/10/a%00", "/01/0952012345678٨"],
)  # fmt: skip
def test_wrong_digits_and_characters(path: str) -> None:
    with pytest.raises(BadLink):
        parse_path(path)


def test_every_wrong_check_digit_is_found_and_only_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [f"/01/{GTIN[:-1]}{digit}" for digit in "0123456789" if digit != GTIN[-1]]
    for path in wrong:
        with pytest.raises(BadLink):
            parse_path(path)
    monkeypatch.setattr(syntax, "_LINTS", {})  # the guard off: they pass
    assert [parse_path(path).get("01") for path in wrong]


def test_dates() -> None:
    assert parse(f"https://a/01/{GTIN}?17=270200&15=280229").attributes == (("17", "270200"), ("15", "280229"))
    for wrong in ("17=271301", "17=270230", "7006=270200", "17=2702"):
        with pytest.raises(BadLink):
            parse(f"https://a/01/{GTIN}?{wrong}")


def test_levels_walk_up_to_the_key() -> None:
    link = parse(f"https://a/stem/01/{GTIN}/10/L%2F1/21/S?17=270101&foo=bar")
    assert link.others == (("foo", "bar"),)
    assert [level.path for level in link.levels] == [f"/01/{GTIN}/10/L%2F1/21/S", f"/01/{GTIN}/10/L%2F1", f"/01/{GTIN}"]
    assert link.canonical == f"https://id.gs1.org/01/{GTIN}/10/L%2F1/21/S"


def test_a_stem_that_looks_like_a_key() -> None:
    assert parse(f"https://a/01/{GTIN}/00/952012345678912345").key == ("00", "952012345678912345")


TEXT = st.text(sorted(CHARACTERS_82), min_size=1, max_size=20)


@given(TEXT, TEXT)
def test_what_we_write_we_read_and_so_does_another_library(lot: str, serial: str) -> None:
    uri = build([("21", serial), ("10", lot), ("01", GTIN)]).uri("https://shop.example.cn")
    link = parse(uri)
    assert (link.get("01"), link.get("10"), link.get("21")) == (GTIN, lot, serial)
    theirs = GS1DigitalLinkURI.parse(uri)
    assert {element.ai.ai: element.value for element in theirs.element_strings} == {"01": GTIN, "10": lot, "21": serial}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse, parse_path):
        with suppress(BadLink):
            assert read(text).path


def test_too_long() -> None:
    with pytest.raises(BadLink):
        parse("https://a/" + "x" * 2000 + f"/01/{GTIN}")
