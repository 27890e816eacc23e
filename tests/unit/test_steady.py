"""Readings of the clock: believed, refused, and accepted by a person."""

from __future__ import annotations

import pytest

from tidegate.kernel.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Instant
from tidegate.kernel.errors import TransientError
from tidegate.services.steady import Steady
from tidegate.testing.world import START, SimulatedClock

TEN_YEARS_US = 3_652 * DAY_US


def started(clock: SimulatedClock) -> Steady:
    steady = Steady(clock)
    steady.start(clock.now(), Instant(clock.now() - HOUR_US))
    return steady


def test_time_that_passes_is_believed() -> None:
    clock = SimulatedClock()
    steady = started(clock)

    clock.to(Instant(START + 3 * DAY_US))
    steady.judge(clock.now())

    assert steady.fault is None
    assert steady.reading() == START + 3 * DAY_US


@pytest.mark.parametrize("jump_us", [61 * SECOND_US, -61 * SECOND_US, TEN_YEARS_US, -HOUR_US])
def test_a_reading_off_the_boot_time_clock_is_a_jump(jump_us: int) -> None:
    clock = SimulatedClock()
    steady = started(clock)
    clock.step(jump_us)

    with pytest.raises(TransientError, match="nothing is decided") as refused:
        steady.judge(clock.now())

    assert refused.value.code == "clock.jump"
    assert steady.fault is refused.value


def test_a_jump_does_not_move_the_clock_that_leases_are_kept_by() -> None:
    clock = SimulatedClock()
    steady = started(clock)
    clock.step(TEN_YEARS_US)
    with pytest.raises(TransientError):
        steady.judge(clock.now())

    clock.to(Instant(clock.now() + 5 * SECOND_US))

    assert steady.reading() == START + 5 * SECOND_US


def test_a_clock_that_settles_is_believed_again() -> None:
    clock = SimulatedClock()
    steady = started(clock)
    clock.step(-HOUR_US)
    with pytest.raises(TransientError):
        steady.judge(clock.now())

    clock.step(HOUR_US + 2 * SECOND_US)
    steady.judge(clock.now())

    assert steady.fault is None


def test_an_accepted_reading_is_where_time_goes_on_from() -> None:
    clock = SimulatedClock()
    steady = started(clock)
    clock.step(TEN_YEARS_US)

    jump_us = steady.jump_us(clock.now())
    steady.accept(clock.now())

    steady.judge(clock.now())
    assert jump_us == TEN_YEARS_US
    assert steady.reading() == START + TEN_YEARS_US


def test_a_start_before_the_last_turn_is_a_jump_until_the_clock_reaches_it() -> None:
    clock = SimulatedClock()
    steady = Steady(clock)
    last = Instant(START + HOUR_US)

    with pytest.raises(TransientError):
        steady.start(clock.now(), last)
    with pytest.raises(TransientError):
        steady.judge(clock.now())
    clock.step(HOUR_US)
    steady.judge(clock.now())

    assert steady.fault is None


def test_a_start_long_after_the_last_turn_is_believed() -> None:
    clock = SimulatedClock()
    steady = Steady(clock)

    steady.start(clock.now(), Instant(START - TEN_YEARS_US))

    assert steady.fault is None


def test_a_database_ten_minutes_off_this_machine_is_a_jump_a_person_may_accept() -> None:
    clock = SimulatedClock()
    steady = Steady(clock)
    theirs = Instant(START + 11 * MINUTE_US)
    with pytest.raises(TransientError, match="own clock"):
        steady.start(theirs, START)

    steady.accept(theirs)
    clock.to(Instant(START + MINUTE_US))
    steady.judge(Instant(theirs + MINUTE_US))

    assert steady.fault is None


def test_what_another_replica_decided_with_is_believed() -> None:
    clock = SimulatedClock()
    steady = started(clock)
    theirs = Instant(START + 5 * MINUTE_US)
    with pytest.raises(TransientError):
        steady.judge(theirs)

    steady.judge(theirs, Instant(theirs - SECOND_US))

    assert steady.reading() == theirs
