"""Deliveries: HTTP requests and files, cut into events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.kernel.clock import parse_instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.delivery import BATCH_MAX, MARKS_MAX, split_request, split_text
from tidegate.kernel.errors import InputError

NOW = parse_instant("2024-01-16T00:00:00Z")[0]
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "a-1",
    "ce-source": "/crm",
    "ce-type": "t",
    "Content-Length": "9",
}


def refused(content_type: str, body: bytes, headers: dict[str, str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        split_request(content_type, headers or {}, body)
    return caught.value


def binary(content_type: str, body: bytes, **headers: str) -> dict[str, Any]:
    named = {f"ce-{name}": value for name, value in headers.items()}
    delivery = split_request(content_type, {**HEADERS, **named}, body)
    assert not delivery.batch
    document: dict[str, Any] = json.loads(delivery.events[0])
    return document


# ---- structured
@pytest.mark.parametrize(
    "content_type",
    [STRUCTURED, f"{STRUCTURED}; charset=UTF-8", "application/json", "Application/JSON", ""],
)
def test_one_event_is_handed_on_byte_for_byte(content_type: str) -> None:
    body = b' {"id" :"a",\n "x": 1.50}\n'

    delivery = split_request(content_type, {}, body)

    assert (delivery.batch, delivery.events) == (False, (body,))


def test_a_byte_order_mark_is_no_part_of_an_event() -> None:
    assert split_request(STRUCTURED, {}, b"\xef\xbb\xbf{}").events == (b"{}",)


def test_headers_do_not_change_a_structured_event() -> None:
    assert split_request(STRUCTURED, HEADERS, b"{}").events == (b"{}",)


# ---- batches
@pytest.mark.parametrize("content_type", [BATCH, "application/json", STRUCTURED])
def test_a_batch_is_cut_into_the_senders_own_bytes(content_type: str) -> None:
    body = b'[ {"id": "a"} ,{"id":"b" , "d":[1,{"x":"],[}"}]},\n{}]'

    delivery = split_request(content_type, {}, body)

    assert delivery.batch
    assert delivery.events == (b'{"id": "a"}', b'{"id":"b" , "d":[1,{"x":"],[}"}]}', b"{}")


def test_an_object_sent_as_a_batch_is_a_batch_of_one() -> None:
    delivery = split_request(BATCH, {}, b'{"id":"a"}')

    assert (delivery.batch, delivery.events) == (True, (b'{"id":"a"}',))


def test_a_batch_may_be_empty() -> None:
    assert split_request(BATCH, {}, b"[ ]").events == ()


@pytest.mark.parametrize(
    "bad",
    [b"42", b'"text"', b"null", b"[1]", b'{"a":NaN}', b'{"a":tru}', b'{"a":"\\ud800"}', b'{"a":"\xff"}',
     b"[" * 5000 + b"]" * 5000, b'{"a" 1}', b""],
)  # fmt: skip
def test_a_bad_member_leaves_its_neighbours_alone(bad: bytes) -> None:
    delivery = split_request(BATCH, {}, b'[{"id":"a"},' + bad + b', {"id":"b, ]","d":[1,2]}]')

    assert delivery.events == (b'{"id":"a"}', bad, b'{"id":"b, ]","d":[1,2]}')
    with pytest.raises(InputError) as caught:
        decode(bad, now=NOW)
    assert caught.value.code.startswith("event.")


@pytest.mark.parametrize(
    "body",
    [b'[{"id":"a"}', b'[{"id":"a}]', b"[{}] x", b"[{}]]", b"[}", b"[{}}", b'["' + b'\\"' * 50_000],
)
def test_a_batch_that_is_not_whole_cannot_be_read(body: bytes) -> None:
    assert refused(BATCH, body).code == "body.syntax"


def test_a_damaged_batch_is_cut_member_by_member_up_to_a_limit() -> None:
    members = b"[" * (MARKS_MAX // 2 - 10) + b"]" * (MARKS_MAX // 2 - 10)

    assert len(split_request(BATCH, {}, b"[{}," + members + b"]").events) == 2
    assert refused(BATCH, b"[{}," + members + b",[[[[[[[[[[]]]]]]]]]]]").code == "body.syntax"


def test_a_batch_holds_ten_thousand_events_and_no_more() -> None:
    body = b"[" + b",".join([b"{}"] * BATCH_MAX)

    assert len(split_request(BATCH, {}, body + b"]").events) == BATCH_MAX
    assert refused(BATCH, body + b",{}]").code == "limit.batch"
    assert refused("application/x-ndjson", b"{}\n" * (BATCH_MAX + 1)).code == "limit.batch"


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/jsonl; charset=utf-8"]
)
def test_json_lines_are_a_batch_in_which_every_line_stands_alone(content_type: str) -> None:
    delivery = split_request(content_type, {}, b'{"id":"a"}\r\n\n{"id": broken\n  {"id":"b"}')

    assert delivery.batch
    assert delivery.events == (b'{"id":"a"}', b'{"id": broken', b'{"id":"b"}')


# ---- binary
def test_a_binary_event_is_its_headers_and_its_body() -> None:
    document = binary(
        "application/json", b'{"n": 1.0}', subject="orders", time="2024-01-15T10:30:00Z"
    )

    assert document == {
        "specversion": "1.0",
        "id": "a-1",
        "source": "/crm",
        "type": "t",
        "subject": "orders",
        "time": "2024-01-15T10:30:00Z",
        "datacontenttype": "application/json",
        "data": {"n": 1.0},
    }


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("100%25", "100%"),
        ('"quoted \\"text\\""', 'quoted "text"'),
        ("  blank  ", "blank"),
        ("Größe".encode().decode("latin-1"), "Größe"),
        ("Größe", "Größe"),
    ],
)
def test_header_values_are_percent_decoded(header: str, meant: str) -> None:
    assert binary("application/json", b"1", subject=header)["subject"] == meant


def test_a_header_that_is_no_utf8_is_refused() -> None:
    error = refused("application/json", b"1", {**HEADERS, "ce-subject": "%ff"})

    assert error.code == "event.string"
    assert "ce-subject" in error.message


def test_names_of_headers_may_be_written_in_capitals() -> None:
    headers = {name.upper(): value for name, value in HEADERS.items()}

    assert json.loads(split_request("text/plain", headers, b"x").events[0])["id"] == "a-1"


@pytest.mark.parametrize(
    ("content_type", "body", "field", "value"),
    [
        ("text/plain", "é".encode(), "data", "é"),
        ("text/plain; charset=latin1", "é".encode("latin-1"), "data", "é"),
        ("application/xml", b"<a/>", "data", "<a/>"),
        ("text/plain", b"\xff", "data_base64", "/w=="),
        ("application/octet-stream", b"\x00\xff", "data_base64", "AP8="),
        ("application/vnd.x+json", b"[1]", "data", [1]),
        ("", b'{"a":1}', "data", {"a": 1}),
    ],
)
def test_a_binary_body_is_embedded_as_what_it_is(
    content_type: str, body: bytes, field: str, value: Any
) -> None:
    document = binary(content_type, body)

    assert document[field] == value
    assert document.keys() & {"data", "data_base64"} == {field}


def test_a_binary_event_without_body_has_no_data() -> None:
    assert "data" not in binary("application/json", b"")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'1,"id":"other"', "event.syntax"),
        (b'1},{"id":"other"', "event.syntax"),
        (b"{", "event.syntax"),
        (b'{"a":NaN}', "event.number"),
        (b"[" * 100_000, "event.depth"),
    ],
)
def test_a_binary_body_that_is_no_json_cannot_add_attributes(body: bytes, code: str) -> None:
    assert refused("application/json", body, HEADERS).code == code


def test_data_does_not_come_in_a_header() -> None:
    error = refused("application/json", b"1", {**HEADERS, "ce-data": "2"})

    assert error.code == "event.attribute"


# ---- no event
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>"),
        ("application/x-www-form-urlencoded", b"a=b"),
        ("application/cloudevents+avro", b"Obj"),
        ("application/json", b""),
        ("application/json", b" \n"),
        ("application/json", b"42"),
        ("application/json", b'"text"'),
        ("application/x-ndjson", b"\n\n"),
    ],
)
def test_what_holds_no_event_says_what_to_send(content_type: str, body: bytes) -> None:
    error = refused(content_type, body)

    assert error.code == "body.not_event"
    assert STRUCTURED in error.fix


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b"nonsense"), (STRUCTURED, b"\x00"), (f"{BATCH}; charset=utf-16", b"[]")],
)
def test_what_is_no_json_at_all_cannot_be_read(content_type: str, body: bytes) -> None:
    assert refused(content_type, body).code == "body.syntax"


# ---- files
@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"", ()),
        (b" \n", ()),
        (b'\xef\xbb\xbf{"id": "a"}\n', (b'{"id": "a"}',)),
        (b'[{"id":"a"}, {"id":"b"}]', (b'{"id":"a"}', b'{"id":"b"}')),
        (b'{"id":"a"}\n{"id":"b"}\n', (b'{"id":"a"}', b'{"id":"b"}')),
        (b'{"id":"a"}{"id":"b"}', (b'{"id":"a"}', b'{"id":"b"}')),
        (b'{\n "id": "a"\n}\n{\n "id": "b"\n}\n', (b'{\n "id": "a"\n}', b'{\n "id": "b"\n}')),
        (b'[{"id":"a"}]\n[{"id":"b"}]', (b'{"id":"a"}', b'{"id":"b"}')),
        (b'{"id":"a"}\n{"id": \n{"id":"b"}', (b'{"id":"a"}', b'{"id":', b'{"id":"b"}')),
        (b'{"id": \n{"id":"b"}', (b'{"id":', b'{"id":"b"}')),
        (b'{"id":"a"}\n{"x":"unclosed\n{"id":"b"}', (b'{"id":"a"}', b'{"x":"unclosed', b'{"id":"b"}')),
        (b'{\n "n": NaN\n}\n{\n "id": "b"\n}', (b'{\n "n": NaN\n}', b'{\n "id": "b"\n}')),
        (b'[{"n": NaN},\n {"id":"b"}]', (b'{"n": NaN}', b'{"id":"b"}')),
        (b'{"n": NaN}', (b'{"n": NaN}',)),
    ],
)  # fmt: skip
def test_a_file_is_cut_however_its_events_are_printed(
    text: bytes, events: tuple[bytes, ...]
) -> None:
    assert split_text(text) == events


@pytest.mark.parametrize(
    "text", [b"nonsense", b"{", b'{\n "id": "a"\n', b"}", b"<xml/>", b'x {"a": 1 b}']
)
def test_a_file_that_cannot_be_cut_is_refused(text: bytes) -> None:
    with pytest.raises(InputError) as caught:
        split_text(text)

    assert caught.value.code == "body.syntax"
