"""Standard error that nobody reads: nobody waits for it, and what was dropped is counted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.notify.console import ConsoleNotify
from tidegate.adapters.system import SystemClock
from tidegate.adapters.talk import LINES_MAX, Talk, TalkHandler
from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import SendNotice
from tidegate.testing.server import Server

RULE = """\
rule_name: nightly
conditions:
  - {event_type: landed, data.dataset_name: orders}
additional_conditions:
  - record_count: "> 0"
correlation_logic:
  - {match_field: data.business_date}
on_quality_failure:
  - {action_type: send_notification, channel: console, message: "${data.business_date} has no rows"}
"""
DATES = 1_200
"""Each tells of a quarantine: together far more than a pipe holds."""


def full_pipe() -> tuple[int, int]:
    """Ends to read from and to write to; nothing more fits."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing


def read_all(descriptor: int, last: bytes) -> bytes:
    found = b""
    while last not in found:
        found += os.read(descriptor, 1 << 16)
    return found.lstrip(b"x")


def test_lines_come_in_their_order() -> None:
    reading, writing = os.pipe()
    talk = Talk(os.fdopen(writing, "w"))

    for number in range(100):
        talk.say(f"line {number}")

    assert talk.finish()
    assert read_all(reading, b"line 99\n").decode().splitlines() == [
        f"line {n}" for n in range(100)
    ]


def test_a_log_that_nobody_reads_keeps_nobody_waiting_and_says_how_much_is_missing() -> None:
    reading, writing = full_pipe()
    handler = TalkHandler(Talk(os.fdopen(writing, "w")))
    record = logging.LogRecord("tidegate", logging.WARNING, "", 0, "said", None, None)

    for _ in range(LINES_MAX + 50):
        handler.emit(record)
    before = read_all(reading, b"said\n" * 900)
    read_all(reading, b"said\n") if before.count(b"said\n") < LINES_MAX else b""
    handler.emit(record)

    missing = read_all(reading, b"could not be written\n").decode()
    count = int(missing.split("WARNING ")[1].split()[0])
    assert 48 <= count <= 50


def test_a_line_that_cannot_be_formatted_is_said_as_it_stands() -> None:
    reading, writing = os.pipe()
    talk = Talk(os.fdopen(writing, "w"))
    record = logging.LogRecord("tidegate", logging.WARNING, "", 0, "%d rows", ("many",), None)

    TalkHandler(talk).emit(record)

    assert talk.finish()
    assert "a line that cannot be formatted: '%d rows'" in read_all(reading, b"\n").decode()


def test_a_notice_that_is_not_read_is_tried_again_and_then_written_once() -> None:
    reading, writing = full_pipe()
    console = ConsoleNotify(SystemClock(), Talk(os.fdopen(writing, "w")))
    notice = SendNotice(call="Tell.1", channel="hook", receiver="ops", body={"message": "late"})

    async def act() -> None:
        with pytest.raises(TransientError, match="nobody reads"):
            await console.send(notice, "k")
        with pytest.raises(TransientError, match="nobody reads"):
            await console.send(notice, "k")
        await asyncio.to_thread(os.read, reading, 1 << 20)
        await console.send(notice, "k")

    asyncio.run(act())
    said = read_all(reading, b"late\n").decode()
    assert said.count("to ops: late") in (1, 2)  # the first was being written; the second was not


def test_a_server_whose_standard_error_nobody_reads_goes_on_and_ends(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "tidegate.yaml").write_text("name: quiet\n")
    (tmp_path / "rules" / "nightly.yaml").write_text(RULE)
    events: list[dict[str, Any]] = [
        {
            "specversion": "1.0", "id": f"e{n}", "source": "/crm", "type": "landed",
            "data": {"dataset_name": "orders", "business_date": date, "record_count": 0},
        }
        for n, date in enumerate(f"{2020 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"
                                 for n in range(DATES))
    ]  # fmt: skip

    with Server(tmp_path) as server:
        status, answer = server.post(json.dumps(events).encode())
        answers = {server.call("GET", "/readyz")[0] for _ in range(200)}
        code = server.stop()

    assert (status, answer["accepted"]) == (202, DATES)
    assert answers == {200}
    assert code == 0
