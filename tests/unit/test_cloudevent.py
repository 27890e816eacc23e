"""CloudEvents in: what is understood, what is marked, what is refused and why."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import msgspec
import pytest

from tidegate.kernel.clock import DAY_US, Instant, parse_instant
from tidegate.kernel.cloudevent import EVENT_MAX, NAME_MAX, decode
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import (
    ANCIENT,
    LONG_INTEGER,
    NAIVE_TIME,
    NO_TIME,
    NORMALISED,
    Event,
)
from tidegate.testing.printed import CRM_EVENT

NOW = parse_instant("2024-01-16T00:00:00Z")[0]
VALID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/crm/data/ingestion",
    "type": "com.crm.dataset.ingestion.completed",
    "time": "2024-01-15T10:30:00Z",
    "data": {"dataset_name": "customers"},
}


def read(now: Instant = NOW, **changes: Any) -> Event:
    """The valid event with some attributes changed; `...` leaves one out."""
    body = {name: value for name, value in {**VALID, **changes}.items() if value is not ...}
    return decode(json.dumps(body).encode(), now=now)


def refused(raw: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        decode(raw, now=NOW)
    return caught.value


def refused_with(**changes: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(**changes)
    return caught.value


# ---- understood
def test_a_valid_event_has_no_marks() -> None:
    event = read()

    assert event == Event(
        id="a-1",
        source="/crm/data/ingestion",
        type="com.crm.dataset.ingestion.completed",
        time=parse_instant("2024-01-15T10:30:00Z")[0],
        data={"dataset_name": "customers"},
    )


def test_the_printed_crm_event_keeps_its_context_and_is_marked_normalised() -> None:
    event = decode(CRM_EVENT.encode(), now=NOW)

    assert event.marks == NORMALISED
    assert event.id == "crm-ingestion-2024-01-15-10-30-00-001"
    assert event.data["data_quality_score"] == 0.98
    assert event.extensions == {
        "context_id": "crm-batch-2024-01-15-001",
        "context": {
            "batch_id": "crm-batch-2024-01-15-001",
            "application": "CRM",
            "process_type": "daily_batch",
            "priority": "normal",
            "owner": "crm_team",
        },
    }


def test_a_view_of_memory_is_read_like_its_bytes() -> None:
    raw = CRM_EVENT.encode()

    assert decode(memoryview(raw), now=NOW) == decode(raw, now=NOW)


def test_legal_extensions_are_kept_and_leave_no_mark() -> None:
    event = read(traceparent="00-abc", sampled=True, partition=7, dataschema="https://x.test/s")

    assert event.marks == 0
    assert event.extensions == {
        "traceparent": "00-abc",
        "sampled": True,
        "partition": 7,
        "dataschema": "https://x.test/s",
    }


@pytest.mark.parametrize(
    "extension",
    [{"Upper": "x"}, {"with_line": "x"}, {"": "x"}, {"o": {}}, {"f": 1.5}, {"i": 2**31}, {"l": []}],
)
def test_an_attribute_cloudevents_does_not_allow_is_kept_and_marked(
    extension: dict[str, Any],
) -> None:
    event = read(**extension)

    assert event.marks == NORMALISED
    assert event.extensions == extension


def test_a_null_attribute_is_one_that_is_not_there() -> None:
    event = read(subject=None, time=None, extra=None, dataschema=None, data_base64=None)

    assert (event.subject, event.extensions, event.marks) == (None, {}, NO_TIME)


def test_of_repeated_keys_the_last_counts() -> None:
    raw = b'{"specversion":"1.0","id":"x","id":"y","source":"s","type":"t","data":{"a":1,"a":2}}'

    event = decode(raw, now=NOW)

    assert (event.id, event.data) == ("y", {"a": 2})


@pytest.mark.parametrize("version", [..., None, 1, 1.0, "1.0.2"])
def test_a_specversion_that_means_one_is_normalised(version: Any) -> None:
    assert read(specversion=version).marks == NORMALISED


def test_an_empty_subject_counts_as_none() -> None:
    event = read(subject="")

    assert (event.subject, event.marks) == (None, NORMALISED)


# ---- time
def test_an_event_without_time_gets_the_instant_it_arrived() -> None:
    event = read(time=...)

    assert (event.time, event.marks) == (NOW, NO_TIME)


def test_a_naive_time_is_read_as_utc_and_marked() -> None:
    event = read(time="2024-01-15T10:30:00")

    assert event.time == parse_instant("2024-01-15T10:30:00Z")[0]
    assert event.marks == NAIVE_TIME


@pytest.mark.parametrize(
    "time",
    ["2024-01-15T11:30:00+01:00", "2024-01-15T10:30:00.000Z", "2024-01-15t10:30:00z"],
)
def test_one_instant_may_be_written_in_many_ways(time: str) -> None:
    assert read(time=time) == read()


def test_a_leap_second_is_read() -> None:
    assert read(time="2016-12-31T23:59:60Z").time == parse_instant("2016-12-31T23:59:59.999999Z")[0]


def test_a_time_before_1970_is_welcome_and_marked() -> None:
    event = read(time="1969-12-31T23:59:59Z")

    assert (event.time, event.marks) == (-1_000_000, ANCIENT)


def test_a_time_up_to_a_day_ahead_is_accepted() -> None:
    assert read(time="2024-01-17T00:00:00Z").time == NOW + DAY_US


@pytest.mark.parametrize("time", ["2024-01-17T00:00:00.000001Z", "9999-12-31T23:59:59-14:00"])
def test_a_time_more_than_a_day_ahead_is_refused(time: str) -> None:
    error = refused_with(time=time)

    assert error.code == "event.time.future"
    assert time in error.message


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-W03-1T10:30:00Z",
             "20240115T103000.000Z", "0001-01-01T00:00:00+14:00", "2024-01-15"],
)  # fmt: skip
def test_a_time_that_cannot_be_read_is_refused(time: str) -> None:
    assert refused_with(time=time).code == "event.time"


# ---- data
def test_json_in_base64_is_read_as_json() -> None:
    encoded = base64.b64encode(b'{"dataset_name":"customers"}').decode()

    event = read(data=..., data_base64=encoded, datacontenttype="application/json")

    assert event == read()


def test_text_in_base64_is_read_as_text() -> None:
    encoded = base64.b64encode("Größe".encode("latin-1")).decode()

    event = read(data=..., data_base64=encoded, datacontenttype="text/plain; charset=iso-8859-1")

    assert event.data == "Größe"
    assert event.extensions == {"datacontenttype": "text/plain; charset=iso-8859-1"}


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain; charset=rot13", ...])
def test_other_bytes_stay_in_base64_beside_the_data(kind: Any) -> None:
    event = read(data=..., data_base64="AP8=", datacontenttype=kind)

    assert event.data is None
    assert event.extensions["data_base64"] == "AP8="
    assert event.marks == 0


def test_of_data_and_base64_the_data_counts() -> None:
    assert read(data_base64="AP8=") == read(specversion=...)
    assert read(data=0, data_base64="AP8=").data == 0


def test_a_bad_value_inside_base64_json_is_refused_like_any_other() -> None:
    encoded = base64.b64encode(b'{"a":NaN}').decode()

    error = refused_with(data=..., data_base64=encoded, datacontenttype="application/json")

    assert error.code == "event.number"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_the_default_content_type_is_not_kept(kind: str) -> None:
    assert read(datacontenttype=kind) == read()


# ---- numbers
def test_an_integer_beyond_64_bits_is_kept_as_text() -> None:
    event = read(data={"n": 2**64, "list": [-(2**63) - 1], "fits": [2**64 - 1, -(2**63)]})

    assert event.data == {
        "n": "18446744073709551616",
        "list": ["-9223372036854775809"],
        "fits": [2**64 - 1, -(2**63)],
    }
    assert event.marks == LONG_INTEGER
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event.data)) == event.data


def test_an_integer_of_five_thousand_digits_is_kept_as_text() -> None:
    digits = "7" * 5000

    numbers = f"[{digits}, 18446744073709551616, 18446744073709551615]"
    event = decode(b'{"id":"a","source":"s","type":"t","data":' + numbers.encode() + b"}", now=NOW)

    assert event.data == [digits, "18446744073709551616", 18446744073709551615]
    assert event.marks & LONG_INTEGER


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_what_is_no_number_is_refused(number: str) -> None:
    error = refused(f'{{"id":"a","source":"s","type":"t","data":{{"x":{number}}}}}'.encode())

    assert error.code == "event.number"
    assert number in error.message


# ---- texts
@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ud800\\u0041"])
@pytest.mark.parametrize("place", ['{"data":"%s"}', '{"data":{"%s":1}}', '{"id":"%s"}'])
def test_half_a_surrogate_pair_is_refused(escape: str, place: str) -> None:
    error = refused((place % escape).encode())

    assert error.code == "event.string"


def test_a_long_integer_does_not_hide_half_a_surrogate_pair() -> None:
    error = refused(b'{"id":"a","source":"s","type":"t","data":[18446744073709551616,"\\ud800"]}')

    assert error.code == "event.string"


def test_a_whole_surrogate_pair_is_a_character() -> None:
    raw = b'{"specversion":"1.0","id":"a","source":"s","type":"t","data":"\\ud83d\\ude00"}'

    assert decode(raw, now=NOW).data == "\N{GRINNING FACE}"


def test_bytes_that_are_no_utf8_are_refused_with_their_place() -> None:
    error = refused(b'{"id":"\xe4"}')

    assert error.code == "event.string"
    assert "byte 8" in error.message


def test_a_text_may_have_256_kib_and_no_more() -> None:
    assert len(read(data="x" * 262_144).data) == 262_144
    assert refused_with(data="x" * 262_145).code == "event.string"
    assert refused_with(data={"x" * 262_145: 1}).code == "event.string"
    assert refused_with(data="é" * 131_073).code == "event.string"


# ---- limits
def test_an_event_may_be_nested_64_deep_and_no_more() -> None:
    def nested(depth: int, beside: bytes = b"") -> bytes:
        deep = b"[" * depth + b"]" * (depth - 1) + beside + b"]"
        return b'{"id":"a","source":"s","type":"t","data":' + deep + b"}"

    assert decode(nested(63), now=NOW).id == "a"
    assert decode(nested(63, beside=b",[],[]"), now=NOW).id == "a"
    assert refused(nested(64, beside=b",[],[]")).code == "event.depth"
    assert refused(nested(64)).code == "event.depth"
    assert refused(nested(900)).code == "event.depth"


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_depth_without_end_neither_crashes_nor_is_accepted(bracket: bytes) -> None:
    assert refused(b'{"data":' + bracket * 100_000).code == "event.depth"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(read(data=[{"a": [1]}] * 1000).data) == 1000


def test_an_event_may_have_one_mebibyte_and_no_more() -> None:
    body = json.dumps(VALID).encode()

    assert decode(body.ljust(EVENT_MAX), now=NOW) == read()
    assert refused(body.ljust(EVENT_MAX + 1)).code == "event.size"


# ---- refused
@pytest.mark.parametrize("raw", [b"", b" ", b"{", b'{"id":1,}', b"nonsense", b"{} {}", b"\x00"])
def test_what_is_no_json_is_refused_with_its_place(raw: bytes) -> None:
    error = refused(raw)

    assert error.code == "event.syntax"
    assert re.search(r"line \d+, column \d+", error.message)


@pytest.mark.parametrize(
    ("raw", "seen"), [(b"[]", "a list"), (b"42", "a number"), (b"null", "null"), (b'"x"', "text")]
)
def test_what_is_no_object_is_refused(raw: bytes, seen: str) -> None:
    error = refused(raw)

    assert error.code == "event.syntax"
    assert seen in error.message


@pytest.mark.parametrize("name", ["id", "source", "type"])
@pytest.mark.parametrize(
    "value", [..., None, "", 5, True, [], {}, "a\0b", "x" * (NAME_MAX + 1), "é" * 513]
)
def test_a_required_attribute_that_is_missing_or_wrong_is_named(name: str, value: Any) -> None:
    error = refused_with(**{name: value})

    assert error.code == "event.attribute"
    assert error.details["attribute"] == name
    assert error.message.startswith(name)
    assert error.fix


def test_a_required_attribute_may_have_1024_bytes() -> None:
    assert read(id="é" * 512).id == "é" * 512


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"), ("specversion", 2), ("specversion", True), ("time", 1705314600),
        ("subject", 7), ("datacontenttype", []), ("dataschema", 1), ("data_base64", 1),
        ("data_base64", "no base64!"),
    ],
)  # fmt: skip
def test_an_optional_attribute_of_the_wrong_type_is_named(name: str, value: Any) -> None:
    error = refused_with(**{name: value, **({"data": ...} if name == "data_base64" else {})})

    assert error.code == "event.attribute"
    assert error.details["attribute"] == name
    assert name in error.message


@pytest.mark.parametrize("kind", ["tidegate.run.succeeded", "tidegate.gate.opened", "tidegate."])
def test_only_tidegate_says_its_own_types(kind: str) -> None:
    assert refused_with(type=kind).code == "event.type.reserved"


@pytest.mark.parametrize("kind", ["tidegate.dataset.arrived", "tidegated", "com.tidegate.x"])
def test_a_sender_may_say_that_a_dataset_arrived(kind: str) -> None:
    assert read(type=kind).type == kind
