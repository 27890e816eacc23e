"""A turn that outlasts everybody's patience: what a probe sees, and how the server still ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.broken import mark
from tidegate.testing.server import Server, eventually
from tidegate.testing.stream import write_project

Faulty = Callable[..., Server]

pytestmark = [pytest.mark.slow]


def reasons(server: Server) -> list[str]:
    return [one["code"] for one in server.call("GET", "/readyz")[1]["reasons"]]


def outcome(server: Server, event: dict[str, Any]) -> int | None:
    """The status a sender saw; None when the connection ended without an answer."""
    try:
        return server.post(event)[0]
    except OSError:
        return None


def test_a_server_whose_turn_does_not_end_says_so_and_ends_in_time(
    faulty: Faulty, tmp_path: Path
) -> None:
    project, database = (
        write_project(tmp_path / "project", job_seconds=0.1),
        str(tmp_path / "stuck.db"),
    )
    server = faulty(project, database)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(outcome, server, mark("a", "stuck"))
        eventually(lambda: "turn.slow" in reasons(server))
        second = pool.submit(outcome, server, mark("b", "fine"))
        began = time.monotonic()
        code = server.stop()
        seconds = time.monotonic() - began

    assert code == 0
    assert seconds < 10
    assert {first.result(), second.result()} <= {503, 504, None}
    again = faulty(project, database, TIDEGATE_TEST_MENDED="1")
    assert again.post([mark("a", "stuck"), mark("b", "fine")])[1]["accepted"] == 2
