from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from tidegate.kernel.clock import HOUR_US, MINUTE_US, Instant, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document
from tidegate.schedule import admission, book, queue
from tidegate.schedule import hold as holds
from tidegate.schedule.document import DOCUMENT, ScheduleDocument
from tidegate.schedule.hold import Hold
from tidegate.schedule.queue import CHUNK_MAX, Chunk, Queue
from tidegate.schedule.trigger import Reason
from tidegate.schedule.window import WindowDocument
from tidegate.services.judging import check_files

SUNDAY_3, _ = parse_instant("2024-01-14T03:00:00Z")
MONDAY_3, _ = parse_instant("2024-01-15T03:00:00Z")
WEEKLY: dict[str, Json] = {
    "start": "02:00",
    "end": "04:00",
    "description": "Weekly maintenance",
    "days": ["sunday"],
}


def compiled(
    *windows: Json, timezone: str | None = None, jobs: tuple[str, ...] = ("report", "load")
) -> book.Book:
    documents = {
        DocId(1): Document("schedule", "maintenance", {"maintenance": list(windows)}),
        **{DocId(10 + n): Document("job", job, {}) for n, job in enumerate(jobs)},
    }
    if timezone:
        documents[DocId(2)] = Document("project", "project", {"timezone": timezone})
    return book.compile_book(documents)


def held(
    by: book.Book, at: Instant, everyone: Hold | None = None, own: Hold | None = None
) -> list[tuple[str, Instant | None]]:
    why = admission.reasons("report", everyone or Hold(), own or Hold(), by, at)
    return [(reason.what, reason.until) for reason in why]


def paused(until: Instant | None = None) -> Hold:
    return holds.pause(Hold(), until, MONDAY_3, actor="ann", reason="repair")


# ---- what holds
def test_nothing_holds_where_nothing_was_said() -> None:
    assert held(compiled(), MONDAY_3) == []


def test_a_printed_window_holds_on_its_days_only() -> None:
    by = compiled(WEEKLY)

    assert held(by, SUNDAY_3) == [("window", Instant(SUNDAY_3 + HOUR_US))]
    assert held(by, MONDAY_3) == []


def test_a_window_ends_on_the_instant_and_not_after_it() -> None:
    by = compiled(WEEKLY)

    assert held(by, Instant(SUNDAY_3 + HOUR_US - 1)) != []
    assert held(by, Instant(SUNDAY_3 + HOUR_US)) == []


def test_windows_are_read_in_the_zone_of_the_project_unless_they_name_their_own() -> None:
    at_2_utc, _ = parse_instant("2024-01-14T01:30:00Z")

    assert held(compiled(WEEKLY, timezone="Europe/Berlin"), at_2_utc) != []
    assert held(compiled(WEEKLY), at_2_utc) == []
    assert held(compiled({**WEEKLY, "timezone": "UTC"}, timezone="Europe/Berlin"), at_2_utc) == []


def test_a_window_for_some_jobs_holds_no_others() -> None:
    assert held(compiled({**WEEKLY, "jobs": ["load"]}), SUNDAY_3) == []
    assert held(compiled({**WEEKLY, "jobs": ["load", "report"]}), SUNDAY_3) != []


def test_a_window_may_come_once() -> None:
    by = compiled({"from": "2024-01-15T00:00:00Z", "until": "2024-01-16T00:00:00Z"})

    assert held(by, MONDAY_3) == [("window", parse_instant("2024-01-16T00:00:00Z")[0])]
    assert held(by, SUNDAY_3) == []


def test_all_reasons_are_kept_and_say_who_and_why() -> None:
    by = compiled({**WEEKLY, "days": []})
    soon = Instant(MONDAY_3 + MINUTE_US)

    why = admission.reasons("report", paused(), paused(soon), by, MONDAY_3)

    assert [reason.text for reason in why] == [
        "all jobs are paused by ann: repair",
        "report is paused by ann: repair",
        "maintenance window maintenance.1 (Weekly maintenance)",
    ]
    assert [reason.until for reason in why] == [None, soon, Instant(MONDAY_3 + HOUR_US)]


def test_a_pause_with_an_end_is_over_at_its_end() -> None:
    until = Instant(MONDAY_3 + MINUTE_US)

    assert held(compiled(), Instant(until - 1), paused(until)) == [("pause", until)]
    assert held(compiled(), until, paused(until)) == []
    assert holds.current(paused(until), until) == Hold()


# ---- when to look again
def test_it_is_looked_at_when_the_last_of_all_reasons_is_known_to_end() -> None:
    early, late = Reason("window", "", Instant(5)), Reason("pause", "", Instant(9))

    assert admission.look_at((early, late)) == 9
    assert admission.look_at((late, early)) == 9
    assert admission.look_at((late, Reason("pause", "", None))) is None


# ---- the queue
def test_a_queue_serves_the_urgent_first_then_in_order() -> None:
    line = Queue((Chunk(1, 2, 3), Chunk(2, 3, 1), Chunk(3, 0, 2), Chunk(4, 2, 1)), 4)

    served: list[int] = []
    while (first := queue.head(line)) is not None:
        served.append(first.number)
        line = queue.counted(line, first, 0)

    assert served == [3, 1, 4, 2]
    assert line == Queue((), 4)


def test_the_last_chunk_of_a_priority_is_filled_before_a_new_one_begins() -> None:
    line = Queue((Chunk(1, 2, CHUNK_MAX - 1), Chunk(2, 0, 1)), 2)

    assert queue.tail(line, 2) == Chunk(1, 2, CHUNK_MAX - 1)
    line = queue.counted(line, queue.tail(line, 2), CHUNK_MAX)
    assert queue.tail(line, 2) == Chunk(3, 2, 0)
    assert line.length == CHUNK_MAX + 1


def test_an_older_chunk_with_room_is_not_filled_again() -> None:
    line = Queue((Chunk(1, 2, 4), Chunk(2, 2, CHUNK_MAX)), 2)

    assert queue.tail(line, 2).number == 3


def test_numbers_of_chunks_are_not_used_twice() -> None:
    line = queue.counted(Queue(), queue.tail(Queue(), 2), 1)
    empty = queue.counted(line, Chunk(1, 2, 1), 0)

    assert queue.tail(empty, 0).number == 2


@pytest.mark.parametrize(
    ("priority", "rank"), [("critical", 0), ("high", 1), ("normal", 2), ("low", 3), ("???", 2)]
)
def test_priorities_are_ranked(priority: str, rank: int) -> None:
    assert queue.rank_of(priority) == rank


# ---- documents
def faults(body: Json) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as caught:
        ScheduleDocument.model_validate(body)
    return [error["loc"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "25:00"}, {"end": None}, {"days": ["sonntag"]}, {"timezone": "Mars/Base"},
        {"end": "02:00"}, {"colour": "red"}, {"from": "2024-01-15"},
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_is_a_fault(changes: dict[str, Json]) -> None:
    written = msgspec.json.encode({"maintenance": [{**WEEKLY, **changes}]})

    project = check_files({"schedules/all.json": written}, [DOCUMENT])

    assert len(project.faults) == 1


def test_an_instant_without_a_zone_is_a_fault_where_it_stands() -> None:
    once = {"from": "2024-01-15T10:00:00", "until": "2024-01-16T10:00:00Z"}

    assert faults({"maintenance": [once]}) == [("maintenance", 0, "from")]


@pytest.mark.parametrize("key", ["schedules", "adaptive_scheduling", "cron", "business_patterns"])
def test_what_a_later_version_follows_is_a_fault_at_its_key(key: str) -> None:
    assert faults({key: {"enabled": True}}) == [(key,)]


def test_a_window_is_shown_as_it_was_written() -> None:
    window = WindowDocument.model_validate(WEEKLY).to_window("w7", "Europe/Berlin")

    assert window.report() == {
        "window_id": "w7",
        "start": "02:00",
        "end": "04:00",
        "days": ["sunday"],
        "timezone": "Europe/Berlin",
        "from": None,
        "until": None,
        "description": "Weekly maintenance",
        "jobs": [],
    }


def test_check_finds_windows_for_jobs_that_do_not_exist() -> None:
    documents = {
        DocId(1): Document("job", "report", {}),
        DocId(2): Document(
            "schedule", "m", {"maintenance": [{**WEEKLY, "jobs": ["report", "reprot"]}]}
        ),
    }

    (found,) = book.check(documents)

    assert (found.path, found.fix) == (("maintenance", 0, "jobs", 1), 'did you mean "report"?')
    assert not found.warning


# ---- who waits
def test_a_review_goes_over_the_waiting_jobs_once_and_forgets_those_served() -> None:
    names = tuple(f"job{n}" for n in range(holds.REVIEW_MAX + 3))
    everyone = holds.review(Hold(waiting=names))

    first = holds.page(everyone)
    everyone = holds.reviewed(everyone, first[:1])
    everyone = holds.enlist(holds.enlist(everyone, "late"), "late")
    second = holds.page(everyone)
    everyone = holds.reviewed(everyone, second)

    assert (first, second) == (names[:-3], names[-3:])
    assert everyone.waiting == ("job0", "late", *names[-3:])
    assert holds.page(everyone) == ()


def test_a_hold_wakes_for_the_end_of_its_pause_and_for_what_waits() -> None:
    until, look = Instant(MONDAY_3 + 10), Instant(MONDAY_3 + 5)

    assert holds.wake(Hold(), MONDAY_3, None).wake_at is None
    assert holds.wake(paused(until), MONDAY_3, None).wake_at == until
    assert holds.wake(paused(until), MONDAY_3, look).wake_at == look
    assert holds.wake(Hold(), MONDAY_3, MONDAY_3).wake_at == MONDAY_3 + 1


def test_an_unnamed_file_has_a_name() -> None:
    assert ScheduleDocument.model_validate({}).name == "maintenance"
