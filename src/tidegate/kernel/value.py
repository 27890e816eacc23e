"""Values: JSON as plain Python, the paths into it, its one byte form, and how people read it.

A value is None, bool, int, float, str, list or dict of them, and is never changed. Nothing here
looks at an attribute of a Python object: a path only walks dicts, and lists by position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from hashlib import blake2b
from typing import Final, TypeAlias, TypeGuard

import msgspec

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json

Path: TypeAlias = tuple[str, ...]
Getter: TypeAlias = Callable[[Mapping[str, Json]], Json]
"""Reads one path of a mapping; `MISSING` when it is not there."""

PATH_MAX = 512
"""Characters of a written path."""
DEPTH_MAX = 64
"""Levels of lists and maps in a value that is made here; an event holds no more either."""
INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1


class Absent(Enum):
    """What is not there, which is not the same as null."""

    MISSING = "missing"


MISSING: Final = Absent.MISSING

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "map",
}


# ---- kinds
def is_list(value: Json) -> TypeGuard[list[Json]]:
    return type(value) is list


def is_map(value: Json) -> TypeGuard[dict[str, Json]]:
    return type(value) is dict


# ---- paths
def parse_path(text: str) -> Path:
    """`data.x.y` to its segments; all digits is also a position in a list, counted from 0.

    Raises InputError (`expression.invalid`).
    """
    segments = tuple(text.split("."))
    if len(text) > PATH_MAX or not all(
        segment and segment == segment.strip() for segment in segments
    ):
        raise InputError(
            "expression.invalid",
            f"{shown(text, 80)} is no path",
            fix=f"write names joined by single dots, such as data.record_count, "
            f"at most {PATH_MAX} characters",
            source=text,
        )
    return segments


def getter(path: Path) -> Getter:
    """A function that reads this path; the usual short ones cost little more than their lookups."""
    if not path or any(_position(segment) for segment in path[1:]):
        return _walker(path)
    if len(path) == 1:
        return _get_one(path[0])
    if len(path) == 2:
        return _get_two(path[0], path[1])
    return _get_many(path)


def _get_one(name: str) -> Getter:
    def get(scope: Mapping[str, Json]) -> Json:
        return scope.get(name, MISSING)

    return get


def _get_two(first: str, second: str) -> Getter:
    # TypeError: what stands at the first name is no map.
    def get(scope: Mapping[str, Json]) -> Json:
        try:
            return scope[first][second]
        except (KeyError, TypeError):
            return MISSING

    return get


def _get_many(path: Path) -> Getter:
    def get(scope: Mapping[str, Json]) -> Json:
        value: Json = scope
        try:
            for name in path:
                value = value[name]
        except (KeyError, TypeError):
            return MISSING
        return value

    return get


def _walker(path: Path) -> Getter:
    def get(scope: Mapping[str, Json]) -> Json:
        value: Json = scope
        for segment in path:
            if is_list(value):
                if not _position(segment) or int(segment) >= len(value):
                    return MISSING
                value = value[int(segment)]
            else:
                value = _at_key(value, segment)
                if value is MISSING:
                    return MISSING
        return value

    return get


def _at_key(value: Json, key: str) -> Json:
    try:
        return value[key]
    except (KeyError, TypeError):
        return MISSING


def _position(segment: str) -> bool:
    # More digits than any list has elements are a name.
    return segment.isascii() and segment.isdigit() and len(segment) <= 9


# ---- bytes
def canonical(value: Json) -> bytes:
    """JSON with sorted keys and no blanks: equal values of equal types give the same bytes.

    1 and 1.0 are equal in a comparison but have two forms here (as have 0.0 and -0.0), since a
    sender who changes one for the other did change the text.
    """
    return _ENCODE(value)


def digest(value: Json) -> bytes:
    """16 bytes that stand for the canonical form."""
    return blake2b(_ENCODE(value), digest_size=16).digest()


# ---- what people read
def kind(value: object) -> str:
    """`number`, `text`, `boolean`, `list`, `map`, `null`, or `missing`."""
    if value is MISSING:
        return "missing"
    return _KINDS.get(type(value), type(value).__name__)


def text(value: Json) -> str:
    """A value inside a text: plain text as it is, lists joined with commas, the rest as JSON.

    Equal numbers read alike: 1.0 is `1`. Lists and maps inside a list are JSON.
    """
    if type(value) is str:
        return value
    if is_list(value):
        return ",".join(
            canonical(item).decode() if is_list(item) or is_map(item) else text(item)
            for item in value
        )
    if type(value) is float:
        return _number(value)
    return canonical(value).decode()


def _number(value: float) -> str:
    if value.is_integer() and INTEGER_MIN <= value <= INTEGER_MAX:
        return str(int(value))
    return repr(value)


def is_unicode(text: str) -> bool:
    """It holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Json, limit: int = 80) -> str:
    """A value in a message: JSON, at most `limit` characters, an ellipsis where it was cut."""
    if value is MISSING:
        return "nothing"
    if type(value) is str:
        value = value[: limit + 1].encode("utf-8", "replace").decode()
    try:
        written = _ENCODE(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        written = f"<{kind(value)}>"  # not JSON at all: from a function of the project
    return written if len(written) <= limit else f"{written[: max(limit - 1, 0)]}…"
