"""The clock of a running server steps, and a server is down over a deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tidegate.kernel.clock import DAY_US, HOUR_US
from tidegate.testing.server import Server, eventually, tidegate

Faulty = Callable[..., Server]

pytestmark = [pytest.mark.slow]

TEN_YEARS_US = 3_652 * DAY_US
_RULE = """
rule_name: both
owner: ops
conditions:
  - {event_type: landed, data.dataset_name: orders}
  - {event_type: landed, data.dataset_name: customers}
correlation_logic:
  - {match_field: data.business_date}
  - {time_window: 1h}
on_timeout:
  - {action_type: send_notification, channel: console, message: "late: ${missing}"}
"""
_EXPECTED = """
rule_name: expected
owner: ops
conditions:
  - {event_type: landed, data.dataset_name: prices}
correlation_logic:
  - {match_field: data.business_date}
expect: {calendar: every_day, deadline: "+1d 06:00"}
"""


class Place:
    """A project, its database, and by how much its server's clock is off."""

    def __init__(self, folder: Path, faulty: Faulty) -> None:
        self.project = folder / "project"
        (self.project / "rules").mkdir(parents=True)
        (self.project / "tidegate.yaml").write_text("name: time\n")
        (self.project / "rules" / "both.yaml").write_text(_RULE)
        self.database = str(folder / "time.db")
        self._clock = folder / "clock"
        self._faulty = faulty
        self.off(0)

    def off(self, by_us: int) -> None:
        # In one step: the server may look at any instant, and must never meet an empty file.
        written = self._clock.with_suffix(".written")
        written.write_text(str(by_us))
        written.replace(self._clock)

    def serve(self) -> Server:
        return self._faulty(self.project, self.database, TIDEGATE_TEST_CLOCK=str(self._clock))

    def command(self, *arguments: str) -> tuple[int, str]:
        done = tidegate(*arguments, project=self.project, database=self.database)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path, faulty: Faulty) -> Place:
    return Place(tmp_path, faulty)


def landed(dataset: str, date: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{dataset}.{date}",
        "source": "/time",
        "type": "landed",
        "time": f"{date}T06:00:00Z",
        "data": {"dataset_name": dataset, "business_date": date},
    }


def statuses(server: Server, rule: str = "both") -> Mapping[str, str]:
    _, found = server.call("GET", "/api/v1/gates")
    gates = [gate for gate in found["items"] if gate["rule"] == rule]
    return {gate["key"]["data.business_date"]: gate["status"] for gate in gates}


def logged(server: Server, type_: str) -> int:
    """So many events of this type are in the log."""
    status, found = server.call("GET", f"/api/v1/events?type={type_}")
    assert status == 200, found
    return len(found["items"])


def reasons(server: Server) -> list[str]:
    """Why it is not ready."""
    _, answer = server.call("GET", "/readyz")
    return [one["code"] for one in answer["reasons"]]


@pytest.mark.parametrize("by_us", [TEN_YEARS_US, -HOUR_US])
def test_a_clock_that_steps_decides_nothing_until_it_is_right_again(
    place: Place, by_us: int
) -> None:
    server = place.serve()
    first, _ = server.post(landed("orders", "2026-01-05"))

    place.off(by_us)
    refused, problem = server.post(landed("customers", "2026-01-05"))
    ready, _ = server.call("GET", "/readyz")
    why = reasons(server)
    doctor = place.command("doctor")
    waiting = statuses(server)
    place.off(0)
    eventually(server.ready)
    again, _ = server.post(landed("customers", "2026-01-05"))

    assert first == 202
    assert (refused, problem["code"]) == (503, "clock.jump")
    assert (ready, why) == (503, ["clock.jump"])
    assert doctor[0] == 1
    assert waiting == {"2026-01-05": "waiting"}
    assert again == 202
    assert statuses(server) == {"2026-01-05": "open"}
    assert logged(server, "tidegate.gate.overdue") == 0
    server.stop()
    assert place.command("db", "verify")[0] == 0


@pytest.mark.parametrize(
    ("by_us", "options", "after"),
    [
        (-HOUR_US, (), "waiting"),
        (TEN_YEARS_US, ("--shift",), "waiting"),
        (TEN_YEARS_US, (), "overdue"),  # a person says that ten years have passed
    ],
)
def test_a_person_accepts_the_clock_and_it_goes_on(
    place: Place, by_us: int, options: tuple[str, ...], after: str
) -> None:
    server = place.serve()
    server.post(landed("orders", "2026-01-05"))
    place.off(by_us)

    code, said = place.command("doctor", "--accept-clock", *options)
    assert (code, said.splitlines()[:1]) == (0, ["the clock is accepted"]), said
    eventually(server.ready)
    eventually(lambda: statuses(server) == {"2026-01-05": after})
    status, _ = server.post(landed("customers", "2026-01-05"))

    assert status == 202
    assert statuses(server) == {"2026-01-05": "open"}
    server.stop()
    assert place.command("db", "verify")[0] == 0


def test_a_server_that_was_down_over_a_deadline_alarms_when_it_is_back(place: Place) -> None:
    (place.project / "rules" / "expected.yaml").write_text(_EXPECTED)
    server = place.serve()
    server.post(landed("orders", "2026-01-05"))
    before = statuses(server, "expected")
    server.kill()

    place.off(3 * DAY_US)
    back = place.serve()
    eventually(lambda: statuses(back) == {"2026-01-05": "overdue"})
    eventually(lambda: list(statuses(back, "expected").values()).count("overdue") == 3)
    after = statuses(back, "expected")
    back.stop()

    assert set(before.values()) == {"waiting"}
    assert set(before) < set(after), "the dates that passed meanwhile have their gates as well"
    told = [line for line in back.log if " to ops" in line or "late: " in line]
    assert any("late: customers" in line for line in told), back.log
    assert sum("expected" in line and "overdue" in line for line in told) == 3, back.log
    assert place.command("db", "verify")[0] == 0
