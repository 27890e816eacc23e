"""Scalars: what a word without quotes means under the core schema of YAML 1.2.

`true`, `null`, `12`, `0x1F`, `0o17`, `1.5e3`, and nothing else: `yes`, `02:00` and `2024-01-15` are
text, and `010` is ten. Numbers that JSON cannot carry are refused.
"""

from __future__ import annotations

import re

from tidegate.kernel.event import Json
from tidegate.kernel.jsontext import INTEGER_MAX, INTEGER_MIN

_WORDS: dict[str, Json] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMERIC_START = frozenset("-+.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
DIGITS_MAX = 24
"""No longer text is turned into an integer: it is beyond 64 bits."""


class Unfit(Exception):
    """A plain word that is a number JSON cannot carry; says what it is."""


def plain(word: str) -> Json:
    """What a word without quotes means. Raises Unfit for numbers that JSON cannot carry."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _NUMERIC_START:
        return word
    if _INTEGER.fullmatch(word):
        return _integer(word, 10)
    if _OCTAL.fullmatch(word):
        return _integer(word, 8)
    if _HEXADECIMAL.fullmatch(word):
        return _integer(word, 16)
    if _FLOAT.fullmatch(word):
        value = float(word)
        if value - value != 0.0:
            raise Unfit("is too large for a number")
        return value
    if _NOT_FINITE.fullmatch(word):
        raise Unfit("is no number that JSON can carry")
    return word


def _integer(word: str, base: int) -> int:
    sign = "-" if word[0] == "-" else ""
    digits = word.lstrip("+-").removeprefix("0o").removeprefix("0x").lstrip("0") or "0"
    value = int(sign + digits, base) if len(digits) <= DIGITS_MAX else None
    if value is None or not INTEGER_MIN <= value <= INTEGER_MAX:
        raise Unfit("is an integer beyond 64 bits")
    return value
