"""Laws of reading events, against Python's own JSON reader and the CloudEvents SDK."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import quote

import msgspec
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tidegate.kernel.clock import Instant, format_instant, parse_instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.delivery import split_request, split_text
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import LONG_INTEGER, NORMALISED, Event
from tidegate.kernel.strict import encode, strict_fault

NOW = parse_instant("2024-01-16T00:00:00Z")[0]
STRUCTURED = "application/cloudevents+json"
RESERVED = {
    "id",
    "source",
    "type",
    "time",
    "subject",
    "data",
    "specversion",
    "datacontenttype",
    "dataschema",
}

texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | texts


def trees(floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars | floats,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=8,
    )


values = trees(st.floats(allow_nan=False, allow_infinity=False))
wild = trees(st.floats())
plain = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20)
times = st.datetimes().map(lambda moment: f"{moment.replace(year=2000).isoformat()}Z")
extensions = st.dictionaries(
    st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True), texts, max_size=3
).map(lambda named: {name: value for name, value in named.items() if name not in RESERVED})


def storable(value: Any) -> Any:
    """The oracle: what should become of a JSON value, said a second time."""
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [storable(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if type(value) is int and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers(item)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if type(value) is float else []


def same(left: Any, right: Any) -> bool:
    """Equal in type and sign as well: 1 is not 1.0, nor True; the order of keys means nothing."""
    encode_sorted = msgspec.msgpack.Encoder(order="sorted").encode
    return encode_sorted(left) == encode_sorted(right)


def attempt(raw: bytes) -> Event | InputError:
    try:
        return decode(raw, now=NOW)
    except InputError as error:
        return error


# ---- any JSON
@given(wild)
def test_any_json_value_survives_as_data(value: Any) -> None:
    raw = json.dumps({"id": "a", "source": "s", "type": "t", "data": value}).encode()

    read = attempt(raw)

    if all(map(math.isfinite, numbers(value))):
        assert isinstance(read, Event)
        assert same(read.data, storable(json.loads(raw)["data"]))
        assert bool(read.marks & LONG_INTEGER) == (storable(value) != value)
    else:
        assert isinstance(read, InputError)
        assert read.code == "event.number"


@given(values, names, names, names)
def test_whatever_is_accepted_can_be_stored(value: Any, name: str, source: str, kind: str) -> None:
    body = {"id": name, "source": source, "type": f"x{kind}", "data": value, "Extra_1": value}

    event = decode(json.dumps(body).encode(), now=NOW)

    stored = msgspec.msgpack.encode(event)
    assert same(msgspec.msgpack.decode(stored, type=Event), event)


# ---- any bytes
@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
@example(b'{"id":"a","source":"s","type":"t","time":"2024-01-15T10:30:00+99:99"}')
def test_any_bytes_are_an_event_or_a_fault_of_one(raw: bytes) -> None:
    read = attempt(raw)

    assert isinstance(read, Event) or (read.code.startswith("event.") and read.message)


@given(st.data())
def test_damage_is_an_event_or_a_fault_of_one(data: st.DataObject) -> None:
    raw = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.integers(0, 255))

    read = attempt(bytes(raw))

    if isinstance(read, Event):
        assert msgspec.msgpack.encode(read)
    else:
        assert read.code.startswith("event.")


SAMPLE = json.dumps(
    {
        "specversion": "1.0", "id": "crm-1", "source": "/crm", "type": "com.crm.done",
        "time": "2024-01-15T10:30:00Z", "datacontenttype": "application/json", "context_id": "b-1",
        "data": {"score": 0.98, "count": 15000}, "context": {"priority": "normal"},
    }
).encode()  # fmt: skip


@given(
    st.binary(max_size=100),
    st.sampled_from(["application/json", STRUCTURED, "application/jsonl", ""]),
)
def test_any_body_is_a_delivery_or_a_fault_of_the_body(raw: bytes, content_type: str) -> None:
    try:
        delivery = split_request(content_type, {}, raw)
    except InputError as error:
        code = error.code
    else:
        code = ""
        assert delivery.batch or len(delivery.events) == 1

    assert code in {"", "body.syntax", "body.not_event"}


# ---- cutting
@given(st.lists(values, max_size=6), st.sampled_from([None, 1]))
def test_a_batch_is_cut_where_its_members_were_joined(
    members: list[Any], indent: int | None
) -> None:
    bodies = [json.dumps(member, indent=indent).encode() for member in members]

    delivery = split_request(STRUCTURED, {}, b"[" + b" ,\n".join(bodies) + b"]")

    assert delivery.events == tuple(bodies)


@given(
    st.lists(st.dictionaries(texts, values, max_size=3), min_size=1, max_size=5),
    st.sampled_from([None, 2]),
    st.sampled_from(["", "\n", "\r\n\n", " "]),
)
def test_a_file_is_cut_however_it_was_printed(
    events: list[dict[str, Any]], indent: int | None, between: str
) -> None:
    bodies = [json.dumps(event, indent=indent).encode() for event in events]

    cut = split_text(between.encode().join(bodies))

    assert cut == tuple(bodies)


# ---- three forms
@given(names, names, plain, times, names, extensions, values)
def test_all_forms_of_an_event_are_the_same_event(
    name: str, source: str, kind: str, time: str, subject: str, extra: dict[str, str], data: Any
) -> None:
    # A header without a value says nothing and is refused; in JSON an empty text can be meant.
    extra = {key: value for key, value in extra.items() if quote(value, safe="")}
    attributes = {
        "specversion": "1.0", "id": name, "source": source, "type": f"x{kind}", "time": time,
        "subject": subject, **extra,
    }  # fmt: skip
    document = json.dumps({**attributes, "data": data}).encode()
    headers = {f"ce-{key}": quote(value, safe="") for key, value in attributes.items()}

    (structured,) = split_request(STRUCTURED, {}, document).events
    (member,) = split_request(STRUCTURED, {}, b"[" + document + b"]").events
    (binary,) = split_request("application/json", headers, json.dumps(data).encode()).events

    event = decode(structured, now=NOW)
    assert same(event, decode(member, now=NOW))
    assert same(event, decode(binary, now=NOW))


# ---- the letter
@given(names, names, times, st.none() | names, st.dictionaries(texts, values, max_size=4), values)
def test_what_is_said_is_valid_to_the_letter_whatever_was_heard(
    name: str, source: str, time: str, subject: str | None, extra: dict[str, Any], data: Any
) -> None:
    body = {
        **extra,
        "id": name,
        "source": source,
        "type": "t",
        "time": time,
        "subject": subject,
        "data": data,
    }
    event = attempt(json.dumps(body).encode())
    assume(isinstance(event, Event))  # else `extra` held an attribute of the wrong type
    assert isinstance(event, Event)

    said = msgspec.json.encode(encode(event))

    assert strict_fault(said) is None
    assert JSONFormat().read(None, said).get_id()


@given(extensions, times, values)
def test_a_valid_event_is_said_as_it_was_heard(extra: dict[str, str], time: str, data: Any) -> None:
    extra = {key: value for key, value in extra.items() if value.isprintable() and value}
    event = Event("1", "/s", "t", parse_instant(time)[0], storable(data), None, extra)

    heard = decode(msgspec.json.encode(encode(event)), now=NOW)

    assert same(heard, event)


changed = st.fixed_dictionaries(
    {"id": st.just("a"), "source": st.just("/s") | texts, "type": st.just("t"), "specversion": st.just("1.0")},
    optional={
        "subject": texts | st.none() | st.integers(), "time": times | texts,
        "datacontenttype": st.sampled_from(["application/json", "x", ""]),
        "dataschema": st.sampled_from(["https://x.test/", "/x", ""]), "data": values,
        "data_base64": st.sampled_from(["AA==", "A", "", None]), "a_b": texts, "ab": values,
    },
)  # fmt: skip


@given(changed)
def test_the_sdk_accepts_whatever_has_no_fault(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()

    if strict_fault(raw) is None:
        # The SDK takes null for a value where CloudEvents says the attribute is not there.
        without = {name: value for name, value in body.items() if value is not None}
        assert JSONFormat().read(None, json.dumps(without)).get_id() == "a"


@given(changed)
def test_what_has_no_fault_needs_no_lenience(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()

    if strict_fault(raw) is None:
        assert not decode(raw, now=NOW).marks & NORMALISED


@given(extensions, times, st.dictionaries(texts, texts, max_size=3))
def test_a_binary_event_reads_as_the_sdk_reads_it(
    extra: dict[str, str], time: str, data: dict[str, str]
) -> None:
    attributes = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t",
        "time": time,
        **{key: value for key, value in extra.items() if value},  # an empty header is refused
    }
    headers = {f"ce-{key}": quote(value, safe="") for key, value in attributes.items()}
    body = json.dumps(data).encode()

    (raw,) = split_request("application/json", headers, body).events
    event = decode(raw, now=NOW)

    theirs = from_http_event(HTTPMessage({**headers, "content-type": "application/json"}, body))
    assert event.data == theirs.get_data()
    assert all(theirs.get_extension(key) == value for key, value in event.extensions.items())


@given(st.integers(-62_135_596_800, NOW // 1_000_000), st.integers(0, 999_999))
def test_an_instant_survives_being_written(second: int, fraction: int) -> None:
    at = Instant(second * 1_000_000 + fraction)
    if at > NOW:
        return
    body = {"id": "a", "source": "s", "type": "t", "time": format_instant(at)}

    assert decode(json.dumps(body).encode(), now=NOW).time == at
