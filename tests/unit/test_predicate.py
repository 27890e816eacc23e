from __future__ import annotations

import pytest

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.predicate import Predicate, parse_predicate
from tidegate.kernel.value import MISSING, getter

# What is wanted, values that meet it, and values that do not.
HELD: list[tuple[Json, list[Json], list[Json]]] = [
    ("success", ["success"], ["Success", "success ", 1, None, True, ["success"], MISSING]),
    (5, [5, 5.0], [6, "5", True, None, MISSING]),
    (1, [1, 1.0], [True, "1"]),
    (True, [True], [1, 1.0, "true", False, None, MISSING]),
    (None, [None], [0, "", False, MISSING]),
    ("5", ["5"], [5, 5.0]),
    ({"a": [1]}, [{"a": [1.0]}], [{"a": [True]}, {"a": [1], "b": 2}, MISSING]),
    ("", [""], [" ", None, MISSING]),
    (">= 0.95", [0.95, 1], [0.9499, "0.98", True, None, [1], MISSING]),
    ("> 0", [1, 0.5], [0, -1, True, "1", MISSING]),
    ("< 300", [45, -1.5], [300, "45", False, MISSING]),
    ("<=-1.5e1", [-15, -15.0], [-14]),
    ("== 5", [5, 5.0], ["5", True]),
    ('== "5"', ["5"], [5]),
    ("== in progress", ["in progress"], ["in"]),
    ("== true", [True], [1, "true"]),
    ("!= x", ["y", 5, None, []], ["x", MISSING]),
    ("!= null", ["y", 0, False], [None, MISSING]),
    ("!= 1", [2, True, "1"], [1, 1.0, MISSING]),
    ("> 2024-01-15", ["2024-01-16", "2024-01-15T00:00:00Z"], ["2024-01-15", 20240116, MISSING]),
    ('> "9"', ["91"], ["10", 91]),
    ("> B", ["C"], ["A", 5]),
    ("in [DE, FR]", ["DE", "FR"], ["IT", "DE, FR", ["DE"], None, MISSING]),
    ("in [1, 'a, b', \"c]\", true, null, in progress,]", [1, 1.0, "a, b", "c]", True, None, "in progress"], ["1", "true", 0, MISSING]),
    (["DE", 1], ["DE", 1, 1.0], ["FR", True, ["DE", 1], MISSING]),
    ("not in [DE, 1]", ["FR", 2, True, None], ["DE", 1, 1.0, MISSING]),
    ("not  in [ ]", ["FR", None], [MISSING]),
    ("in []", [], ["", None, [], MISSING]),
    ([], [], ["", None, [], MISSING]),
    ("== [DE, 1]", [["DE", 1.0]], ["DE", ["DE"], MISSING]),
    ("matches ^orders_\\d{8}$", ["orders_20240115"], ["x_orders_20240115", 5, None, MISSING]),
    ('matches "a b"', ["xa bx"], ["ab"]),
    ("contains final", ["a_final_b", ["final", "x"]], ["fin", ["a_final_b"], 5, None, {"final": 1}, MISSING]),
    ("contains 007", ["x007", [7]], ["7", ["007"], 7]),
    ('contains "7"', ["17", ["7"]], [[7], 7]),
    ("startswith crm ", ["crm-1"], ["a crm", ["crm"], MISSING]),
    ("startsWith crm", ["crm-1"], ["a crm"]),
    ("starts with crm", ["crm-1"], ["a crm"]),
    ("endswith .csv", ["a.csv"], [".csv ", 5, MISSING]),
    ('ends with " "', ["a "], ["a"]),
    ("in progress", ["in progress"], ["progress", "in"]),
    ("not in", ["not in"], ["x"]),
    ("contains", ["contains"], ["x"]),
    ("!important", ["!important"], ["important"]),
    ('== "> 5"', ["> 5"], [6]),
]  # fmt: skip


def predicate(wanted: Json) -> Predicate:
    return parse_predicate("data.x", wanted)


@pytest.mark.parametrize(("wanted", "met", "unmet"), HELD)
def test_a_predicate_holds_for(wanted: Json, met: list[Json], unmet: list[Json]) -> None:
    holds = predicate(wanted).holds

    assert [value for value in met if not holds(value)] == []
    assert [value for value in unmet if holds(value)] == []


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("success", 'data.x == "success"'), (">=0.95", "data.x >= 0.95"), (["DE"], 'data.x in ["DE"]'),
        ("not in [a]", 'data.x not in ["a"]'), ("matches ^a", 'data.x matches "^a"'),
        ("starts with a", 'data.x startswith "a"'), (None, "data.x == null"), ("!= 5", "data.x != 5"),
    ],
)  # fmt: skip
def test_a_predicate_reads_as_people_say_it(wanted: Json, text: str) -> None:
    assert predicate(wanted).text == text


def test_an_index_can_use_a_plain_value() -> None:
    each: list[Json] = ["a", 5, True, None, "== 5", "> 5", "!= 5", "in [5]", ["a"], {"a": 1}]

    equals = [predicate(wanted).equals for wanted in each]

    assert equals == ["a", 5, True, None, 5, *[MISSING] * 5]


def test_a_predicate_that_no_value_meets_says_so() -> None:
    assert predicate("in []").never == predicate([]).never == "nothing is in an empty list"
    assert predicate("not in []").never == predicate("> 5").never == ""


@pytest.mark.parametrize(
    ("wanted", "value", "why"),
    [
        ("> 0", 0, "was 0"),
        ("> 0", MISSING, "is missing"),
        ("> 0", "1", 'is text "1", a number was needed'),
        ("> 0", True, "is boolean true, a number was needed"),
        ("> 0", None, "is null, a number was needed"),
        ("success", "failed", 'was "failed"'),
        ("success", 5, "is number 5, a text was needed"),
        (None, 5, "is number 5, null was needed"),
        ("contains a", {"a": 1}, 'is map {"a":1}, a text or a list was needed'),
        ("in [a]", 5, "was 5"),
        ("!= x", "x", 'was "x"'),
        ("matches ^b", "x" * 200, f'was "{"x" * 78}…'),
        ("matches (x|b)$", "x" * 100_000, "has 100,000 characters; this pattern takes 83,333"),
    ],
)
def test_a_predicate_says_what_stood_against_it(wanted: Json, value: Json, why: str) -> None:
    refused = predicate(wanted)

    assert refused.holds(value) is False
    assert refused.why(value) == why


@pytest.mark.parametrize(
    ("wanted", "message", "fix"),
    [
        (">", "1:2: data.x: > stands alone", 'write a value behind it; to mean the text itself write == ">"'),
        (">= ", "1:4: data.x: >= stands alone", 'write a value behind it; to mean the text itself write == ">= "'),
        ("= 5", "1:1: data.x: = is no operator", "write == or >= or <="),
        ("> 5m", '1:3: data.x: "5m" is no number', 'write a number such as > 300, or a text in quotes; to mean the text itself write == "> 5m"'),
        ("> 1,000", '1:3: data.x: "1,000" is no number', 'write a number such as > 300, or a text in quotes; to mean the text itself write == "> 1,000"'),
        ("<none>", '1:2: data.x: "none>" is no number', 'write a number such as < 300, or a text in quotes; to mean the text itself write == "<none>"'),
        ("> true", '1:3: data.x: "true" is no number', 'write a number such as > 300, or a text in quotes; to mean the text itself write == "> true"'),
        ("> 0 && < 5", "1:5: data.x: && joins expressions, not values", "write two conditions, or an expression"),
        ("> 1e400", '1:3: data.x: "1e400" is too large', "write it as a text in quotes"),
        ("== 9223372036854775808", '1:4: data.x: "9223372036854775808" is too large', "write it as a text in quotes"),
        ('== "a" b', '1:8: data.x: unexpected "b"', ""),
        ('== "a', "1:4: the text is never closed", 'end it with "'),
        ("in [a", "1:6: data.x: the list is never closed", "write a list such as [a, b]"),
        ("in [a,,b]", "1:7: data.x: a value is missing", "write a list such as [a, b]"),
        ("in [a] b", '1:8: data.x: unexpected "b"', ""),
        ("matches (a", "1:9: data.x: pattern, character 1: this ( is never closed", "write \\( for the character"),
        ("contains ", "1:10: data.x: contains stands alone", 'write a value behind it; to mean the text itself write == "contains "'),
        (["> 5"], '1:1: data.x: a list holds plain values, not "> 5"', 'write that one condition alone; to mean the text itself write in ["> 5"]'),
        (float("nan"), "1:1: data.x: nan equals no number", ""),
        ([object()], "1:1: data.x: object is no value to compare with", ""),
    ],
)  # fmt: skip
def test_a_faulty_predicate_is_refused_with_its_place(wanted: Json, message: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        predicate(wanted)

    assert (caught.value.message, caught.value.fix) == (message, fix)
    assert caught.value.code == "expression.invalid"


def test_a_value_nested_too_deeply_is_refused() -> None:
    deep: Json = "x"
    for _ in range(100):
        deep = [deep]

    with pytest.raises(InputError, match="nested deeper than 64 levels"):
        predicate({"a": deep})


def test_a_predicate_knows_the_path_of_its_value() -> None:
    above = parse_predicate("data.rows.1.n", "> 5")

    assert above.holds(getter(above.path)({"data": {"rows": [{"n": 1}, {"n": 6}]}}))


def test_the_quality_conditions_of_the_origin_hold_for_its_event() -> None:
    data = {"data_quality_score": 0.98, "record_count": 15000, "processing_duration": 45}
    wanted = {
        "data_quality_score": ">= 0.95",
        "record_count": "> 0",
        "processing_duration": "< 300",
    }

    assert all(parse_predicate(name, wanted[name]).holds(data[name]) for name in wanted)
