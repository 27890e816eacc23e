"""Admission's laws: over any history of requests, pauses, windows, edits and time, a request starts
at most once, never while anything holds it, and as soon as nothing does.

The oracle keeps what holds as plain minutes and asks it again at every instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tidegate.kernel.clock import MINUTE_US, NO_DAY, Instant, format_instant, parse_instant
from tidegate.kernel.event import PRIORITIES, Json
from tidegate.kernel.orders import RequestRun, StartRun
from tidegate.kernel.step import Key, Refusal
from tidegate.schedule import engine
from tidegate.schedule.orders import AddWindow, CancelTrigger, Pause, RemoveWindow, Resume
from tidegate.schedule.trigger import Status, Trigger
from tidegate.schedule.window import WindowDocument
from tidegate.testing.driver import Driver, Ear

MIDNIGHT, _ = parse_instant("2024-01-15T00:00:00Z")
DAY_MINUTES = 24 * 60
A_MOMENT_US = 1_000
"""Steps of a microsecond that a release may take."""


# ---- what happens
class Ask(Struct, frozen=True):
    job: str
    request: str
    priority: str


class Span(Struct, frozen=True):
    """A window: from minute to minute, of every day or, `once`, counted from now."""

    first: int
    length: int
    once: bool
    job: str | None

    def written(self, now: int) -> dict[str, Json]:
        jobs: dict[str, Json] = {"jobs": [self.job]} if self.job else {}
        if self.once:
            start = Instant(MIDNIGHT + (now + self.first) * MINUTE_US)
            end = Instant(start + self.length * MINUTE_US)
            return {"from": format_instant(start), "until": format_instant(end), **jobs}
        last = (self.first + self.length) % DAY_MINUTES
        return {"start": _clock(self.first), "end": _clock(last), **jobs}


class Stop(Struct, frozen=True):
    job: str | None
    minutes: int | None


class Go(Struct, frozen=True):
    job: str | None


class Unspan(Struct, frozen=True):
    number: int


class Edit(Struct, frozen=True):
    jobs: tuple[str, ...]
    spans: tuple[Span, ...]


class Cancel(Struct, frozen=True):
    job: str
    request: str


class Pass(Struct, frozen=True):
    """Time passes; `asleep`: nobody looks at the clock meanwhile, as after an outage."""

    minutes: int
    asleep: bool


Happening: TypeAlias = Ask | Stop | Go | Span | Unspan | Edit | Cancel | Pass


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


names = st.sampled_from(("a", "b"))
maybe = st.sampled_from((None, "a", "b"))
asks = st.builds(Ask, names, st.integers(0, 9).map(str), st.sampled_from(PRIORITIES))
spans = st.builds(Span, st.integers(0, DAY_MINUTES - 1), st.integers(1, 600), st.booleans(), maybe)
edits = st.builds(
    Edit,
    st.sampled_from((("a", "b"), ("a", "b"), ("a",), ())),
    st.lists(spans.filter(lambda span: not span.once and span.job is None), max_size=2).map(tuple),
)
quiet = st.one_of(
    asks, asks, asks,
    st.builds(Stop, maybe, st.one_of(st.none(), st.integers(1, 900))),
    st.builds(Go, maybe),
    spans,
    st.builds(Unspan, st.integers(0, 4)),
    st.builds(Cancel, names, st.integers(0, 9).map(str)),
)  # fmt: skip
passing = st.builds(Pass, st.integers(1, 900), st.booleans())
histories = st.lists(
    st.one_of(quiet, quiet, quiet, edits, passing, passing), min_size=15, max_size=40
)


# ---- the oracle
class Held:
    """What holds, said a second time: pauses by their end, windows by their minutes."""

    def __init__(self) -> None:
        self.pauses: dict[str | None, int | None] = {}  # of whom; until which minute
        self.spans: list[tuple[Span, int]] = []  # written, and the minute it was added at
        self.extra: list[tuple[str, Span, int]] = []  # those of run time, by id
        self.jobs: tuple[str, ...] = ("a", "b")

    def holds(self, job: str, minute: int) -> bool:
        paused = any(
            who in (None, job) and (until is None or minute < until)
            for who, until in self.pauses.items()
        )
        windows = [*self.spans, *((span, at) for _, span, at in self.extra)]
        return paused or any(
            _covers(span, at, minute) for span, at in windows if span.job in (None, job)
        )


def _covers(span: Span, added: int, minute: int) -> bool:
    if span.once:
        return added + span.first <= minute < added + span.first + span.length
    return (minute - span.first) % DAY_MINUTES < span.length


class Play:
    """A history played to the engine and to the oracle."""

    def __init__(self) -> None:
        self.run = Ear(StartRun)
        self.driver = Driver([engine, self.run], MIDNIGHT)
        self.minute = 0
        self.held = Held()
        self.asked: dict[tuple[str, str], bool] = {}  # to whether it may still start
        self.seen = 0
        self._follow(("a", "b"), ())

    def happen(self, what: Happening) -> None:
        match what:
            case Pass(minutes, asleep):
                self._pass(minutes, asleep=asleep)
            case Edit(jobs, written):
                self.held.jobs = jobs
                self.held.spans = [(span, self.minute) for span in written]
                self._follow(jobs, written)
            case _:
                (answer,) = self.driver.give(self.order(what), actor="ann")
                if not isinstance(answer, Refusal):
                    self._believe(what, answer)
                self.driver.settle()
        self._check_now()

    def order(self, what: Happening) -> Struct:
        match what:
            case Ask(job, request, priority):
                return RequestRun(job=job, request=request, priority=priority, origin="gate")
            case Stop(job, minutes):
                return Pause(job=job, until=None if minutes is None else self._at(minutes))
            case Go(job):
                return Resume(job=job)
            case Span():
                written = WindowDocument.model_validate(what.written(self.minute))
                return AddWindow(window=written.to_window("", "UTC"))
            case Unspan(number):
                known = [id_ for id_, _, _ in self.held.extra]
                return RemoveWindow(window_id=known[number] if number < len(known) else "none")
            case Cancel(job, request):
                return CancelTrigger(trigger=f"{job}~~-~~{request}")
            case _:
                raise AssertionError(what)

    def _believe(self, what: Happening, answer: Mapping[str, Any]) -> None:
        match what:
            case Ask(job, request, _):
                self.asked.setdefault((job, request), job in self.held.jobs)
            case Stop(job, minutes):
                self.held.pauses[job] = None if minutes is None else self.minute + minutes
            case Go(job):
                self.held.pauses.pop(job, None)
            case Span():
                self.held.extra.append((answer["window_id"], what, self.minute))
            case Unspan(number):
                del self.held.extra[number]
            case Cancel(job, request):
                self.asked[job, request] = False
            case _:
                pass

    def _at(self, minutes: int) -> Instant:
        return Instant(MIDNIGHT + (self.minute + minutes) * MINUTE_US)

    def _follow(self, jobs: tuple[str, ...], written: tuple[Span, ...]) -> None:
        documents: dict[tuple[str, str], Json] = {("job", job): {} for job in jobs}
        maintenance = [span.written(self.minute) for span in written]
        documents["schedule", "maintenance"] = {"maintenance": maintenance}
        self.driver.follow(documents)
        self.driver.settle()

    def _pass(self, minutes: int, *, asleep: bool) -> None:
        before, self.minute = self.minute, self.minute + minutes
        if asleep:
            self.driver.now = self._at(0)
            self.driver.settle()
            return
        waiting = self._waiting()
        self.driver.advance(self._at(0))
        for minute in range(before, self.minute + 1):
            for job, request in list(waiting):
                if not self.held.holds(job, minute):
                    waiting.remove((job, request))
                    self._check_start(job, request, minute)

    def _check_start(self, job: str, request: str, minute: int) -> None:
        """It started as soon as nothing held it: when that minute began."""
        if job not in self.held.jobs:
            self.asked[job, request] = False  # withdrawn while it waited: refused
            return
        (at,) = self.starts(job, request)
        late = at - (MIDNIGHT + minute * MINUTE_US)
        assert 0 <= late <= A_MOMENT_US, (job, request, minute, at)

    def _check_now(self) -> None:
        for start in self.run.heard[self.seen :]:
            minute = (start.admitted_at - MIDNIGHT) // MINUTE_US
            assert not self.held.holds(start.request.job, minute), "nothing starts that is held"
        self.seen = len(self.run.heard)
        for (job, request), may in self.asked.items():
            starts = self.starts(job, request)
            assert len(starts) <= 1, "each request starts at most once"
            if may and not self.held.holds(job, self.minute):
                if job in self.held.jobs or starts:
                    assert len(starts) == 1, "what nothing holds has started"
                else:
                    self.asked[job, request] = False
            elif not may:
                assert starts == [] or self._started_before(job, request)

    def _started_before(self, job: str, request: str) -> bool:
        key = Key("trigger", NO_DAY, job, request)
        return self.driver.state(key, Trigger).status == Status.STARTED

    def starts(self, job: str, request: str) -> list[int]:
        return [
            start.admitted_at
            for start in self.run.heard
            if (start.request.job, start.trigger) == (job, request)
        ]

    def _waiting(self) -> list[tuple[str, str]]:
        return [who for who, may in self.asked.items() if may and not self.starts(*who)]


@settings(max_examples=150, deadline=None)
@given(histories)
def test_a_request_starts_once_as_soon_as_nothing_holds_it_and_never_before(
    history: list[Happening],
) -> None:
    play = Play()

    for what in history:
        play.happen(what)


@settings(max_examples=100, deadline=None)
@given(st.lists(quiet, min_size=10, max_size=25))
def test_one_turn_of_many_signals_equals_many_turns_of_one(history: list[Happening]) -> None:
    one, many = Play(), Play()

    for what in history:
        one.driver.give(one.order(what), actor="ann")
    many.driver.give(*(many.order(what) for what in history), actor="ann")

    assert {key: kept.cell for key, kept in one.driver.cells.items()} == {
        key: kept.cell for key, kept in many.driver.cells.items()
    }
    assert [start.trigger for start in one.run.heard] == [start.trigger for start in many.run.heard]


@settings(max_examples=100, deadline=None)
@given(st.lists(asks, min_size=5, max_size=40), st.booleans())
def test_a_release_serves_the_urgent_first_and_then_in_order(
    requests: list[Ask], by_a_window: bool
) -> None:
    play = Play()
    hold = Span(1, 30, once=True, job=None) if by_a_window else Stop(None, 60)
    play.happen(hold)
    play.happen(Pass(2, asleep=False))
    for ask in requests:
        play.happen(ask)

    play.happen(Pass(100, asleep=False))

    for job in ("a", "b"):
        mine = list(dict.fromkeys((one.request, one.job) for one in requests if one.job == job))
        first = {
            request: next(one for one in requests if (one.request, one.job) == (request, job))
            for request, _ in mine
        }
        wanted = sorted(
            (request for request, _ in mine), key=lambda one: -PRIORITIES.index(first[one].priority)
        )
        assert [start.trigger for start in play.run.heard if start.request.job == job] == wanted
