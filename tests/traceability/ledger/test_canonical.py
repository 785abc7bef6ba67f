"""One spelling only: for numbers, base64, JSON and entries; and commitments that tell nothing without their salt."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.traceability.ledger.vectors import flip
from traceability.ledger import canonical
from traceability.ledger.canonical import (
    JSON,
    Entry,
    NotCanonical,
    commit,
    decode_base64,
    decode_decimal,
    decode_entry,
    decode_json,
    encode_json,
)

ENTRY = Entry(
    event_id=UUID("01900000-0000-7000-8000-000000000001"),
    kind="lots.harvested",
    at=datetime(2026, 11, 22, 8, 0, 0, 5, tzinfo=UTC),
    public={"product": "盐池滩羊", "county": "640323", "weight": "12.500", "n": 3},
    commitments={"household": bytes(range(32))},
)


@pytest.mark.parametrize("text", ["1_0", "0x10", " 1", "1 ", "+1", "-1", "01", "00", "1.0", "1e3", "١", "", "1\n", "9" * 21])
def test_decimals_in_any_other_spelling_are_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        decode_decimal(text)


@pytest.mark.parametrize("text", ["AAE", "AAE=\n", " AAE=", "AA E=", "AAF=", "AAE==", "A-_=", "A", "é"])
def test_base64_in_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        decode_base64(text)
    assert decode_base64("AAE=", 2) == b"\x00\x01"
    with pytest.raises(NotCanonical):
        decode_base64("AAE=", 3)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1, "b":2}',
        b'{"a":1,"a":1}',
        b'"\\u0061"',
        b"1.0",
        b"NaN",
        b"1e2",
        b"9007199254740993",
        b"{",
        b"\xff",
        b"",
        b'"\\ud800"',
    ],
)
def test_json_in_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode_json(data)


def test_json_keys_sort_by_utf16_as_rfc_8785_says() -> None:
    assert encode_json({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**54), 2**54) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(value=_VALUES)
def test_the_quick_encoder_writes_what_rfc_8785_says(value: JSON) -> None:
    """The library is the yardstick; what it refuses (large integers, half characters) is refused."""
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError):
        with pytest.raises(NotCanonical):
            encode_json(value)
    else:
        assert encode_json(value) == expected


def test_without_a_look_at_the_keys_the_quick_encoder_would_sort_them_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "_is_plain", lambda value: True)
    assert encode_json({"\ufb33": 1, "\U0001f600": 2}) != '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_floats_are_refused_however_deep() -> None:
    with pytest.raises(NotCanonical):
        encode_json({"a": [{"b": 0.1}]})  # type: ignore[dict-item, list-item]


def test_an_entry_goes_out_and_comes_back() -> None:
    assert decode_entry(ENTRY.encode()) == ENTRY


def test_no_two_spellings_read_as_the_same_entry() -> None:
    data = ENTRY.encode()
    for bit in range(len(data) * 8):
        try:
            other = decode_entry(flip(data, bit))
        except NotCanonical:
            continue
        assert other != ENTRY


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Lots"},
        {"kind": ""},
        {"public": {"Name": 1}},
        {"public": {"household": "x"}},
        {"public": {"weight": 1.5}},
        {"public": {"note": "x" * 70_000}},
        {"at": datetime(2026, 1, 1)},
        {"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8)))},
    ],
)
def test_an_entry_out_of_bounds_is_not_encoded(change: dict) -> None:
    with pytest.raises(NotCanonical):
        Entry(**{**ENTRY.__dict__, **change}).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"shanhai-entry/v1", b"shanhai-entry/v2"),
        (b'"at":"2026-11-22T08:00:00.000005Z"', b'"at":"2026-11-22T08:00:00.000005+00:00"'),
        (b"01900000-0000", b"019000000000"),
        (b'"n":3', b'"n":3.5'),
        (b'"public":{', b'"private":{},"public":{'),
        (b'"type":"lots.harvested"', b'"type":7'),
    ],
)
def test_an_entry_of_another_shape_is_refused(old: bytes, new: bytes) -> None:
    data = ENTRY.encode()
    assert old in data
    with pytest.raises(NotCanonical):
        decode_entry(data.replace(old, new))


def test_a_commitment_depends_on_salt_field_and_value() -> None:
    salt = bytes(32)
    made = {commit(salt, "a", "x"), commit(salt, "b", "x"), commit(salt, "a", "y"), commit(b"\x01" * 32, "a", "x")}
    assert len(made) == 4
    assert commit(salt, "a", "1") != commit(salt, "a", 1)
    with pytest.raises(NotCanonical):
        commit(b"short", "a", "x")


def test_a_commitment_is_the_hmac_that_the_documentation_writes_down() -> None:
    expected = hmac.new(bytes(32), b'trace-commit/v1\x00household\x00"H-1"', hashlib.sha256).digest()
    assert commit(bytes(32), "household", "H-1") == expected
