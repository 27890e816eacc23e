"""Executions' laws: over any history of outcomes, wakes and stops, the state equals the fold of its
journal, a run ends exactly once, and attempts follow the retry policy to the minute.

The oracle walks the same results through plain arithmetic.
"""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tidegate.kernel.clock import MINUTE_US, NO_DAY, Instant, format_duration, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.orders import RequestRun, StartRun, Tell
from tidegate.kernel.retry import RetryPolicy
from tidegate.kernel.step import Done, Failed, Key, Order
from tidegate.run import engine
from tidegate.run.execution import LIVE, Execution, Status, fold
from tidegate.run.orders import StopExecution
from tidegate.testing.driver import Driver, Ear

NOON, _ = parse_instant("2024-01-15T12:00:00Z")
KEY = Key("execution", NO_DAY, "report", "r1")
ENDS = {
    "tidegate.run.succeeded", "tidegate.run.failed", "tidegate.run.timed_out",
    "tidegate.run.aborted",
}  # fmt: skip


class Finish(Struct, frozen=True):
    """The open task ends after so many minutes."""

    minutes: int
    error: str | None


class Stop(Struct, frozen=True):
    minutes: int


class Again(Struct, frozen=True):
    """The same start is ordered once more."""


Happening: TypeAlias = Finish | Stop | Again

errors = st.sampled_from((None, "States.Timeout", "Tidegate.CommandFailed", "KeyError"))
finishes = st.builds(Finish, st.integers(0, 50), errors)
failures = st.builds(Finish, st.integers(0, 50), st.sampled_from(("States.Timeout", "KeyError")))
histories = st.lists(
    st.one_of(failures, failures, finishes, st.builds(Stop, st.integers(0, 100)), st.just(Again())),
    min_size=1,
    max_size=12,
)
policies = st.one_of(
    st.none(),
    st.builds(
        RetryPolicy,
        attempts_max=st.integers(1, 5),
        delay_us=st.integers(0, 60).map(lambda minutes: minutes * MINUTE_US),
        multiplier=st.sampled_from((1.0, 1.5, 2.0)),
    ),
)
limits = st.one_of(st.none(), st.integers(30, 300))


class Play:
    """A run whose task ends when and how the history says."""

    def __init__(self, policy: RetryPolicy | None, limit_minutes: int | None) -> None:
        self.watch = Ear(Tell)
        self.driver = Driver([engine, self.watch], NOON)
        body: dict[str, Json] = {"kind": "command", "target": ["true"]}
        if limit_minutes is not None:
            body["execution_timeout"] = format_duration(limit_minutes * MINUTE_US)
        self.driver.follow({("job", "report"): body})
        self.driver.settle()
        request = RequestRun(job="report", request="r1", retry=policy, correlation_id="c1")
        self.order = Order(StartRun(request=request, trigger="r1", admitted_at=NOON))
        self.calls: list[tuple[str, int]] = []
        self.driver.give(self.order)
        self.note()

    def happen(self, what: Happening) -> None:
        driver = self.driver
        match what:
            case Again():
                driver.give(self.order)
            case Stop(minutes):
                self.advance(minutes)
                driver.give(StopExecution(execution="report~~-~~r1"), actor="ann")
            case Finish(minutes, error):
                self.to_next_attempt()
                self.advance(minutes)
                if driver.effects:
                    driver.finish(KEY, Done({"rows": 1}) if error is None else Failed(error, "why"))
        driver.settle()
        self.note()

    def to_next_attempt(self) -> None:
        while not self.driver.effects and (wake_at := self.driver.next_wake()) is not None:
            self.driver.advance(wake_at)
            self.note()

    def advance(self, minutes: int) -> None:
        self.driver.advance(Instant(self.driver.now + minutes * MINUTE_US))
        self.note()

    def note(self) -> None:
        """Which calls were made, and when they were first seen."""
        known = {call for call, _ in self.calls}
        for _, call in self.driver.effects:
            if call not in known:
                self.calls.append((call, self.driver.now - NOON))

    @property
    def execution(self) -> Execution:
        return self.driver.state(KEY, Execution)


@settings(max_examples=200, deadline=None)
@given(histories, policies, limits)
def test_the_state_is_the_fold_of_its_journal_and_a_run_ends_at_most_once(
    history: list[Happening], policy: RetryPolicy | None, limit: int | None
) -> None:
    play = Play(policy, limit)

    for what in history:
        play.happen(what)
        assert fold(play.driver.journal[KEY]) == play.execution

    types = play.driver.types()
    ends = [one for one in types if one in ENDS]
    live = play.execution.status in LIVE
    assert types[0] == "tidegate.run.started"
    assert types.count("tidegate.run.started") == 1
    assert len(ends) == (0 if live else 1)
    assert live or types[-1] in ENDS
    assert bool(play.driver.effects) == (play.execution.status == Status.RUNNING)
    assert live == (play.execution.ended_at is None)
    assert live or play.execution.wake_at is None
    spent = play.execution.status in (Status.FAILED, Status.TIMED_OUT)
    assert len(play.watch.heard) == int(spent)


def expected(
    results: list[Finish], policy: RetryPolicy, limit: int | None
) -> tuple[list[int], Status]:
    """The oracle: instants of the attempts in microseconds, and how the run stands at the end."""
    now, tries, bound = 0, list[int](), None if limit is None else limit * MINUTE_US
    wait: float = policy.delay_us
    for number, result in enumerate(results, start=1):
        if number > 1:
            now += max(int(wait), 1)
            wait = policy.delay_us * policy.multiplier ** (number - 1)
            if bound is not None and now >= bound:
                return tries, Status.TIMED_OUT
        tries.append(now)
        now += result.minutes * MINUTE_US
        if bound is not None and now >= bound:
            return tries, Status.TIMED_OUT
        if result.error is None:
            return tries, Status.SUCCEEDED
        if number == policy.attempts_max:
            timed_out = result.error == "States.Timeout"
            return tries, Status.TIMED_OUT if timed_out else Status.FAILED
    return tries, Status.RETRYING


@settings(max_examples=200, deadline=None)
@given(st.lists(finishes, min_size=1, max_size=6), policies, limits)
def test_attempts_follow_the_policy_and_the_bound(
    results: list[Finish], policy: RetryPolicy | None, limit: int | None
) -> None:
    play = Play(policy, limit)

    for result in results:
        play.happen(result)

    tries, status = expected(results, policy or RetryPolicy(attempts_max=1), limit)
    if play.execution.status == Status.RUNNING:
        # With no wait between them the next attempt has begun; the oracle stops before it.
        assert status == Status.RETRYING
        play.calls.pop()
    else:
        assert play.execution.status == status
    assert [call for call, _ in play.calls] == [f"Task.1.{n + 1}" for n in range(len(tries))]
    assert [at for _, at in play.calls] == tries
