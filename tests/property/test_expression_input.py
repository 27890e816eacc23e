"""Expressions, predicates and templates against random input: a value or a fault, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.kernel import expression
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import Missing
from tidegate.kernel.predicate import parse_predicate
from tidegate.kernel.template import Style, parse_any, parse_template
from tidegate.kernel.value import MISSING, canonical

WORDS = re.findall(
    r"\S+",
    """data . x y ( ) [ ] { } && || ! - + * / % == != < <= > >= in ? : , 1 2.5 0x1 1e300 'a' "b" '(a+)+$'
    -9223372036854775808 9223372036854775807 true false null has( all( exists( map( filter( q size(
    matches( split( join( replace( substring( int( double( string( bool( min( max( abs( f( env= //""",
)
words = st.sampled_from([*WORDS, "\n"])
soup = st.lists(words, max_size=30).map(" ".join)
odd_texts = st.text(max_size=30) | st.text(alphabet="${}[]().'\"\\<>=!&|fin \nab0", max_size=30)
INPUT: dict[str, Json] = {
    "data": {"x": [1, "a", {"y": 2}], "y": "aaab"},
    "x": 1.5,
    "y": None,
    "q": [],
}


OUTCOMES = {
    "value", "missing", "expression.invalid", "expression.type", "expression.function",
    "expression.budget",
}  # fmt: skip


def outcome(use: Callable[[], object]) -> str:
    """What came of it; anything a caller does not expect is raised."""
    try:
        use()
    except InputError as error:
        return error.code
    except Missing:
        return "missing"
    return "value"


def project_function(env: Json = 1) -> Json:
    return env


@settings(max_examples=300)
@given(soup | odd_texts | st.builds("{}{}{}".format, st.sampled_from("([{!-"), soup, odd_texts))
def test_a_random_source_has_a_value_or_a_fault(source: str) -> None:
    def use() -> None:
        compiled = expression.compile(source, functions={"f": project_function})
        met, why = compiled.holds(INPUT)
        assert met is compiled.met(INPUT)
        assert bool(why) is not met
        traced = compiled.explain(INPUT)
        try:
            assert canonical(compiled.evaluate(INPUT)) == canonical(traced.value)
        except (InputError, Missing):
            assert traced.why
            raise

    assert outcome(use) in OUTCOMES


@pytest.mark.parametrize("opening", ["(", "[", "{'a':", "!", "-", "1+(", "x[", "x.y(", "t ? 1 : "])
@pytest.mark.parametrize("count", [1, 24, 49, 50, 51, 1000, 2000])
def test_however_deep_a_source_goes_it_has_a_value_or_a_fault(opening: str, count: int) -> None:
    closing = {"[": "]", "x[": "]", "{'a':": "}", "!": "", "-": "", "t ? 1 : ": ""}.get(
        opening, ")"
    )
    compiles = outcome(lambda: expression.compile(f"{opening * count}true{closing * count}"))

    assert outcome(lambda: expression.compile(opening * count)) == "expression.invalid"
    assert compiles in OUTCOMES
    assert (compiles == "expression.invalid") is (count >= 50 or opening == "x.y(")


@given(odd_texts, st.sampled_from(["action", "id", "manifest", "value"]))
def test_a_random_template_has_a_value_or_a_fault(text: str, style: Style) -> None:
    alone = outcome(lambda: parse_template(text, style, functions={"f": abs}).render(INPUT))
    nested = outcome(lambda: parse_any([text, {"k": text}], style).render_text(INPUT))

    assert {alone, nested} <= OUTCOMES


@given(st.text(alphabet="abc{} $.-\n", max_size=20))
def test_a_template_without_holes_is_itself(text: str) -> None:
    for style in ("action", "value"):
        if "${" not in text:
            assert parse_template(text, style).render({}) == text


scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "b", "1"])
)
wanted = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars)
operators = st.sampled_from(
    ["== ", "!= ", "> ", "<= ", "in [", "not in [", "contains ", "matches ", "endswith "]
)


@given(odd_texts | wanted | st.builds("{}{}".format, operators, odd_texts), wanted | odd_texts)
def test_a_random_predicate_is_a_fault_or_answers_for_every_value(
    written: Json, value: Json
) -> None:
    if outcome(lambda: parse_predicate("data.x", written)) != "value":
        assert outcome(lambda: parse_predicate("data.x", written)) == "expression.invalid"
        return
    predicate = parse_predicate("data.x", written)

    assert type(predicate.holds(value)) is bool
    assert predicate.holds(MISSING) is False
    assert predicate.why(value)
    assert predicate.why(MISSING) == "is missing"
    if predicate.equals is not MISSING:
        assert predicate.holds(predicate.equals)


def literal(value: Json) -> str:
    return {"True": "true", "False": "false", "None": "null"}.get(repr(value), repr(value))


@given(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), scalars, scalars)
def test_an_operator_text_says_what_the_expression_says(
    operator: str, bound: Json, value: Json
) -> None:
    written = f'"{bound}"' if isinstance(bound, str) else literal(bound)
    if operator not in ("==", "!=") and type(bound) not in (int, float, str):
        assert (
            outcome(lambda: parse_predicate("x", f"{operator} {written}")) == "expression.invalid"
        )
        return
    predicate = parse_predicate("x", f"{operator} {written}")

    holds = expression.compile(f"x {operator} {literal(bound)}").met({"x": value})

    assert predicate.holds(value) is holds
