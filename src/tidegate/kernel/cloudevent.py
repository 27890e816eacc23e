"""CloudEvents 1.0 in: the bytes of one event become an `Event`. Lenient in, strict out.

    bytes --split_request, split_text--> one event's bytes --decode--> Event --mapping--> mapped Event

What can be understood is accepted and marked: attribute names and values CloudEvents does not
allow (`context_id`, an object as `context`), a missing `specversion`, a missing or naive time,
times before 1970, integers beyond 64 bits. What cannot, or could do harm, is refused with a code.
Everything accepted can be stored: see `kernel/jsontext`.

Where attributes go: `id`, `source`, `type`, `time`, `subject` and `data` are fields of the event;
`specversion` is dropped; all others are extensions under the names they came with, null ones left
out. `datacontenttype` is left out when it says `application/json`, which is the default.
`data_base64` becomes `data` when `datacontenttype` says JSON or text; other bytes stay an
extension of that name, in base64. Where both are given, `data` counts.

The letter of CloudEvents is in `kernel/strict`, the forms of HTTP and of files in `kernel/delivery`.
"""

from __future__ import annotations

import binascii
from datetime import datetime

from msgspec import ValidationError, convert

from tidegate.kernel import jsontext, mediatype
from tidegate.kernel.clock import DAY_US, Instant, format_instant, instant, parse_instant
from tidegate.kernel.delivery import BATCH_MAX, Delivery, split_request, split_text
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import (
    ANCIENT,
    LONG_INTEGER,
    NAIVE_TIME,
    NO_TIME,
    NORMALISED,
    Event,
    Json,
)
from tidegate.kernel.strict import encode, is_legal_extension, strict_fault
from tidegate.kernel.value import is_list, is_map, kind, shown

EVENT_MAX = 1024 * 1024
"""Bytes of one event."""
NAME_MAX = 1024
"""UTF-8 bytes of `id`, `source` and `type`, each."""
FUTURE_MAX_US = DAY_US
"""How far ahead of the machine's clock an event's time may lie."""
RESERVED = "tidegate."
"""Types that only Tidegate says begin so."""
WELCOME = "tidegate.dataset."
"""... except these: a sender may say that a dataset arrived."""

OWN_SOURCE = "tidegate"
"""The source of what Tidegate says itself; nobody else may use it."""

_TIME_MIN = parse_instant("0001-01-01T00:00:00Z")[0]
_USUAL = len("2024-01-15T10:30:00Z")
_JSON = "application/json"
_CALLED = {
    "null": "null", "boolean": "true or false", "number": "a number", "text": "text",
    "list": "a list", "map": "an object",
}  # fmt: skip
_TELLING = ("specversion", "id", "source", "type")
_FIX_NAME = "send non-empty text of at most 1024 bytes"


def decode(raw: bytes | memoryview, *, now: Instant) -> Event:
    """One event in structured JSON, as yet unmapped; `now` is its time when it has none.

    Raises InputError: `event.size`, `event.syntax`, `event.number`, `event.string`, `event.depth`,
    `event.attribute`, `event.time`, `event.time.future`, `event.type.reserved`.
    """
    if len(raw) > EVENT_MAX:
        raise InputError(
            "event.size",
            f"the event has {len(raw)} bytes, the limit is {EVENT_MAX}",
            fix="send a reference to large content instead of the content",
            size_bytes=len(raw),
        )
    body, long_integer = jsontext.read(raw if type(raw) is bytes else bytes(raw))
    if not is_map(body):
        raise InputError(
            "event.syntax",
            f"an event is a JSON object, this is {_kind(body)}",
            fix='send {"specversion": "1.0", "id": ..., "source": ..., "type": ..., "data": ...}',
        )
    return _event(body, LONG_INTEGER if long_integer else 0, now)


def refuse_impostor(event: Event) -> None:
    """Whoever could speak under our name could open gates. Raises InputError."""
    if event.source == OWN_SOURCE:
        raise InputError(
            "event.source.reserved",
            f"the source {OWN_SOURCE!r} is reserved: only Tidegate itself speaks under it",
            fix="use a source of your own, such as /crm/orders",
            seen=event.source,
        )


def _event(body: dict[str, Json], marks: int, now: Instant) -> Event:
    take = body.pop
    id_ = take("id", None)
    if id_ is None:
        _check_is_event(body)
    name = _name("id", id_)
    source = _name("source", take("source", None))
    event_type = _name("type", take("type", None))
    if event_type.startswith(RESERVED):
        _check_welcome(event_type)
    version = take("specversion", None)
    if version != "1.0":
        marks |= _version(version)
    time, time_marks = _time(take("time", None), now)
    subject = take("subject", None)
    if subject is not None and (type(subject) is not str or not subject):
        _check_empty(subject)
        subject, marks = None, marks | NORMALISED
    data = take("data", None)
    content_type = take("datacontenttype", None)
    if content_type is not None and content_type != _JSON:
        marks |= _put_content_type(body, content_type)
    if "data_base64" in body:
        data, base64_marks = _data(body, data, content_type)
        marks |= base64_marks
    if body:
        if None in body.values():
            body = {key: value for key, value in body.items() if value is not None}
        if type(body.get("dataschema", "")) is not str:
            raise _wrong("dataschema", body["dataschema"], "dataschema is no text", "send a URI")
        for key, value in body.items():
            if not is_legal_extension(key, value):
                marks |= NORMALISED
                break
    return Event(name, source, event_type, time, data, subject, body, marks | time_marks)


def _check_is_event(body: dict[str, Json]) -> None:
    """An object with none of the attributes is something else than an event with a slip."""
    if "source" in body or "type" in body:
        return
    lacking = ", ".join(name for name in _TELLING if name not in body)
    lists = [name for name, value in body.items() if is_list(value) and all(map(is_map, value))]
    raise InputError(
        "event.attribute",
        f"no CloudEvent: it has no {lacking}",
        fix=f"send the list under {shown(lists[0], 64)} by itself"
        if len(lists) == 1
        else 'send {"specversion": "1.0", "id": ..., "source": ..., "type": ..., "data": ...}',
        attribute="id",
    )


# ---- attributes
def _name(attribute: str, value: Json) -> str:
    # A character has at most four bytes, so most names need no encoding to be measured.
    if type(value) is str and 0 < len(value) <= NAME_MAX // 4 and "\0" not in value:
        return value
    if value is None:
        raise _wrong(attribute, value, f"{attribute} is missing", _FIX_NAME)
    if type(value) is not str:
        raise _wrong(attribute, value, f"{attribute} is {_kind(value)}, not text", _FIX_NAME)
    size = len(value.encode())
    if not size:
        raise _wrong(attribute, None, f"{attribute} is empty", _FIX_NAME)
    if size > NAME_MAX:
        what = f"{attribute} has {size} bytes, {NAME_MAX} are allowed"
        raise _wrong(attribute, value, what, _FIX_NAME)
    if "\0" in value:
        raise _wrong(attribute, value, f"{attribute} holds a NUL character", _FIX_NAME)
    return value


def _version(value: Json) -> int:
    """What senders write who mean 1.0."""
    if value is None or (type(value) is str and value.startswith("1.")):
        return NORMALISED
    if type(value) in (int, float) and value == 1:
        return NORMALISED
    what = f"specversion is {shown(value, 64)}"
    raise _wrong("specversion", None, what, 'send CloudEvents 1.0: "specversion": "1.0"')


def _check_welcome(event_type: str) -> None:
    if not event_type.startswith(WELCOME):
        raise InputError(
            "event.type.reserved",
            f"the type {event_type[:80]!r} is reserved: only Tidegate says {RESERVED}*",
            fix=f"use a type of your own, or {WELCOME}*",
            seen=event_type[:80],
        )


def _time(value: Json, now: Instant) -> tuple[Instant, int]:
    if type(value) is not str:
        if value is None:
            return now, NO_TIME
        raise _wrong(
            "time", value, f"time is {_kind(value)}, not text", "write 2024-01-15T10:30:00Z"
        )
    time, naive = _instant(value)
    if 0 <= time <= now and not naive:
        return time, 0
    if time > now + FUTURE_MAX_US:
        raise InputError(
            "event.time.future",
            f"time {value} is more than 24 hours ahead of {format_instant(now)}",
            fix="set the sender's clock, or send the time something happened",
            seen=value,
        )
    if time < _TIME_MIN:
        raise InputError(
            "event.time", f"time {value} lies before the year 1 in UTC", fix="send a later time"
        )
    return time, (NAIVE_TIME if naive else 0) | (ANCIENT if time < 0 else 0)


def _instant(text: str) -> tuple[Instant, bool]:
    if len(text) == _USUAL and text[-1] == "Z":
        # 2024-01-15T10:30:00Z, which nearly every sender writes, is read in half the time.
        try:
            return instant(convert(text, datetime)), False
        except ValidationError:
            pass  # such as a leap second
    return parse_instant(text)


def _check_empty(value: Json) -> None:
    """Only an empty subject comes through, and counts as none."""
    if value != "":
        raise _wrong(
            "subject", value, f"subject is {_kind(value)}, not text", "send text or leave it out"
        )


def _put_content_type(body: dict[str, Json], value: Json) -> int:
    if type(value) is not str:
        raise _wrong(
            "datacontenttype", value, f"datacontenttype is {_kind(value)}, not text",
            "send a media type such as application/json",
        )  # fmt: skip
    if not value:
        return NORMALISED
    if mediatype.essence(value) != _JSON:
        body["datacontenttype"] = value
    return 0


def _data(body: dict[str, Json], data: Json, content_type: str | None) -> tuple[Json, int]:
    """The data out of `data_base64`, which stays among the attributes when it is neither JSON nor text."""
    encoded = body["data_base64"]
    if encoded is None:
        return data, 0
    if type(encoded) is not str:
        raise _wrong(
            "data_base64", encoded, f"data_base64 is {_kind(encoded)}, not text", "send base64 text"
        )
    if data is not None:
        del body["data_base64"]
        return data, NORMALISED
    try:
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise _wrong(
            "data_base64", encoded, f"data_base64 is no base64: {error}", "send base64"
        ) from error
    if content_type and mediatype.is_json(content_type):
        del body["data_base64"]
        value, long_integer = jsontext.read(raw)
        return value, LONG_INTEGER if long_integer else 0
    if content_type and mediatype.is_text(content_type):
        text = mediatype.text(raw, content_type)
        if text is not None:
            del body["data_base64"]
            return text, 0
    return None, 0


# ---- messages
def _wrong(attribute: str, value: Json, what: str, fix: str) -> InputError:
    seen = "" if value is None else f" ({shown(value, 64)})"
    return InputError(
        "event.attribute", what + seen, fix=fix, attribute=attribute, seen=shown(value, 64)
    )


def _kind(value: Json) -> str:
    """What a JSON value is called when one talks about it."""
    return _CALLED[kind(value)]


__all__ = [
    "BATCH_MAX", "EVENT_MAX", "FUTURE_MAX_US", "NAME_MAX", "OWN_SOURCE", "RESERVED", "WELCOME",
    "Delivery", "decode", "encode", "refuse_impostor", "split_request", "split_text", "strict_fault",
]  # fmt: skip
