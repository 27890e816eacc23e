"""What is sent and is no event is told by what it looks like, and where it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.sentfile import SentFile
from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.delivery import split_request, split_text
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json

ONE = '{"id": "1", "source": "/s", "type": "t"}'
ROWS = "send each row as an event: JSON lines, or a JSON array"


@pytest.mark.parametrize(
    ("data", "what", "fix"),
    [
        (b"id,date\n1,2026-03-02\n2,2026-03-02\n", "this looks like CSV", ROWS),
        (b'"id";"date"\r\n"1";"2026-03-02"\r\n', "this looks like CSV", ROWS),
        (b"<events><event/></events>", "this looks like XML", ROWS),
        (ONE.encode("utf-16"), "this is UTF-16", "send UTF-8"),
        (ONE.encode("utf-16-le"), "this is UTF-16", "send UTF-8"),
        (b"\x1f\x8b\x08\x00abc", "this is gzip", "unpack it first"),
        (b'{"id": "1",\n "source": "/s",\n', "line 3, column 1: it ends in the middle of a value", ""),
        (b'[{"id": "1"},\n {"id": "x', "line 2, column 9: it ends in the middle of a value", ""),
        (b"nonsense", "line 1, column 1: Expecting value", "send whole JSON"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_json_is_told_by_its_looks(data: bytes, what: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        split_text(data)

    assert caught.value.message == f"no JSON: {what}"
    assert fix in caught.value.fix


@pytest.mark.parametrize("data", [b"id,date\n1,2026-03-02\n", ONE.encode("utf-16-le")])
def test_a_body_is_told_by_its_looks_as_well(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        split_request("application/json", {}, data)

    assert caught.value.code == "body.syntax"
    assert "this looks like CSV" in caught.value.message or "UTF-16" in caught.value.message


@pytest.mark.parametrize(
    ("raw", "lacking", "fix"),
    [
        (b'{"events": [{"id": "1"}]}', "specversion, id, source, type", 'send the list under "events"'),
        (b'{"order": 5, "total": 9}', "specversion, id, source, type", 'send {"specversion"'),
        (b'{"specversion": "1.0", "data": {}}', "id, source, type", 'send {"specversion"'),
    ],
)  # fmt: skip
def test_plain_data_is_told_to_be_no_event(raw: bytes, lacking: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(raw, now=Instant(0))

    assert caught.value.message == f"no CloudEvent: it has no {lacking}"
    assert caught.value.fix.startswith(fix)


def test_what_is_wrong_with_a_file_names_it() -> None:
    with pytest.raises(InputError) as caught:
        SentFile(Path("orders.csv"), b"id,date\n1,2026-03-02\n")

    assert caught.value.message == "orders.csv: no JSON: this looks like CSV"


def test_a_broken_line_is_found_in_its_file() -> None:
    text = f'{ONE}\n{{"id": "é", oops}}\n\n  {ONE}\n'
    read = SentFile(Path("x.jsonl"), text.encode())
    said: list[Json] = [
        {"index": 1, "code": "event.syntax", "message": "not JSON: line 1, column 13: Expecting"},
        {"index": 2, "code": "event.attribute", "message": "id is missing"},
    ]

    read.place(said)

    assert [(one["line"], one["column"]) for one in said] == [(2, 13), (4, 3)]
    assert said[0]["message"] == "not JSON: line 2, column 13: Expecting"


def test_a_member_of_an_array_over_several_lines_is_found_in_its_file() -> None:
    read = SentFile(Path("x.json"), b'[\n {"id": "1"},\n {"id": "2",\n  "n": NaN oops}]')
    said: list[Json] = [
        {"index": 1, "code": "event.syntax", "message": "not JSON: line 2, column 12: Expecting"}
    ]

    read.place(said)

    assert (said[0]["line"], said[0]["column"]) == (4, 12)
