"""JSON text from outside, read within limits.

What `read` returns can be stored as it is: no NaN, no infinity, no lone surrogate, no integer
beyond 64 bits (those become text), never nested deeper than DEPTH_MAX, no text over STRING_MAX.
Where a key repeats, the last one counts.

msgspec reads; Python's own reader, five times slower, is asked only when msgspec refuses: to name
what is wrong and where, and for integers of more digits than msgspec takes.
"""

from __future__ import annotations

import json
from typing import NoReturn

import msgspec

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.value import DEPTH_MAX, is_list, is_map, shown

STRING_MAX = 256 * 1024
"""UTF-8 bytes of one text or key."""
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1
"""What msgpack, and so every stored state, can hold."""

_DIGITS_SAFE = 18  # so many characters are always within 64 bits
_DIGITS_PYTHON = 4300  # Python turns no longer text into an integer

_decode = msgspec.json.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode


def read(raw: bytes) -> tuple[Json, bool]:
    """One JSON text as a value; True when an integer beyond 64 bits was kept as text.

    Raises InputError: `event.syntax`, `event.number`, `event.string`, `event.depth`.
    """
    long_integer = False
    try:
        value = _decode(raw)
    except RecursionError as error:
        raise _too_deep() from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        value, long_integer = _read_slowly(raw)
    # Counting brackets and bytes is cheap; only what could be over a limit is walked.
    if len(raw) > STRING_MAX or raw.count(b"{") + raw.count(b"[") > DEPTH_MAX:
        _check_shape(value)
    try:
        _encode(value)
    except OverflowError:
        return _shorten(value), True
    except UnicodeEncodeError as error:
        raise InputError(
            "event.string",
            f"a text holds half a surrogate pair, \\u{ord(error.object[error.start]):04x}",
            fix="send whole characters: a pair of escapes, or plain UTF-8",
        ) from error
    return value, long_integer


# ---- the slow road: names the fault
def _read_slowly(raw: bytes) -> tuple[Json, bool]:
    long_integers: list[str] = []

    def integer(text: str) -> int | str:
        # Long ones become text here already: `_encode` would stop at them, before a surrogate.
        if len(text) <= _DIGITS_PYTHON:
            value = int(text)
            if len(text) <= _DIGITS_SAFE or INTEGER_MIN <= value <= INTEGER_MAX:
                return value
        long_integers.append(text)
        return text

    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_int=integer, parse_float=_finite, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise InputError(
            "event.string",
            f"byte {error.start + 1} is no UTF-8 ({raw[error.start : error.start + 4].hex(' ')})",
            fix="send JSON in UTF-8",
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(
            "event.syntax",
            f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            fix="send one complete JSON object",
            line=error.lineno,
            column=error.colno,
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return value, bool(long_integers)


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        _no_number(text)
    return value


def _no_number(text: str) -> NoReturn:
    raise InputError(
        "event.number",
        f"{shown(text, 40)} is not a number JSON can carry",
        fix="send a finite number, or null where there is none",
        seen=text[:40],
    )


# ---- limits
def _check_shape(value: Json) -> None:
    """Layer by layer, so that no depth can exhaust the stack."""
    layer: list[Json] = [value]
    for _ in range(DEPTH_MAX + 1):
        inner: list[Json] = []
        containers = 0
        for item in layer:
            if is_map(item):
                containers += 1
                inner.extend(item)
                inner.extend(item.values())
            elif is_list(item):
                containers += 1
                inner.extend(item)
            elif type(item) is str and len(item) > STRING_MAX // 4:
                _check_string(item)
        if not containers:
            return
        layer = inner
    raise _too_deep()


def _check_string(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > STRING_MAX:
        raise InputError(
            "event.string",
            f"a text of {size} bytes, which begins {shown(text, 40)}, is over the limit of {STRING_MAX}",
            fix="send a reference to large content instead of the content",
            size_bytes=size,
        )


def _shorten(value: Json) -> Json:
    """The same value, integers beyond 64 bits as text."""
    if is_map(value):
        return {key: _shorten(item) for key, item in value.items()}
    if is_list(value):
        return [_shorten(item) for item in value]
    if type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX:
        return str(value)
    return value


def _too_deep() -> InputError:
    return InputError(
        "event.depth",
        f"objects and lists are nested more than {DEPTH_MAX} deep",
        fix="flatten the event's data",
    )
