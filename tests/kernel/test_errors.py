import pickle

import pytest

from kernel.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Term,
    TooLarge,
    Unauthorized,
    Unavailable,
)

ENGLISH = {
    "还差 %(n)s 箱": "%(n)s boxes short",
    "降价 10%": "10% off",
    "%(s)s 不能发货": "%(s)s cannot ship",
    "草稿": "A draft",
}


def english(msgid: str) -> str:
    return ENGLISH.get(msgid, msgid)


@pytest.mark.parametrize(
    ("kind", "status", "slug"),
    [
        (Invalid, 422, "invalid"),
        (Unauthorized, 401, "unauthorized"),
        (Forbidden, 403, "forbidden"),
        (NotFound, 404, "not-found"),
        (Conflict, 409, "conflict"),
        (TooLarge, 413, "too-large"),
        (Unavailable, 503, "unavailable"),
    ],
)
def test_each_kind_has_its_status_and_slug(kind: type[Problem], status: int, slug: str) -> None:
    problem = kind("请重试")
    assert (problem.status, problem.type) == (status, slug)
    assert problem.title
    assert problem.title != Problem.title


def test_a_rooms_leaf_inherits_the_status_and_gets_its_own_slug() -> None:
    class OutOfStock(Conflict):
        title = "库存不足"

    class Renamed(OutOfStock):
        type = "sold-out"

    assert (OutOfStock("x").status, OutOfStock("x").type) == (409, "out-of-stock")
    assert (Renamed("x").type, Renamed("x").title) == ("sold-out", "库存不足")


def test_text_is_translated_before_the_parameters_go_in() -> None:
    problem = Conflict("还差 %(n)s 箱", params={"n": 3})
    assert problem.text(english) == "3 boxes short"
    assert str(problem) == "还差 3 箱"


def test_a_percent_sign_without_parameters_stays() -> None:
    assert Invalid("降价 10%").text(english) == "10% off"


def test_only_a_term_among_the_parameters_is_translated() -> None:
    assert Conflict("%(s)s 不能发货", params={"s": Term("草稿")}).text(english) == "A draft cannot ship"
    assert Conflict("%(s)s 不能发货", params={"s": "草稿"}).text(english) == "草稿 cannot ship"


def test_field_and_errors() -> None:
    one = Invalid("还差 %(n)s 箱", field="boxes", params={"n": 3})
    assert one.field == "boxes"
    assert [(e.field, e.text(english)) for e in one.errors] == [("boxes", "3 boxes short")]
    many = Invalid("请改正", errors=[FieldError("a", "甲"), FieldError("b", "乙")])
    assert [e.field for e in many.errors] == ["a", "b"]
    assert Invalid("请改正").field is None


def test_a_problem_survives_a_process_boundary() -> None:
    back = pickle.loads(pickle.dumps(Conflict("还差 %(n)s 箱", field="boxes", params={"n": 3})))
    assert (type(back), back.text(english), back.field) == (Conflict, "3 boxes short", "boxes")
