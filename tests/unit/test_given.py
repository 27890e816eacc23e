"""What an order hands over is kept as it is, or refused with its place."""

from __future__ import annotations

import pytest

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.given import check_given
from tidegate.kernel.value import DEPTH_MAX, INTEGER_MAX, INTEGER_MIN


def nested(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        INTEGER_MAX,
        INTEGER_MIN,
        1.5,
        None,
        True,
        "",
        "a\x00é😀",
        {"a": [1, {"b": None}]},
        nested(DEPTH_MAX),
    ],
)
def test_what_can_be_kept_is_taken(value: Json) -> None:
    check_given(value, "parameters")


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        ({"n": INTEGER_MAX + 1}, "parameters.n ", "64 bits"),
        ({"n": INTEGER_MIN - 1}, "parameters.n ", "64 bits"),
        ({"n": [1, 2**64]}, "parameters.n[1] ", "64 bits"),
        ({"n": float("nan")}, "parameters.n ", "nan"),
        ({"n": float("inf")}, "parameters.n ", "inf"),
        ({"n": {"m": "\ud800"}}, "parameters.n.m ", "surrogate"),
        ({"\ud800": 1}, "a name in parameters ", "surrogate"),
        (nested(DEPTH_MAX + 1), "parameters[0]", "nested"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(value: Json, where: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as refused:
        check_given(value, "parameters")

    assert refused.value.code == "request.invalid"
    assert refused.value.message.startswith(where)
    assert refused.value.fix
