"""Predicate parser: what a rule writes for one field, to an operator and its operand.

A plain value is an equality, a list is an `in`. In an operator text numbers, `true`, `false` and
`null` are what they look like, quoted words are texts, and any other word is a text too.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

from msgspec import Struct

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import SOURCE_MAX, Spot, invalid
from tidegate.kernel.expression_token import quoted
from tidegate.kernel.value import (
    DEPTH_MAX,
    INTEGER_MAX,
    INTEGER_MIN,
    is_list,
    is_map,
    kind,
    shown,
)


class Wanted(Struct, frozen=True):
    """`operator` is one of == != < <= > >= in, not in, matches, contains, startswith, endswith."""

    operator: str
    operand: Json
    spot: Spot
    written: str = ""
    """The operand of `contains` as a part of a text: 007 is the number 7 in a list only."""


_COMPARISON: Final = re.compile(r"\s*(>=|<=|==|!=|=|>|<)\s*")
_MEMBERSHIP: Final = re.compile(r"\s*(in|not\s+in)\s*(?=\[)")
_TEXTUAL: Final = re.compile(
    r"\s*(matches|contains|starts ?with|startsWith|ends ?with|endsWith)\s+"
)
_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,4})?", re.ASCII)
_ORDERABLE: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.,Z+-]*)?|[A-Za-z_][\w./:+-]*", re.ASCII
)
_JOINT: Final = re.compile(r"\s(and|or)\s+[<>=!\d]", re.IGNORECASE)
_BARE: Final = re.compile(r"[^,\[\]\"']*")
_WORDS: Final = {"true": True, "false": False, "null": None}
_LITERAL: Final = "to mean the text itself write"


def parse_wanted(name: str, wanted: Json) -> Wanted:
    """What is wanted of the field `name`. Raises InputError (`expression.invalid`)."""
    if type(wanted) is str:
        return _Reader(name, wanted).wanted()
    _check_plain(name, wanted)
    if not is_list(wanted):
        return Wanted("==", wanted, Spot("", 0))
    for item in wanted:
        if type(item) is str and _is_operator(item):
            raise invalid(
                Spot(item, 0),
                f"{name}: a list holds plain values, not {shown(item)}",
                f"write that one condition alone; {_LITERAL} in [{shown(item)}]",
            )
    return Wanted("in", wanted, Spot("", 0))


class _Reader:
    """Reads one text; used once."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def wanted(self) -> Wanted:
        if len(self._text) > SOURCE_MAX:
            raise self._fault(0, f"the text is longer than {SOURCE_MAX:,} characters")
        if found := _COMPARISON.match(self._text):
            return self._comparison(found[1], found.end())
        if found := _MEMBERSHIP.match(self._text):
            operator = "in" if found[1] == "in" else "not in"
            return self._made(operator, self._items(found.end()), found.end())
        if found := _TEXTUAL.match(self._text):
            return self._textual(found[1].lower().replace(" ", ""), found.end())
        return self._made("==", self._text, 0)

    # ---- operators
    def _comparison(self, operator: str, at: int) -> Wanted:
        if operator == "<" and self._text[at : at + 1] == ">":
            raise self._fault(self._text.index("<"), "<> is no operator", "write !=")
        if operator == "=":
            raise self._fault(self._text.index("="), "= is no operator", "write == or >= or <=")
        self._check_operand(operator, at)
        if operator not in ("==", "!="):
            return self._made(operator, self._bound(operator, at), at)
        listed = self._text[at] == "["
        return self._made(operator, self._items(at) if listed else self._operand(at), at)

    def _bound(self, operator: str, at: int) -> Json:
        """What `<` and its like take: a number, a date, a word."""
        written, bound = self._text[at:].strip(), self._operand(at)
        if type(bound) is int or type(bound) is float:
            return bound
        if type(bound) is str and (self._text[at] in "\"'" or _ORDERABLE.fullmatch(written)):
            return bound
        joint = _JOINT.search(written)
        if joint is not None:
            raise self._fault(
                at + joint.start(1),
                f"{operator} takes one value, not {shown(written)}",
                "write one comparison here, and the other under additional_conditions",
            )
        raise self._fault(
            at,
            f"{shown(written)} is no number",
            f"write a number such as {operator} 300, or a text in quotes; "
            f"{_LITERAL} == {shown(self._text)}",
        )

    def _textual(self, operator: str, at: int) -> Wanted:
        self._check_operand(operator, at)
        in_quotes = self._text[at] in "\"'"
        written = self._operand(at) if in_quotes else self._text[at:].rstrip()
        operand = self._operand(at) if operator == "contains" else written
        return Wanted(operator, operand, Spot(self._text, at), written)

    def _made(self, operator: str, operand: Json, at: int) -> Wanted:
        return Wanted(operator, operand, Spot(self._text, at))

    # ---- operands
    def _check_operand(self, operator: str, at: int) -> None:
        if at >= len(self._text):
            fix = f"write a value behind it; {_LITERAL} == {shown(self._text)}"
            raise self._fault(at, f"{operator} stands alone", fix)

    def _operand(self, at: int) -> Json:
        """All the rest as one value."""
        if self._text[at] in "\"'":
            token = quoted(self._text, at, len(self._text))
            self._check_end(token.end)
            return token.value
        written = self._text[at:].rstrip()
        for joint in ("&&", "||"):
            if joint in written:
                raise self._fault(
                    at + written.index(joint),
                    f"{joint} joins expressions, not values",
                    "write two conditions, or an expression",
                )
        return self._bare(written, at)

    def _items(self, at: int) -> list[Json]:
        """A list of values from its opening bracket to the end."""
        items: list[Json] = []
        at = self._blank(at + 1)
        while self._peek(at) != "]":
            item, at = self._item(at)
            items.append(item)
            at = self._blank(at)
            if self._peek(at) == ",":
                at = self._blank(at + 1)
            elif self._peek(at) != "]":
                raise self._fault(at, "the list is never closed", "write a list such as [a, b]")
        self._check_end(at + 1)
        return items

    def _item(self, at: int) -> tuple[Json, int]:
        if self._peek(at) in ("'", '"'):
            token = quoted(self._text, at, len(self._text))
            return token.value, token.end
        found = _BARE.match(self._text, at)
        written = found[0].rstrip() if found else ""
        if not written:
            raise self._fault(at, "a value is missing", "write a list such as [a, b]")
        return self._bare(written, at), at + len(written)

    def _bare(self, written: str, at: int) -> Json:
        if written in _WORDS:
            return _WORDS[written]
        if not _NUMBER.fullmatch(written):
            return written
        if set(written) & set(".eE"):
            if isfinite(float(written)):
                return float(written)
        elif len(written) <= 20 and INTEGER_MIN <= int(written) <= INTEGER_MAX:
            return int(written)
        raise self._fault(at, f"{shown(written)} is too large", "write it as a text in quotes")

    # ---- characters
    def _peek(self, at: int) -> str:
        return self._text[at : at + 1]

    def _blank(self, at: int) -> int:
        while self._peek(at).isspace():
            at += 1
        return at

    def _check_end(self, at: int) -> None:
        rest = self._text[at:].strip()
        if rest:
            raise self._fault(self._blank(at), f"unexpected {shown(rest, 40)}")

    def _fault(self, at: int, what: str, fix: str = "") -> InputError:
        return invalid(Spot(self._text, at), f"{self._name}: {what}", fix)


def _is_operator(text: str) -> bool:
    return any(form.match(text) for form in (_COMPARISON, _MEMBERSHIP, _TEXTUAL))


def _check_plain(name: str, value: Json, depth: int = 0) -> None:
    what = ""
    parts: list[Json] = []
    if depth > DEPTH_MAX:
        what = f"the value is nested deeper than {DEPTH_MAX} levels"
    elif is_list(value):
        parts = value
    elif is_map(value):
        parts = list(value.values())
    elif type(value) is float and not isfinite(value):
        what = f"{value} equals no number"
    elif type(value) not in (type(None), bool, int, float, str):
        what = f"{kind(value)} is no value to compare with"
    if what:
        raise invalid(Spot("", 0), f"{name}: {what}")
    for part in parts:
        _check_plain(name, part, depth + 1)
