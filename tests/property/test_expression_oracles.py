"""Our expressions against two engines of CEL by other people.

The generated expressions are typed, with wrong types mixed in, so that most have a value. Where
both engines give the same answer (a value, or any error), ours has to be that answer. Everything
that is deliberately otherwise stands in DIFFERENT, with its reason, and is checked to be so.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable

import cel
import cel.stdlib
import pytest
from cel_expr_python import cel as google
from cel_expr_python.ext import ext_strings
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import expression
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import Missing
from tidegate.kernel.value import is_list, is_map

SCOPE: dict[str, Json] = {
    "i": 7,
    "j": -3,
    "big": 2**63 - 1,
    "x": 2.5,
    "y": 3.0,
    "s": "abc",
    "u": "b",
    "t": True,
    "f": False,
    "n": None,
    "m": {"k": 3, "t": "text", "l": [1, 2], "d": 3.0},
    "l": [1, 2.0, "b", True, None, [1], {"k": 3.0}],
    "w": ["b", "abc", ""],
}

DIFFERENT: list[tuple[str, str, Json, Json]] = [
    # reason, expression, what both engines answer, what ours answers
    ("senders write 45 or 45.0 for the same number", "i + x", "error", 9.5),
    ("senders write 45 or 45.0 for the same number", "x / i", "error", 2.5 / 7),
    ("a value is JSON, which has no infinity", "y / 0.0", float("inf"), "error"),
    ("a value is JSON, whose maps have texts as keys", "{1: 2}.size()", 1, "error"),
    ("a value is JSON, which has no bytes", "size(b'abc')", 3, "error"),
    ("a value is JSON, which has one kind of whole number", "1u == 1u", True, "error"),
    ("a value is JSON, which has no instants", "timestamp('2024-01-15T00:00:00Z') == 1", False, "error"),
    ("a value is JSON, which has no durations", "duration('1h') == 1", False, "error"),
    ("values have kinds, not types of their own", "type(i) == i", False, "error"),
    ("a whole number and a fraction compare exactly", "9007199254740993 == 9007199254740992.0", True, False),
    ("a faulty pattern is told when it is written", "f && s.matches('(')", False, "error"),
    ("what ! turns is true or false, also twice", "!!i", 7, "error"),
    ("has() answers for the whole path", "has(m.z.y)", "error", False),
    ("has() answers for the whole path", "has(n.z)", "error", False),
    ("has() answers for names and elements too", "has(i)", "error", True),
    ("has() answers for names and elements too", "has(l[99])", "error", False),
]  # fmt: skip

_GOOGLE = google.NewEnv(
    variables=dict.fromkeys(SCOPE, google.Type.DYN), extensions=[ext_strings.ExtStrings()]
)
_RUST = cel.Context(variables=SCOPE)
cel.stdlib.add_stdlib_to_context(_RUST)


def ours(source: str) -> Json:
    try:
        return expression.compile(source).evaluate(SCOPE)
    except (InputError, Missing):
        return "error"


def by_google(source: str) -> Json:
    try:
        answer = _GOOGLE.compile(source, disable_check=True).eval(data=SCOPE)
    except Exception:
        return "error"
    return "error" if answer.type() == google.Type.ERROR else owned(answer.plain_value())


def owned(answer: Json) -> Json:
    """This engine's binding hands out None without counting the reference; Python dies of it later."""
    waiting: list[Json] = [answer]
    while waiting:
        value = waiting.pop()
        if value is None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
        elif is_list(value):
            waiting.extend(value)
        elif is_map(value):
            waiting.extend(value.values())
    return answer


def by_rust(source: str) -> Json:
    try:
        return cel.evaluate(source, _RUST)
    except Exception:
        return "error"


def same(one: Json, other: Json) -> bool:
    """Equal, also in type; Python's 1 == True == 1.0 does not do."""
    if is_list(one) and is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if is_map(one) and is_map(other):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


# ---- generated expressions
class Writer:
    """Writes random expressions of a wanted type, at most `depth` operations deep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def any(self, depth: int) -> str:
        if self._random.random() < 0.1:
            return self._one(
                "n", "null", "m.z", "i.z", "z", "l[99]", "m['k']", "l[i]", "m[s]", "l[-1]"
            )
        return self._by(self.whole, self.fraction, self.text, self.truth, self.list, self.map)(
            depth
        )

    def whole(self, depth: int) -> str:
        if not depth:
            return self._one(
                "i", "j", "m.k", "0", "1", "-2", "big", "0x10", "m.l[0]", "-9223372036854775808"
            )
        a, b = self.whole(depth - 1), self.whole(depth - 1)
        return self._one(
            f"({a} {self._one(*'+-*/%')} {b})", f"-({a})", f"({self.truth(depth - 1)} ? {a} : {b})",
            f"size({self.text(depth - 1)})", f"{self.list(depth - 1)}.size()",
            f"int({self.fraction(depth - 1)})", f"int({self.text(depth - 1)})", f"int({a})",
            f"({self._wrong(depth - 1)} {self._one(*'+-*/%')} {a})", f"-({self._wrong(depth - 1)})",
            f"size({self.any(depth - 1)})", f"({a} {self._one(*'+-*/%')} {b} {self._one(*'+-*')} {a})",
        )  # fmt: skip

    def fraction(self, depth: int) -> str:
        if not depth:
            return self._one("x", "y", "0.5", "-1.25", ".5", "1e3", "m.d")
        a, b = self.fraction(depth - 1), self.fraction(depth - 1)
        return self._one(
            f"({a} {self._one(*'+-*')} {b})", f"({a} / {self._one('2.0', '-0.5')})", f"-({a})",
            f"double({self.whole(depth - 1)})", f"double({self.text(depth - 1)})",
            f"({self.truth(depth - 1)} ? {a} : {b})", f"({a} {self._one(*'+-*/%')} {self._wrong(depth - 1)})",
        )  # fmt: skip

    def text(self, depth: int) -> str:
        if not depth:
            return self._one(
                "s", "u", "''", "'é𝄞'", "m.t", "'12'", "'-4.5'", r"'\u0041\n'", 'r"\\n"', "' aA '"
            )
        a, b, whole = self.text(depth - 1), self.text(depth - 1), self.whole(0)
        return self._one(
            f"({a} + {b})", f"({self.truth(depth - 1)} ? {a} : {b})", f"string({self.whole(depth - 1)})",
            f"string({self.fraction(0)})", f"string({self.any(depth - 1)})", f"{a}.lowerAscii()",
            f"{a}.upperAscii()", f"{a}.trim()", f"{a}.replace({b}, {self.text(0)})",
            f"{a}.replace({b}, {self.text(0)}, {self._one('-1', '0', '1', '2')})",
            f"{a}.substring({whole})", f"{a}.substring({whole}, {self.whole(0)})", "w.join()",
            f"w.join({a})", f"{a}.split({b}).join({b})", f"{self.list(depth - 1)}.join({a})",
            f"({a} + {self._wrong(depth - 1)})",
        )  # fmt: skip

    def truth(self, depth: int) -> str:
        if not depth:
            return self._one("t", "f", "true", "false", "has(m.k)", "has(m.z)", "'k' in m")
        a, b = self.truth(depth - 1), self.truth(depth - 1)
        each, text = self.any(depth - 1), self.text(depth - 1)
        order = self._one("<", "<=", ">", ">=")
        return self._one(
            f"({a} && {b})", f"({a} || {b})", f"!({a})", f"({each} && {a} || {b})", f"({a} || {each})",
            f"({each} {self._one('==', '!=')} {self.any(depth - 1)})",
            f"({self.whole(depth - 1)} {order} {self.whole(depth - 1)})",
            f"({self.fraction(depth - 1)} {order} {self.whole(depth - 1)})",
            f"({text} {order} {self.text(depth - 1)})", f"({each} {order} {self.any(depth - 1)})",
            f"({each} in {self.list(depth - 1)})", f"({each} in {self.map(depth - 1)})",
            f"({each} in {each})", f"({each} ? {a} : {b})",
            f"{text}.{self._one('contains', 'startsWith', 'endsWith')}({self.text(depth - 1)})",
            f"{text}.matches({self._pattern()})",
            f"{self.list(depth - 1)}.{self._one('all', 'exists', 'exists_one')}(q, q == {each})",
            f"{self.list(depth - 1)}.{self._one('all', 'exists')}(q, q {order} {self.whole(0)} || {a})",
            f"m.{self._one('all', 'exists', 'exists_one')}(q, q == {text})", f"!({each})",
        )  # fmt: skip

    def list(self, depth: int) -> str:
        if not depth:
            return self._one("l", "w", "m.l", "[]", "[1, 'b', 2.5]", "[[1.0], {'k': 3}, null]")
        a, b = self.list(depth - 1), self.list(depth - 1)
        return self._one(
            f"({a} + {b})", f"[{self.any(depth - 1)}, {self.any(depth - 1)}]",
            f"{a}.filter(q, q {self._one('==', '!=')} {self.any(depth - 1)})", f"{a}.map(q, [q, {self.any(depth - 1)}])",
            f"{a}.map(q, q != {self.any(0)}, q)", f"{self.text(depth - 1)}.split({self._one('u', repr(','), repr('b'))})",
            f"({self.truth(depth - 1)} ? {a} : {b})", f"({a} + {self.any(depth - 1)})",
        )  # fmt: skip

    def map(self, depth: int) -> str:
        if not depth:
            return self._one("m", "{}", "{'k': 3.0}", "l[6]")
        return f"{{'k': {self.any(depth - 1)}, {self.text(0)}: {self.any(depth - 1)}}}"

    def _wrong(self, depth: int) -> str:
        """Anything but a number: numbers of both kinds in one sum are one of the differences."""
        return self._by(self.text, self.truth, self.list, self.map)(depth)

    def _pattern(self) -> str:
        return self._one(
            "'b'",
            "'^a.*c$'",
            r"r'\d+'",
            "'(a|b)*$'",
            r"r'^\w{2,3}$'",
            "'[^a-c]'",
            "'(?i)B'",
            "('(' + '')",
            "u",
        )

    def _one(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _by(self, *writers: Callable[[int], str]) -> Callable[[int], str]:
        return self._random.choice(writers)


@pytest.mark.parametrize("seed", range(5))
def test_where_both_engines_agree_ours_agrees(seed: int) -> None:
    writer = Writer(seed)
    written = [writer.any(depth) for depth in (1, 2, 2, 3) for _ in range(100)]
    answers = [(source, by_google(source), by_rust(source)) for source in written]

    agreed = [(source, theirs) for source, theirs, other in answers if same(theirs, other)]
    wrong = [
        (source, theirs, ours(source))
        for source, theirs in agreed
        if not same(ours(source), theirs)
    ]

    assert sorted(wrong, key=lambda found: len(found[0])) == []
    assert len(agreed) > 0.75 * len(written)
    assert sum(theirs != "error" for _, theirs in agreed) > 0.3 * len(written)


@pytest.mark.parametrize(("reason", "source", "theirs", "own"), DIFFERENT)
def test_what_is_deliberately_different_is(
    reason: str, source: str, theirs: Json, own: Json
) -> None:
    assert reason
    assert same(by_google(source), theirs)
    assert same(by_rust(source), theirs)
    assert same(ours(source), own)


def test_what_is_deliberately_different_is_little() -> None:
    assert len({reason for reason, _, _, _ in DIFFERENT}) <= 13


@given(st.text(alphabet="ab1é_\n .-", max_size=12), st.integers(0, 10_000))
def test_a_pattern_finds_what_re2_finds(text: str, seed: int) -> None:
    pattern = random_pattern(random.Random(seed), 3)
    source = f"t.matches(r'''{pattern}''')"
    scope = {"t": text}
    environment = google.NewEnv(variables={"t": google.Type.DYN})
    theirs = environment.compile(source, disable_check=True).eval(data=scope).plain_value()

    assert expression.compile(source).evaluate(scope) is theirs


def random_pattern(dice: random.Random, depth: int) -> str:
    """Without `\\B`, which RE2 finds between the two bytes of one character too."""
    if not depth or dice.random() < 0.3:
        return dice.choice(
            ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\W", r"\s", "1", " ", r"\b", "^", "$",
             "[a-b1]", r"[\d_-]", "é", r"\x61", "[[:alpha:]]", "[^[:digit:]a]", r"\.", "(?i:A)"]
        )  # fmt: skip
    inner = random_pattern(dice, depth - 1)
    match dice.randrange(4):
        case 0:
            return inner + random_pattern(dice, depth - 1)
        case 1:
            return f"({inner}|{random_pattern(dice, depth - 1)})"
        case 2:
            return f"(?{dice.choice(['', 'i', 's', 'm'])}:{inner})"
        case _:
            return f"(?:{inner})" + dice.choice(
                ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "??"]
            )
