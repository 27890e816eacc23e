"""CloudEvents 1.0 to the letter: why an event is none, and how one is written.

`strict_fault` is for applications with `strict: true`; everyone else's events only need to be
understood. `encode` is what Tidegate says: never anything `strict_fault` would find fault with.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from urllib.parse import quote

from tidegate.kernel import jsontext
from tidegate.kernel.clock import format_day, format_instant, parse_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.value import canonical, is_map

_is_name = re.compile(r"[a-z0-9]+", re.ASCII).fullmatch
_NOT_IN_NAME = re.compile(r"[^a-z0-9]", re.ASCII)
# Control characters, and code points that are no characters.
_NO_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17)
    )
    + "]"
)
_URI = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*):)?"
    r"(?://(?:{c}|[:@])*(?:\[[0-9a-f:.v]+\])?(?::[0-9]*)?(?=[/?#]|\Z))?"
    r"(?P<path>(?:{c}|[:@/])*)(?:\?(?:{c}|[:@/?])*)?(?:#(?:{c}|[:@/?])*)?".replace(
        "{c}", r"[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2}"
    ),
    re.IGNORECASE | re.ASCII,
)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(
    rf"{_TOKEN}/{_TOKEN}(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|\"(?:[^\"\\]|\\.)*\"))*", re.ASCII
)
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)
_INTEGER_MAX = 2**31 - 1
_DATA = frozenset({"data", "data_base64"})


# ---- in
def is_legal_extension(name: str, value: Json) -> bool:
    """May an attribute be called this and hold this? The quick half of `strict_fault`."""
    if name == "data_base64":
        return True
    if _is_name(name) is None:
        return False
    if type(value) is int:
        return -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX
    return type(value) is str or type(value) is bool


def strict_fault(raw: bytes | memoryview) -> str | None:
    """Why these bytes are no valid CloudEvent 1.0 in structured JSON; None when they are one."""
    try:
        body, long_integer = jsontext.read(bytes(raw))
    except InputError as error:
        return error.message
    if not is_map(body):
        return "it is no JSON object"
    if long_integer:
        return "an integer is longer than 64 bits"
    # A null attribute is one that is not there; null data is data.
    attributes = {name: value for name, value in body.items() if value is not None}
    if attributes.pop("specversion", None) != "1.0":
        return 'specversion is not "1.0"'
    for name in ("id", "source", "type"):
        if name not in attributes:
            return f"{name} is missing"
    if "data" in body and "data_base64" in attributes:
        return "both data and data_base64 are given"
    for name, value in attributes.items():
        fault = None if name == "data" else _attribute_fault(name, value)
        if fault:
            return fault
    return None


def _attribute_fault(name: str, value: Json) -> str | None:
    if name == "data_base64":
        return None if _is_base64(value) else "data_base64 is no base64 text"
    if _is_name(name) is None:
        return f"the attribute name {name[:64]!r} is not made of a-z and 0-9 alone"
    if name in _MUST_BE:
        what, is_right = _MUST_BE[name]
        if type(value) is not str or not value or not is_right(value):
            return f"{name} is not {what}"
    if not is_legal_extension(name, value):
        return f"{name} is no text, no true or false, and no integer of 32 bits"
    if type(value) is str and _NO_TEXT.search(value):
        return f"{name} holds a control character"
    return None


def _is_base64(value: Json) -> bool:
    if type(value) is not str:
        return False
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return True


def _is_any(_: str) -> bool:
    return True


def _is_reference(text: str) -> bool:
    found = _URI.fullmatch(text)
    # Without a scheme, a colon in the first segment would be read as one.
    return found is not None and bool(
        found["scheme"] or text.startswith("//") or ":" not in found["path"].partition("/")[0]
    )


def _is_uri(text: str) -> bool:
    found = _URI.fullmatch(text)
    return found is not None and bool(found["scheme"])


def _is_media_type(text: str) -> bool:
    return _MEDIA_TYPE.fullmatch(text) is not None


def _is_time(text: str) -> bool:
    try:
        parse_instant(text)
    except InputError:
        return False
    return _TIME.fullmatch(text) is not None


_MUST_BE = {
    "id": ("non-empty text", _is_any),
    "type": ("non-empty text", _is_any),
    "subject": ("non-empty text", _is_any),
    "source": ("a URI reference", _is_reference),
    "dataschema": ("an absolute URI", _is_uri),
    "datacontenttype": ("a media type", _is_media_type),
    "time": ("an RFC 3339 time with a zone", _is_time),
}


# ---- out
def encode(event: Event) -> dict[str, Json]:
    """The event as a structured CloudEvent, valid to the letter whatever the event holds.

    Extensions are renamed (`context_id` to `contextid`) and objects become JSON text. What was
    mapped goes along as `businessdate`, `dataset` and `contextid`, unless the event says it itself.
    """
    said: dict[str, Json] = {
        "specversion": "1.0",
        "id": _text(event.id),
        "source": event.source if _is_reference(event.source) else quote(event.source, safe="/"),
        "type": _text(event.type),
    }
    if event.subject:
        said["subject"] = _text(event.subject)
    said["time"] = format_instant(event.time)
    extensions = event.extensions
    schema = extensions.get("dataschema")
    if type(schema) is str and _is_uri(schema):
        said["dataschema"] = schema
    content_type = extensions.get("datacontenttype")
    if type(content_type) is str and _is_media_type(content_type):
        said["datacontenttype"] = content_type
    elif event.data is not None:
        said["datacontenttype"] = "application/json"
    _say_extensions(said, extensions)
    for name, value in _mapped(event).items():
        if value:
            said.setdefault(name, _text(value))
    if event.data is not None:
        said["data"] = event.data
    elif _is_base64(extensions.get("data_base64")):
        said["data_base64"] = extensions["data_base64"]
    return said


def _mapped(event: Event) -> dict[str, str | None]:
    return {
        "businessdate": None if event.day is None else format_day(event.day),
        "dataset": event.dataset,
        "contextid": event.context_id,
    }


def _say_extensions(said: dict[str, Json], extensions: Mapping[str, Json]) -> None:
    taken = said.keys() | _MUST_BE.keys() | _DATA
    # Legal names first: they keep theirs, whoever else would become the same.
    for name in sorted(extensions, key=lambda name: (_is_name(name) is None, name)):
        if name in taken or extensions[name] is None:
            continue
        plain = _NOT_IN_NAME.sub("", name.lower()) or f"x{name.encode().hex()}"
        legal, copy = plain, 1
        while legal in taken or legal in said:
            copy += 1
            legal = f"{plain}{copy}"
        said[legal] = _extension(legal, extensions[name])


def _extension(name: str, value: Json) -> Json:
    if type(value) is str:
        return _text(value)
    return value if is_legal_extension(name, value) else _text(canonical(value).decode())


def _text(text: str) -> str:
    """Percent-encodes what CloudEvents does not count as text."""
    return _NO_TEXT.sub(lambda found: quote(found[0]), text)
