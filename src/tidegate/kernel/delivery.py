"""Delivery: what came through the door at once, cut into events, each as structured JSON bytes.

    HTTP structured   the body, exactly as sent
    HTTP batch        each member, exactly as sent (an array, or one event a line)
    HTTP binary       a document made of the `ce-` headers and the body
    a file            one object, an array, JSON lines, or objects one after another, however printed

Cutting looks at brackets and quotes only, so a member that cannot be read is a rejected member and
leaves its neighbours alone. What the members say is read by `kernel/cloudevent`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote

import msgspec

from tidegate.kernel import jsontext, mediatype
from tidegate.kernel.appearance import appearance, other_encoding
from tidegate.kernel.errors import InputError

BATCH_MAX = 10_000
"""Events of one request."""
MARKS_MAX = 1_000_000
"""Brackets and commas of a damaged body whose whole members are still looked for."""

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_LINES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
    }
)
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_PREFIX = "ce-"
_TELLING = frozenset({"ce-specversion", "ce-id", "ce-source", "ce-type"})
_FIX_BODY = (
    f"send one CloudEvent as {_STRUCTURED}, several as {_BATCH}, or its attributes as ce- headers"
)

_read_members = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_values = msgspec.json.Decoder(msgspec.Raw).decode_lines
_read_one = msgspec.json.Decoder(msgspec.Raw).decode
# The next bracket; strings and all else before it are skipped. A quote alone never closes.
_SKIPPED = rb'(?:[^"\[\]{}%b]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+(["\[\]{}%b]|\Z)'
_INSIDE = re.compile(_SKIPPED % (b"", b""), re.DOTALL)
_AT_TOP = re.compile(_SKIPPED % (b",", b","), re.DOTALL)
_MARKS = (b"[", b"]", b"{", b"}", b",")
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_FIRST = re.compile(rb"[ \t\r\n]*+(.?)", re.DOTALL)


class Delivery(msgspec.Struct, frozen=True):
    """The events of one request; a batch is answered event by event, also when it holds only one."""

    batch: bool
    events: tuple[bytes, ...]


# ---- HTTP
def split_request(content_type: str, headers: Mapping[str, str], body: bytes) -> Delivery:
    """The events of one HTTP request, each in the sender's bytes where it sent structured JSON.

    Raises InputError: `body.not_event` (no CloudEvent at all), `body.syntax` (no JSON as a whole),
    `limit.batch`; and, for an event in binary form, what is wrong with it (`event.*`).
    """
    kind = mediatype.essence(content_type)
    if kind.startswith("application/cloudevents"):
        if kind not in (_STRUCTURED, _BATCH):
            raise _no_event(f"the format {kind} is not read here")
        return _json(content_type, body, batch=kind == _BATCH)
    attributes = {name.lower(): value for name, value in headers.items()}
    if not _TELLING.isdisjoint(attributes):
        return Delivery(batch=False, events=(_binary(attributes, content_type, body),))
    if kind in _LINES:
        lines = _lines(_without_mark(body))
        if not lines:
            raise _no_event("the body is empty")
        return _limited(lines)
    if mediatype.is_json(kind) or not kind:
        return _json(content_type, body, batch=False)
    raise _no_event(f"the content type is {kind[:80]!r} and there are no ce- headers")


def _json(content_type: str, body: bytes, *, batch: bool) -> Delivery:
    if mediatype.charset(content_type) not in _UTF8:
        raise InputError(
            "body.syntax",
            f"the charset of {content_type[:80]!r} is not UTF-8",
            fix="send JSON in UTF-8",
        )
    body = _without_mark(body)
    if other_encoding(body):
        raise _no_json(body)
    first = _first(body)
    if first == b"[":
        return _limited(_members(body))
    if first == b"{":
        return Delivery(batch=batch, events=(body,))
    if not first:
        raise _no_event("the body is empty")
    try:
        _read_one(body)
    except msgspec.DecodeError as error:
        raise _no_json(body) from error
    raise _no_event("the body is JSON, but neither an object nor a list")


def _binary(headers: Mapping[str, str], content_type: str, body: bytes) -> bytes:
    event: dict[str, str] = {
        name.removeprefix(_PREFIX): _header(name, value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    if "data" in event or "data_base64" in event:
        raise InputError(
            "event.attribute", "a header ce-data was sent", fix="send the data as the body"
        )
    event.pop("datacontenttype", None)
    if content_type:
        event["datacontenttype"] = content_type
    if not body:
        return msgspec.json.encode(event)
    if mediatype.is_json(content_type) or not content_type:
        try:
            _read_one(body)
        except (msgspec.DecodeError, RecursionError):
            # A body that is no JSON value of its own could add attributes to the document.
            jsontext.read(body)
        return msgspec.json.encode(event)[:-1] + b',"data":' + body + b"}"
    text = mediatype.text(body, content_type) if mediatype.is_text(content_type) else None
    if text is not None:
        return msgspec.json.encode({**event, "data": text})
    return msgspec.json.encode({**event, "data_base64": base64.b64encode(body).decode()})


def _header(name: str, value: str) -> str:
    """Unquoted and percent-decoded, as the HTTP binding says; bare UTF-8 is understood as well."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    with suppress(UnicodeError):
        # Servers hand out header bytes as Latin-1.
        value = value.encode("latin-1").decode("utf-8")
    if not value:
        raise InputError(
            "event.attribute",
            f"the header {name} is empty",
            fix="leave the header out, or send a value",
            attribute=name.removeprefix(_PREFIX),
        )
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise InputError(
            "event.string",
            f"the header {name} is no percent-encoded UTF-8: {value[:64]!r}",
            fix="percent-encode the bytes of its UTF-8 text",
        ) from error


# ---- files
def split_text(data: bytes) -> tuple[bytes, ...]:
    """The events of a file: one object, an array, JSON lines, or objects however printed.

    Raises InputError (`body.syntax`) when no way of cutting it makes sense.
    """
    data = _without_mark(data)
    try:
        values = [bytes(value) for value in _read_values(data)]
    except (msgspec.DecodeError, RecursionError) as error:
        mended = None if other_encoding(data) else _mended(data)
        if mended is None:
            raise _no_json(data) from error
        values = mended
    events: list[bytes] = []
    for value in values:
        events.extend(_members(value, data) if value.startswith(b"[") else (value,))
    return tuple(events)


def _mended(data: bytes) -> list[bytes] | None:
    """The values of a file in which at least one cannot be read."""
    lines = _lines(data)
    if any(_is_object(line) for line in lines[:1] + lines[-1:]):
        return list(lines)
    return _cut(data)


def _lines(data: bytes) -> tuple[bytes, ...]:
    return tuple(line for line in map(bytes.strip, data.splitlines()) if line)


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        _read_one(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


# ---- cutting
def _members(data: bytes, whole: bytes = b"") -> tuple[bytes, ...]:
    """The members of one array, each as it was sent; places in faults are those of the whole.

    Raises InputError (`body.syntax`).
    """
    try:
        return tuple(map(bytes, _read_members(data)))
    except (msgspec.DecodeError, RecursionError) as error:
        # One bad member must not spoil the others: cut by brackets, let each be judged alone.
        values = _cut(data)
        members = _split(values[0][1:-1]) if values is not None and len(values) == 1 else None
        if members is None:
            raise _no_json(whole or data) from error
        return tuple(members)


def _cut(data: bytes) -> list[bytes] | None:
    """Objects and arrays one after another, by their brackets; None when anything else stands there."""
    if sum(map(data.count, _MARKS)) > MARKS_MAX:
        what = f"it is damaged, and has more than {MARKS_MAX} brackets and commas"
        raise InputError("body.syntax", f"no JSON: {what}", fix="send whole JSON")
    values: list[bytes] = []
    at = _blank_end(data, 0)
    while at < len(data):
        end = _value_end(data, at)
        if end is None or data[at : at + 1] + data[end - 1 : end] not in (b"{}", b"[]"):
            return None
        values.append(data[at:end])
        at = _blank_end(data, end)
    return values


def _split(inner: bytes) -> list[bytes] | None:
    """What stands between the commas at the top; None when brackets or quotes do not close."""
    members: list[bytes] = []
    start = at = 0
    while (found := _AT_TOP.match(inner, at)) is not None and found[1]:
        if found[1] == b",":
            members.append(inner[start : found.start(1)].strip(_BLANK))
            start = at = found.end()
        else:
            closing = _value_end(inner, found.start(1))
            if closing is None:
                return None
            at = closing
    last = inner[start:].strip(_BLANK)
    return [*members, last] if members or last else []


def _value_end(data: bytes, start: int) -> int | None:
    """Where the object or array that opens here closes; None when none opens, or it never closes."""
    if data[start : start + 1] not in (b"[", b"{"):
        return None
    at, depth = start + 1, 1
    while (found := _INSIDE.match(data, at)) is not None and found[1] not in (b"", b'"'):
        depth += 1 if found[1] in b"[{" else -1
        at = found.end()
        if depth == 0:
            return at
    return None


def _blank_end(data: bytes, at: int) -> int:
    found = _BLANKS.match(data, at)
    return found.end() if found else at


def _first(data: bytes) -> bytes:
    found = _FIRST.match(data)
    return found[1] if found else b""


def _without_mark(data: bytes) -> bytes:
    return data.removeprefix(_BOM)


def _limited(events: tuple[bytes, ...]) -> Delivery:
    if len(events) > BATCH_MAX:
        raise InputError(
            "limit.batch",
            f"the batch holds {len(events)} events, the limit is {BATCH_MAX}",
            fix="send several requests",
            events=len(events),
        )
    return Delivery(batch=True, events=events)


def _no_event(what: str) -> InputError:
    return InputError("body.not_event", f"no CloudEvent: {what}", fix=_FIX_BODY)


def _no_json(data: bytes) -> InputError:
    what, fix = appearance(data)
    return InputError("body.syntax", f"no JSON: {what}", fix=fix)
