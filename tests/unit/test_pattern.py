from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.pattern import KEPT_MAX, Pattern
from tidegate.kernel.pattern_parser import PatternError


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("", ["", "a"], []),
        ("^orders_[0-9]{8}\\.csv$", ["orders_20240115.csv"], ["orders_2024.csv", "orders_20240115xcsv", "orders_20240115.csv\n"]),
        ("a|bc|", ["", "x"], []),
        ("^(a|bc)$", ["a", "bc"], ["", "ab", "b"]),
        ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        ("^a{0}$", [""], ["a"]),
        ("^(?:a?){3}$", ["", "aaa"], ["aaaa"]),
        ("^(a*)*$", ["", "aaa"], ["b"]),
        ("^.$", ["a", "é", "𝄞"], ["\n", "", "ab"]),
        ("(?s)^.$", ["\n"], []),
        ("(?m)^b$", ["a\nb\nc"], ["ab", "a\nbc"]),
        ("(?i)É[a-c]", ["éB"], ["eb"]),
        ("(?i:a)b", ["Ab", "ab"], ["aB"]),
        ("(?i)a(?-i)b", ["Ab"], ["AB"]),
        ("a(?i)b|c", ["aB", "C"], ["AB"]),
        ("((?i)a)b", ["Ab"], ["AB"]),
        ("^[^\\d\\s]+$", ["ab_"], ["a1", "a b", ""]),
        ("^[\\D1]+$", ["a1"], ["2"]),
        ("^[]a-]+$", ["]a-"], ["b"]),
        ("^[[:alpha:]_]+$", ["aB_"], ["é", "1"]),
        ("^[[:^alpha:]]+$", ["1é"], ["a"]),
        ("^[\\x41-\\x{43}\\n]+$", ["ABC\n"], ["D"]),
        ("\\bend\\b", ["the end.", "end", "éendé"], ["bend", "end1"]),
        ("\\Aab\\z", ["ab"], ["ab\n", "xab"]),
        ("(?P<year>\\d{4})-(?<month>\\d{2})", ["2024-01"], ["2024-1"]),
        ("a{,2}", ["a{,2}"], ["aa"]),
        ("\\.\\\\\\{", [".\\{"], ["a\\{"]),
    ],
)  # fmt: skip
def test_a_pattern_is_found_in(pattern: str, found: list[str], not_found: list[str]) -> None:
    compiled = Pattern(pattern)

    assert [text for text in found if not compiled.found_in(text)] == []
    assert [text for text in not_found if compiled.found_in(text)] == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "character 1: this ( is never closed"),
        ("a)", "character 2: this ) closes nothing"),
        ("[a", "character 1: this [ is never closed"),
        ("*a", "character 1: * has nothing to repeat"),
        ("a**", "character 3: a repetition of a repetition"),
        ("a{3}{3}", "character 5: a repetition of a repetition"),
        ("a{2,1}", "character 2: at least 2 times but at most 1"),
        ("a{1001}", "character 2: repeats more than 1000 times"),
        ("(a)\\1", "character 4: \\1 means nothing"),
        ("(?=a)", "character 1: this kind of group is unknown"),
        ("(?<!a)b", "character 1: this kind of group is unknown"),
        ("\\q", "character 1: \\q means nothing"),
        ("\\pL", "character 1: \\p means nothing"),
        ("a\\", "character 2: \\ means nothing"),
        ("\\x{110000}", "character 1: \\x means nothing"),
        ("[b-a]", "character 2: b-a runs backwards"),
        ("[[:abc:]]", "character 2: [:abc:] is no class"),
        ("(" * 60 + ")" * 60, "character 51: nested deeper than 50 levels"),
        ("a" * 1025, "character 1025: a pattern has at most 1024 characters"),
        ("(a{100}){100}", "character 1: it needs more than 1000 instructions"),
        ("((((){1000}){1000}){1000}){1000}", "character 1: it needs more than 1000 instructions"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_read_names_the_character(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(pattern)

    assert str(caught.value) == f"pattern, {message}"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*)*x", "a*a*a*a*a*a*c", "(a?){200}a{200}$"]
)
def test_what_makes_other_engines_try_for_ever_is_answered(pattern: str) -> None:
    assert not Pattern(pattern).found_in("a" * 150 + "b" * 2 + "a" * 20 + "!")


def test_what_a_pattern_learnt_is_bounded_and_changes_no_answer() -> None:
    pattern, texts = Pattern("^[^x]*x?[^x]*$"), [f"{chr(1000 + n)}x" * (n % 3) for n in range(9000)]

    answers = [pattern.found_in(text) for text in texts]

    assert answers == [text.count("x") < 2 for text in texts]
    assert 0 < pattern.learnt <= KEPT_MAX


def _write(dice: random.Random, depth: int) -> str:
    if not depth or dice.random() < 0.3:
        return dice.choice(["a", "b", ".", "[ab]", "[^a]", "\\d", "\\W", "\\s", "1", "\n", "\\b", "\\B", "^", "\\A"])  # fmt: skip
    inner = _write(dice, depth - 1)
    shapes = [inner + _write(dice, depth - 1), f"({inner}|{_write(dice, depth - 1)})"]
    return dice.choice([*shapes, f"(?:{inner}){dice.choice(['*', '+', '?', '{2}', '{1,3}', '{2,}', '*?'])}"])  # fmt: skip


@given(st.integers(0, 100_000), st.text(alphabet="ab1é_ \n", min_size=1, max_size=10))
def test_a_pattern_finds_what_a_trying_engine_finds(seed: int, text: str) -> None:
    source = _write(random.Random(seed), 3)

    assert Pattern(source).found_in(text) is (re.search(source, text, re.ASCII) is not None)
