"""Truce: lapsed leases of others are left alone for a while after an outage."""

from __future__ import annotations

import pytest

from tidegate.adapters.store.postgres_truce import TRUCE_S, Truce
from tidegate.kernel.clock import SECOND_US, Instant


class Clock:
    def __init__(self) -> None:
        self.seconds = 500.0

    def now(self) -> Instant:
        return Instant(0)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def speak(truce: Truce, clock: Clock, seconds: float, connection: int = 1) -> None:
    """Speak every second for so long."""
    for _ in range(int(seconds)):
        clock.seconds += 1
        truce.notice(connection)


def test_a_truce_is_one_lease_and_ten_seconds() -> None:
    assert TRUCE_S == 40


def test_there_is_none_while_all_goes_well(clock: Clock) -> None:
    truce = Truce(clock, begins=False)
    speak(truce, clock, 100)

    assert truce.over


def test_a_server_may_begin_with_one(clock: Clock) -> None:
    truce = Truce(clock, begins=True)
    speak(truce, clock, 39)
    before = truce.over
    speak(truce, clock, 1)

    assert (before, truce.over) == (False, True)


def test_a_new_connection_begins_one(clock: Clock) -> None:
    truce = Truce(clock, begins=False)
    speak(truce, clock, 5)
    speak(truce, clock, 1, connection=2)
    first = truce.over
    speak(truce, clock, 40, connection=2)

    assert (first, truce.over) == (False, True)


@pytest.mark.parametrize(("gap_s", "over"), [(10.0, True), (10.1, False)])
def test_a_gap_of_more_than_ten_seconds_begins_one(clock: Clock, gap_s: float, over: bool) -> None:
    truce = Truce(clock, begins=False)
    clock.seconds += gap_s
    truce.notice(1)

    assert truce.over is over


@pytest.mark.parametrize(("step_s", "over"), [(9, True), (-9, True), (11, False), (-11, False)])
def test_a_step_of_the_databases_clock_begins_one(clock: Clock, step_s: int, over: bool) -> None:
    truce = Truce(clock, begins=False)
    at = 1_000_000 * SECOND_US
    truce.notice_clock(Instant(at))
    clock.seconds += 3600
    truce.notice_clock(Instant(at + (3600 + step_s) * SECOND_US))

    assert truce.over is over
