import time
from itertools import combinations
from uuid import RFC_4122

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from kernel import gs1, ids
from kernel.errors import Invalid

BODY = st.text(alphabet=ids.ALPHABET, min_size=2, max_size=19)


def test_uuid7_has_its_version_and_variant_and_carries_the_time() -> None:
    before = time.time_ns() // 1_000_000
    key = ids.uuid7()
    after = time.time_ns() // 1_000_000
    assert (key.version, key.variant) == (7, RFC_4122)
    assert before <= key.int >> 80 <= after


def test_uuid7_sorts_by_the_clock() -> None:
    keys = []
    with time_machine.travel(1_800_000_000, tick=False) as moment:
        for _ in range(50):
            keys.append(ids.uuid7())
            moment.shift(0.000_01)
    assert keys == sorted(keys)
    assert len({ids.uuid7() for _ in range(1000)}) == 1000


def test_a_code_reads_as_promised_and_parses_back() -> None:
    code = ids.new_code("ORD")
    assert code.startswith("ORD-")
    assert [len(part) for part in code.split("-")] == [3, 4, 4, 2]
    assert ids.parse_code(code, "ORD") == code
    assert len({ids.new_code("ORD") for _ in range(1000)}) == 1000


@pytest.mark.parametrize("prefix", ["", "O", "ord", "ORDER", "O1", "OR-"])
def test_a_prefix_is_two_to_four_capitals(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        ids.new_code(prefix)


def test_the_ways_people_type_a_code() -> None:
    body = "10A0B1C0D"
    code = f"ORD-10A0-B1C0-D{ids.check_character(body)}"
    for typed in (
        code.lower(),
        code.replace("-", ""),
        f"  {code.replace('-', ' ')} ",
        code.replace("-", "\N{EN DASH}"),
        code.replace("-", "\N{FULLWIDTH HYPHEN-MINUS}"),
        code[:4] + code[4:].replace("0", "O").replace("1", "l"),
        "".join(chr(ord(c) + 0xFEE0) for c in code),
    ):
        assert ids.parse_code(typed) == code, typed


@pytest.mark.parametrize("typed", ["", "ORD", "ORD-", "你好", "ORD-7K3M-9Q", "ORD-UUUU-UUUU-UU", "7K3M9QXT2B", "A" * 500])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        ids.parse_code(typed)


def test_another_kind_of_code_is_refused() -> None:
    with pytest.raises(Invalid, match="ORD"):
        ids.parse_code(ids.new_code("SHP"), "ORD")


@given(BODY, st.data())
def test_every_single_wrong_character_is_found(body: str, data: st.DataObject) -> None:
    whole = body + ids.check_character(body)
    place = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.sampled_from(ids.ALPHABET.replace(whole[place], "")))
    typed = whole[:place] + wrong + whole[place + 1 :]
    assert ids.check_character(typed[:-1]) != typed[-1]


@given(BODY)
def test_every_swap_of_two_characters_is_found(body: str) -> None:
    whole = body + ids.check_character(body)
    for i, j in combinations(range(len(whole)), 2):
        if whole[i] != whole[j]:
            swapped = list(whole)
            swapped[i], swapped[j] = whole[j], whole[i]
            assert ids.check_character("".join(swapped[:-1])) != swapped[-1]


def test_without_the_check_a_slip_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    code = ids.new_code("ORD")
    slip = code[:-1] + ("0" if code[-1] != "0" else "1")
    with pytest.raises(Invalid):
        ids.parse_code(slip)
    monkeypatch.setattr(ids, "check_character", lambda body: slip[-1])
    assert ids.parse_code(slip) == slip


def test_serials_fit_ai_21_and_know_their_own() -> None:
    serials = {ids.new_serial() for _ in range(1000)}
    assert len(serials) == 1000
    for serial in serials:
        assert gs1.parse_serial(serial) == serial
        assert ids.is_own_serial(serial)
    serial = serials.pop()
    assert not ids.is_own_serial(serial[:-1] + ("0" if serial[-1] != "0" else "1"))
    assert not ids.is_own_serial(serial[:-1])
    assert not ids.is_own_serial("你" * ids.SERIAL_LENGTH)


def test_serials_carry_64_random_bits_at_least() -> None:
    assert (ids.SERIAL_LENGTH - 1) * 5 >= 64


def test_tokens_are_long_url_safe_and_differ() -> None:
    token = ids.new_token()
    assert len(token) >= 43
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert token != ids.new_token()
