"""Token: the words of an expression, with their places.

Text literals follow CEL: single, double and triple quotes, escapes, and `r` for raw ones. A scan
may end at the brace that closes a template's hole.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import Spot, invalid

Sort: TypeAlias = Literal["name", "number", "text", "sign", "end"]


class Token(NamedTuple):
    """One word; `value` is what a literal stands for."""

    sort: Sort
    text: str
    start: int
    end: int
    value: Json = None


_BLANK = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"(?P<hex>0x[0-9a-fA-F]+)|(?P<float>\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)|(?P<int>\d+)",
    re.ASCII,
)
_SIGN = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}=]")
_QUOTE = re.compile(r"(?P<prefix>[rR]?)(?P<quote>\"\"\"|'''|\"|')")
_BYTES = re.compile(r"(?:[bB][rR]?|[rR][bB])[\"']")
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\?\"'`])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.|\Z))",
    re.DOTALL,
)
_BODIES = {
    quote: re.compile(pattern, re.DOTALL)
    for quote, pattern in {
        '"': r'(?:[^"\\\n\r]|\\[^\n\r])*',
        "'": r"(?:[^'\\\n\r]|\\[^\n\r])*",
        '"""': r'(?:[^"\\]|\\.|"(?!""))*',
        "'''": r"(?:[^'\\]|\\.|'(?!''))*",
        'r"': r'[^"\n\r]*',
        "r'": r"[^'\n\r]*",
        'r"""': r'(?:[^"]|"(?!""))*',
        "r'''": r"(?:[^']|'(?!''))*",
    }.items()
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_STRAY = {
    "&": "for AND write &&",
    "|": "for OR write ||",
    "$": "leave out ${ and }: this is an expression already",
    ";": "an expression has no ;",
    "\\": 'a backslash belongs inside quotes, such as "\\\\d"',
    "#": "comments begin with //",
    "^": "there is no power operator",
    "“": 'write plain quotes: "',
    "”": 'write plain quotes: "',
    "‘": "write plain quotes: '",
    "’": "write plain quotes: '",
}


def scan(source: str, start: int, stop: int, closing: str = "") -> list[Token]:
    """The words from `start` on, then one `end` token.

    It ends at `stop`, or with `closing` (`}` or `}}`) at the first such brace that no brace of the
    expression opened; a hole that is never closed ends at `stop` with an `end` of no text.
    Raises InputError (`expression.invalid`).
    """
    tokens: list[Token] = []
    at, depth = start, 0
    while True:
        at = _end_of(_BLANK, source, at, stop)
        if at >= stop:
            tokens.append(Token("end", "", stop, stop))
            return tokens
        if closing and not depth and source.startswith(closing, at):
            tokens.append(Token("end", closing, at, at + len(closing)))
            return tokens
        token = _next(source, at, stop)
        if token.sort == "sign":
            depth += (token.text == "{") - (token.text == "}")
        tokens.append(token)
        at = token.end


def quoted(source: str, at: int, stop: int) -> Token:
    """The text literal that begins here. Raises InputError (`expression.invalid`)."""
    found = _QUOTE.match(source, at, stop)
    assert found is not None, "a text begins with a quote"
    raw, quote = found["prefix"].lower(), found["quote"]
    begin = found.end()
    finish = _end_of(_BODIES[raw + quote], source, begin, stop)
    if finish + len(quote) > stop or not source.startswith(quote, finish):
        raise invalid(Spot(source, at), "the text is never closed", f"end it with {quote}")
    body = source[begin:finish]
    if not raw and "\\" in body:
        body = _ESCAPE.sub(lambda escape: _unescape(source, begin, escape), body)
    if _SURROGATE.search(body):
        raise invalid(Spot(source, at), "half a surrogate pair is no character")
    return Token("text", source[at : finish + len(quote)], at, finish + len(quote), body)


def _next(source: str, at: int, stop: int) -> Token:
    if _BYTES.match(source, at, stop):
        raise invalid(Spot(source, at), "bytes are no value here", "leave out the b")
    if _QUOTE.match(source, at, stop):
        return quoted(source, at, stop)
    if found := _NAME.match(source, at, stop):
        return Token("name", found[0], at, found.end())
    if found := _NUMBER.match(source, at, stop):
        return _number(source, found)
    if found := _SIGN.match(source, at, stop):
        return Token("sign", found[0], at, found.end())
    stray = source[at]
    fix = _STRAY.get(stray, "")
    if stray.isalpha():
        fix = 'names are written with a to z; put any other into brackets, such as data["größe"]'
    raise invalid(Spot(source, at), f"unexpected character {stray!r}", fix)


def _number(source: str, found: re.Match[str]) -> Token:
    written, end = found[0], found.end()
    after = _NAME.match(source, end)
    if after:
        word = written + after[0]
        fix = "leave out the u" if after[0] in "uU" else f'write a plain number, or a text "{word}"'
        raise invalid(Spot(source, found.start()), f"{word} is no number", fix)
    if found["float"]:
        value = float(written)
        if value in (float("inf"), float("-inf")):
            raise invalid(Spot(source, found.start()), f"{written} is too large")
        return Token("number", written, found.start(), end, value)
    # Python refuses to read very long decimals at all; no more than 19 digits fit in 64 bits.
    digits = written[2:] if found["hex"] else written.lstrip("0") or "0"
    if len(digits) > 32:
        raise invalid(Spot(source, found.start()), "the number does not fit in 64 bits")
    return Token("number", written, found.start(), end, int(digits, 16 if found["hex"] else 10))


def _unescape(source: str, begin: int, escape: re.Match[str]) -> str:
    if escape["wrong"] is not None:
        raise invalid(
            Spot(source, begin + escape.start()),
            f"\\{escape['wrong']} means nothing",
            'write \\\\ for a backslash, or a raw text r"..."',
        )
    if escape["plain"]:
        return _PLAIN.get(escape["plain"], escape["plain"])
    if escape["octal"]:
        return chr(int(escape["octal"], 8))
    code = int(escape["x"] or escape["u"] or escape["U"], 16)
    if code > 0x10FFFF:
        raise invalid(Spot(source, begin + escape.start()), f"{escape[0]} is no character")
    return chr(code)


def _end_of(pattern: re.Pattern[str], source: str, at: int, stop: int) -> int:
    found = pattern.match(source, at, stop)
    assert found is not None, "the pattern matches nothing too"
    return found.end()
