from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tidegate.kernel.clock import HOUR_US, MINUTE_US, NO_DAY, Instant, parse_day, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.orders import RequestRun, StartRun
from tidegate.kernel.step import Engine, Key, Refusal
from tidegate.schedule import engine
from tidegate.schedule.admission import PARAMETERS_MAX, RELEASE_MAX
from tidegate.schedule.hold import ALL, REVIEW_MAX, WINDOWS_MAX, Hold, hold_key
from tidegate.schedule.orders import AddWindow, CancelTrigger, Pause, RemoveWindow, Resume
from tidegate.schedule.queue import CHUNK_MAX
from tidegate.schedule.trigger import Status, Trigger
from tidegate.schedule.window import MaintenanceWindow, WindowDocument
from tidegate.testing.driver import Driver, Ear, refusal

NOON, _ = parse_instant("2024-01-15T12:00:00Z")  # a Monday
DAY = parse_day("2024-01-15")
JOBS: dict[tuple[str, str], Json] = {("job", "report"): {}, ("job", "load"): {}}
AFTERNOON: dict[str, Json] = {"start": "12:00", "end": "14:00", "description": "patching"}


class Desk:
    """The engine with somebody to its right who keeps what is started."""

    def __init__(self, documents: Mapping[tuple[str, str], Json] = JOBS) -> None:
        self.run = Ear(StartRun)
        self.driver = Driver([engine, self.run], NOON)
        self.follow(documents)

    def follow(self, documents: Mapping[tuple[str, str], Json]) -> None:
        self.driver.follow(documents)
        self.driver.settle()

    def ask(self, request: str = "r1", job: str = "report", **more: Any) -> Any:
        more.setdefault("origin", "gate")
        asked = RequestRun(job=job, request=request, day=DAY, **more)
        return self.driver.give(asked)[0]

    def give(self, order: Any, **more: Any) -> Any:
        (answer,) = self.driver.give(order, actor="ann", **more)
        self.driver.settle()
        return answer

    def at(self, minutes: float) -> None:
        self.driver.advance(Instant(NOON + int(minutes * MINUTE_US)))

    @property
    def started(self) -> list[str]:
        return [start.trigger for start in self.run.heard]

    def trigger(self, name: str = "r1", job: str = "report") -> Trigger:
        return self.driver.state(Key("trigger", DAY, job, name), Trigger)

    def queue(self, job: str = "report") -> int:
        return self.driver.state(hold_key(job), Hold).queue.length


def window(**written: Json) -> MaintenanceWindow:
    return WindowDocument.model_validate(written).to_window("", "UTC")


def with_window(**written: Json) -> dict[tuple[str, str], Json]:
    return {**JOBS, ("schedule", "m"): {"maintenance": [written]}}


# ---- the shape
def test_the_module_is_an_engine() -> None:
    seated: Engine[engine.Book] = engine

    assert seated.name == "schedule"
    assert seated.orders[0] is RequestRun


# ---- requests
def test_what_nothing_holds_starts_in_the_same_turn() -> None:
    desk = Desk()

    answer = desk.ask(correlation_id="c1", parameters={"mode": "full"})

    (start,) = desk.run.heard
    assert (start.trigger, start.admitted_at) == ("r1", NOON)
    assert start.request.parameters == {"mode": "full"}
    assert desk.trigger().status == Status.STARTED
    assert answer == {
        "trigger_id": "report~~2024-01-15~~r1",
        "status": "started",
        "job": "report",
        "held": [],
        "look_at": None,
        "execution_id": "report~~2024-01-15~~r1",
    }
    (said,) = desk.driver.said
    assert said.type == "tidegate.trigger.admitted"
    assert said.context_id == "c1"
    assert said.day == DAY


def test_the_same_request_asks_once() -> None:
    desk = Desk()
    desk.ask()

    answer = desk.ask()

    assert desk.started == ["r1"]
    assert (answer["duplicate"], answer["status"]) == (True, "started")


@pytest.mark.parametrize(
    ("more", "with_"),
    [
        ({"parameters": {"rows": 4}}, "with other parameters"),
        ({"parameters": {"rows": 3}, "priority": "high"}, "with priority normal"),
    ],
)
def test_a_person_who_asks_for_something_else_under_the_same_key_is_refused(
    more: dict[str, Any], with_: str
) -> None:
    desk = Desk()
    desk.ask(origin="person", parameters={"rows": 3})

    refused = refusal(desk.ask(origin="person", **more))

    assert (refused.code, refused.message.rpartition(", ")[2]) == ("trigger.conflict", with_)
    assert desk.started == ["r1"]
    assert desk.trigger().asked.parameters == {"rows": 3}


def test_a_gate_that_asks_again_with_what_came_since_is_answered_with_its_run() -> None:
    desk = Desk()
    desk.ask(parameters={"rows": 3})

    assert desk.ask(parameters={"rows": 4})["duplicate"]


def test_a_held_request_that_is_repeated_names_what_holds_it_now() -> None:
    desk = Desk()
    desk.give(Pause(), reason="moving")
    desk.ask()
    desk.give(Pause(job="report"), reason="second")
    desk.give(Resume())

    (held,) = desk.ask()["held"]

    assert held["text"] == "report is paused by ann: second"


def test_requests_are_told_apart_by_job_date_and_name() -> None:
    desk = Desk()

    desk.driver.give(
        RequestRun(job="report", request="a/b", day=DAY),
        RequestRun(job="report", request="a b", day=DAY),
        RequestRun(job="report", request="a/b"),
        RequestRun(job="load", request="a/b", day=DAY),
    )

    assert sorted(desk.started) == ["a%20b", "a%2Fb", "a%2Fb", "a%2Fb"]


def test_a_rules_request_for_an_unknown_job_is_kept_and_waits_for_a_person() -> None:
    desk = Desk()

    answer = desk.ask(job="reprot")

    refused = desk.trigger(job="reprot")
    assert refused.status == Status.REFUSED >= 100
    assert 'did you mean "report"?' in refused.reasons[0].text
    assert (answer["status"], desk.started) == ("refused", [])
    assert desk.driver.types() == ["tidegate.trigger.refused"]
    assert desk.driver.said[0].data["reasons"][0]["what"] == "job.unknown"


def test_a_persons_request_for_an_unknown_job_is_refused_and_leaves_nothing() -> None:
    desk = Desk()

    answer = refusal(desk.give(RequestRun(job="reprot", request="r1")))

    assert (answer.code, answer.fix) == ("job.unknown", 'did you mean "report"?')
    assert desk.driver.cells == {}


def test_parameters_that_are_too_large_are_refused_and_not_kept() -> None:
    desk = Desk()
    large = {"text": "x" * PARAMETERS_MAX}

    kept = desk.ask(parameters=large)
    person = refusal(desk.give(RequestRun(job="report", request="r2", parameters=large)))

    assert (kept["status"], person.code) == ("refused", "trigger.parameters")
    assert desk.trigger().asked.parameters == {}
    assert "are allowed; pass where the data is" in desk.trigger().reasons[0].text
    assert desk.started == []


# ---- pauses
def test_a_pause_of_all_jobs_holds_and_its_end_releases() -> None:
    desk = Desk()
    until = Instant(NOON + 120 * MINUTE_US)

    reply = desk.give(Pause(until=until), reason="System maintenance")
    answer = desk.ask()
    desk.at(119)
    before = list(desk.started)
    desk.at(120)

    assert reply == {"job": None, "paused": True, "until": "2024-01-15T14:00:00Z"}
    assert answer["held"] == [
        {
            "what": "pause",
            "text": "all jobs are paused by ann: System maintenance",
            "until": "2024-01-15T14:00:00Z",
        }
    ]
    assert answer["look_at"] == "2024-01-15T14:00:00Z"
    assert (before, desk.started) == ([], ["r1"])
    assert desk.driver.types() == ["tidegate.trigger.held", "tidegate.trigger.admitted"]


def test_a_pause_that_is_over_holds_nothing_though_nobody_woke_yet() -> None:
    desk = Desk()
    desk.give(Pause(until=Instant(NOON + HOUR_US)))
    desk.give(Pause(job="report", until=Instant(NOON + HOUR_US)))
    desk.driver.now = Instant(NOON + HOUR_US)

    desk.ask()

    assert desk.started == ["r1"]


def test_a_pause_without_end_holds_until_somebody_resumes() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask()
    desk.at(60 * 24 * 365)

    reply = desk.give(Resume())

    assert reply == {"job": None, "paused": False, "until": None}
    assert desk.started == ["r1"]


def test_a_pause_of_one_job_holds_no_other() -> None:
    desk = Desk()
    desk.give(Pause(job="report"))

    desk.ask()
    desk.ask(job="load")
    desk.give(Resume(job="report"))

    assert [(start.request.job) for start in desk.run.heard] == ["load", "report"]


def test_resuming_all_jobs_leaves_the_pause_of_one() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.give(Pause(job="report"))
    desk.ask()

    desk.give(Resume())
    still = list(desk.started)
    desk.give(Resume(job="report"))

    assert (still, desk.started) == ([], ["r1"])


def test_a_shorter_pause_replaces_a_longer_one() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask()

    desk.give(Pause(until=Instant(NOON + HOUR_US)))
    desk.at(60)

    assert desk.started == ["r1"]


def test_a_longer_pause_replaces_a_shorter_one() -> None:
    desk = Desk()
    desk.give(Pause(until=Instant(NOON + HOUR_US)))
    desk.ask()

    desk.give(Pause(until=Instant(NOON + 2 * HOUR_US)))
    desk.at(119)
    before = list(desk.started)
    desk.at(120)

    assert (before, desk.started) == ([], ["r1"])


@pytest.mark.parametrize("order", [Pause(job="reprot"), Resume(job="reprot")])
def test_pausing_an_unknown_job_is_refused(order: Pause | Resume) -> None:
    desk = Desk()

    answer = refusal(desk.give(order))

    assert answer.code == "job.unknown"
    assert desk.driver.cells == {}


def test_a_pause_that_would_be_over_is_refused() -> None:
    assert isinstance(Desk().give(Pause(until=NOON)), Refusal)


# ---- windows
def test_a_window_of_the_documents_holds_and_its_end_releases() -> None:
    desk = Desk(with_window(**AFTERNOON))

    desk.ask()
    desk.at(119)
    before = list(desk.started)
    desk.at(120)

    assert (before, desk.started) == ([], ["r1"])
    assert desk.trigger().reasons[0].text == "maintenance window m.1 (patching)"


def test_a_window_can_be_added_and_removed_at_run_time() -> None:
    desk = Desk()

    reply = desk.give(AddWindow(window=window(**AFTERNOON)))
    desk.ask()
    before = list(desk.started)
    gone = desk.give(RemoveWindow(window_id=reply["window_id"]))

    assert reply["description"] == "patching"
    assert gone == {"window_id": reply["window_id"], "removed": True}
    assert (before, desk.started) == ([], ["r1"])


@pytest.mark.parametrize(
    ("in_project_zone", "zone", "started"), [(True, "Europe/Berlin", []), (False, "UTC", ["r1"])]
)
def test_a_window_that_names_no_zone_is_in_the_projects(
    in_project_zone: bool, zone: str, started: list[str]
) -> None:
    desk = Desk({**JOBS, ("project", "x"): {"timezone": "Europe/Berlin"}})
    written = window(start="13:00", end="14:00")  # 12:00 to 13:00 UTC, in Berlin

    reply = desk.give(AddWindow(window=written, in_project_zone=in_project_zone))
    desk.ask()

    assert reply["timezone"] == zone
    assert desk.started == started


def test_windows_of_run_time_have_ids_of_their_own() -> None:
    desk = Desk()

    ids = {desk.give(AddWindow(window=window(**AFTERNOON)))["window_id"] for _ in range(3)}

    assert len(ids) == 3


def test_a_window_for_one_job_holds_that_job_alone() -> None:
    desk = Desk()
    desk.give(AddWindow(window=window(**AFTERNOON, jobs=["report"])))

    desk.ask()
    desk.ask(job="load")

    assert [start.request.job for start in desk.run.heard] == ["load"]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (AddWindow(window=window(**AFTERNOON, jobs=["reprot"])), "job.unknown"),
        (
            AddWindow(window=window(**{"from": "2024-01-01T00:00:00Z", "until": "2024-01-02T00:00:00Z"})),
            "window.invalid",
        ),
        (RemoveWindow(window_id="w1"), "window.unknown"),
        (RemoveWindow(window_id="m.1"), "window.unknown"),
    ],
)  # fmt: skip
def test_a_window_order_that_cannot_be_obeyed_is_refused(order: Any, code: str) -> None:
    desk = Desk(with_window(**AFTERNOON))

    assert refusal(desk.give(order)).code == code


def test_the_number_of_run_time_windows_is_bounded_and_windows_that_are_over_make_room() -> None:
    desk = Desk()
    once = window(**{"from": "2024-01-15T12:00:00Z", "until": "2024-01-15T13:00:00Z"})
    for _ in range(WINDOWS_MAX):
        desk.driver.give(AddWindow(window=once))

    full = desk.give(AddWindow(window=window(**AFTERNOON)))
    desk.at(61)
    later = desk.give(AddWindow(window=window(**AFTERNOON)))

    assert refusal(full).code == "window.invalid"
    assert len(desk.driver.state(ALL, Hold).windows) == 1, later


def test_editing_the_documents_releases_what_their_window_held() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.ask()

    desk.follow(JOBS)

    assert desk.started == ["r1"]


def test_moving_the_projects_zone_releases_what_a_window_held_there() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.ask()

    desk.follow({**with_window(**AFTERNOON), ("project", "project"): {"timezone": "Asia/Tokyo"}})

    assert desk.started == ["r1"]


def test_a_pause_and_a_window_hold_until_both_are_over() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.give(Pause(until=Instant(NOON + 3 * HOUR_US)))
    desk.ask()

    desk.at(179)
    before = list(desk.started)
    desk.at(180)

    assert (before, desk.started) == ([], ["r1"])


def test_a_resume_inside_a_window_starts_nothing_before_its_end() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.give(Pause())
    desk.ask()

    desk.give(Resume())
    before = list(desk.started)
    desk.at(120)

    assert (before, desk.started) == ([], ["r1"])


def test_a_window_that_begins_where_a_pause_ends_goes_on_holding() -> None:
    desk = Desk(with_window(start="13:00", end="14:00"))
    desk.give(Pause(until=Instant(NOON + HOUR_US)))
    desk.ask()

    desk.at(119)
    before = list(desk.started)
    desk.at(120)

    assert (before, desk.started) == ([], ["r1"])


# ---- queues
def test_the_urgent_start_first_then_those_that_came_first() -> None:
    desk = Desk()
    desk.give(Pause())
    for number, priority in enumerate(("low", "normal", "critical", "high", "low", "critical")):
        desk.ask(f"{number}-{priority}", priority=priority)

    desk.give(Resume())

    assert desk.started == [
        "2-critical", "5-critical", "3-high", "1-normal", "0-low", "4-low",
    ]  # fmt: skip


def test_across_jobs_the_urgent_start_first_too() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask("a", job="load", priority="low")
    desk.ask("b", job="report", priority="critical")

    desk.give(Resume())

    assert desk.started == ["b", "a"]


def test_a_long_queue_starts_a_few_a_step_and_loses_none() -> None:
    desk = Desk()
    desk.give(Pause())
    names = [f"{number:04d}" for number in range(2 * CHUNK_MAX + 7)]
    desk.driver.give(*(RequestRun(job="report", request=one, day=DAY) for one in names))
    held = desk.queue()

    desk.driver.give(Resume())
    at_once = len(desk.started)
    desk.driver.settle()

    assert (held, at_once) == (len(names), 0)
    assert desk.started == names
    assert max(_per_turn(desk)) <= RELEASE_MAX
    assert desk.queue() == 0
    assert [key for key in desk.driver.kind("hold") if "/" in key.name] == []


def test_more_waiting_jobs_than_one_step_reviews_are_all_served() -> None:
    names = [f"job{number}" for number in range(REVIEW_MAX + 3)]
    desk = Desk({("job", name): {} for name in names})
    desk.give(Pause())
    desk.driver.give(*(RequestRun(job=name, request="r1", day=DAY) for name in names))

    desk.give(Resume())

    assert [start.request.job for start in desk.run.heard] == names


def _per_turn(desk: Desk) -> list[int]:
    starts = [start.admitted_at for start in desk.run.heard]
    return [starts.count(at) for at in dict.fromkeys(starts)]


def test_resuming_one_job_starts_its_head_in_the_same_turn() -> None:
    desk = Desk()
    desk.give(Pause(job="report"))
    desk.ask()

    desk.driver.give(Resume(job="report"))

    assert desk.started == ["r1"]


def test_who_comes_while_others_wait_does_not_overtake() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask("first")

    desk.driver.give(Resume())
    answer = desk.ask("second")
    desk.driver.settle()

    assert answer["held"][0]["what"] == "queue"
    assert desk.started == ["first", "second"]


def test_what_waits_for_a_withdrawn_job_is_refused_when_its_turn_comes() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask()

    desk.follow({("job", "load"): {}})
    desk.give(Resume())

    assert desk.started == []
    assert desk.trigger().status == Status.REFUSED
    assert desk.driver.types()[-1] == "tidegate.trigger.refused"


def test_all_that_wait_for_a_withdrawn_job_are_refused_a_few_a_step() -> None:
    desk = Desk()
    desk.give(Pause())
    names = [f"{number:04d}" for number in range(2 * RELEASE_MAX + 1)]
    desk.driver.give(*(RequestRun(job="report", request=one, day=DAY) for one in names))

    desk.follow({("job", "load"): {}})
    desk.give(Resume())
    desk.driver.settle()

    assert desk.started == []
    assert {desk.trigger(one).status for one in names} == {Status.REFUSED}
    assert desk.queue() == 0


def test_who_joins_a_queue_that_is_being_served_comes_after_the_others() -> None:
    desk = Desk()
    desk.give(Pause(job="report"))
    names = [f"{number:04d}" for number in range(RELEASE_MAX + 2)]
    desk.driver.give(*(RequestRun(job="report", request=one, day=DAY) for one in names))

    desk.driver.give(Resume(job="report"))
    at_once = list(desk.started)
    desk.driver.give(RequestRun(job="report", request="late", day=DAY))
    desk.driver.settle()

    assert at_once == names[:RELEASE_MAX]
    assert desk.started == [*names, "late"]


# ---- cancelling
def test_a_held_trigger_can_be_cancelled_and_never_starts() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask("r1")
    desk.ask("r2")

    answer = desk.give(CancelTrigger(trigger="report~~2024-01-15~~r1"))
    left = desk.queue()
    desk.give(Resume())

    assert (answer["status"], left) == ("cancelled", 1)
    assert desk.started == ["r2"]
    assert desk.driver.types().count("tidegate.trigger.cancelled") == 1


def test_cancelling_the_last_of_a_chunk_drops_the_chunk() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask("r1", priority="low")
    desk.ask("r2")

    desk.give(CancelTrigger(trigger="report~~2024-01-15~~r1"))

    assert [key.name for key in desk.driver.kind("hold")] == ["", "job", "job/q000002"]


def test_a_refused_trigger_can_be_cancelled_so_that_it_waits_for_nobody() -> None:
    desk = Desk()
    desk.ask(job="reprot")

    desk.give(CancelTrigger(trigger="reprot~~2024-01-15~~r1"))

    assert desk.trigger(job="reprot").status == Status.CANCELLED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("report~~2024-01-15~~r1", "trigger.state"),
        ("report~~2024-01-15~~r2", "trigger.unknown"),
        ("report~~2024-01-15", "trigger.unknown"),
        ("~~~~", "trigger.unknown"),
        ("report~~-~~a~2Fb", "trigger.unknown"),
        ("", "trigger.unknown"),
    ],
)
def test_what_cannot_be_cancelled_is_refused(text: str, code: str) -> None:
    desk = Desk()
    desk.ask()

    assert refusal(desk.give(CancelTrigger(trigger=text))).code == code


def test_what_goes_on_is_stopped_and_what_has_ended_is_not() -> None:
    desk = Desk()
    desk.ask()
    order = CancelTrigger(trigger="report~~2024-01-15~~r1")

    going_on = refusal(desk.give(order))
    desk.driver.hear("tidegate.run.failed", {"job": "report", "trigger": "r1"}, day=DAY)
    ended = refusal(desk.give(order))

    assert going_on.fix == "stop its execution with `tidegate run stop`"
    assert ended.fix == ""


# ---- following runs
@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("succeeded", Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("timed_out", Status.FAILED),
        ("aborted", Status.FAILED),
        ("retrying", Status.STARTED),
    ],
)
def test_a_trigger_follows_the_end_of_its_run(end: str, status: Status) -> None:
    desk = Desk()
    desk.ask()

    desk.driver.hear(f"tidegate.run.{end}", {"job": "report", "trigger": "r1"}, day=DAY)

    assert desk.trigger().status == status
    assert desk.started == ["r1"]


@pytest.mark.parametrize(
    "data", [None, {}, {"job": 1, "trigger": "r1"}, {"job": "report", "trigger": "a/b"}]
)
def test_an_end_that_names_no_trigger_changes_nothing(data: Json) -> None:
    desk = Desk()
    desk.ask()

    desk.driver.hear("tidegate.run.succeeded", data, day=DAY)

    assert desk.trigger().status == Status.STARTED


def test_an_end_heard_twice_counts_once() -> None:
    desk = Desk()
    desk.ask()

    for end in ("failed", "succeeded"):
        desk.driver.hear(f"tidegate.run.{end}", {"job": "report", "trigger": "r1"}, day=DAY)

    assert desk.trigger().status == Status.FAILED


# ---- explaining
def explained(desk: Desk, key: Key) -> tuple[str, dict[str, str], Instant | None]:
    told = desk.driver.explain(engine, key)
    return told.sentence, {one.text: one.verdict for one in told.clauses}, told.next_at


def test_explain_names_what_holds_and_when_it_is_looked_at_again() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.ask()

    sentence, verdicts, next_at = explained(desk, Key("trigger", DAY, "report", "r1"))

    assert sentence == (
        "report for 2024-01-15 is held: maintenance window m.1 (patching) "
        "(until 2024-01-15T14:00:00Z)."
    )
    assert verdicts == {"not paused": "met", "no maintenance window": "not_met"}
    assert next_at == NOON + 2 * HOUR_US


def test_explain_looks_again_and_does_not_repeat_what_was_true_before() -> None:
    desk = Desk(with_window(**AFTERNOON))
    desk.ask()
    desk.give(Pause())
    desk.follow(JOBS)

    sentence, verdicts, next_at = explained(desk, Key("trigger", DAY, "report", "r1"))

    assert sentence == "report for 2024-01-15 is held: all jobs are paused by ann."
    assert verdicts == {"not paused": "not_met", "no maintenance window": "met"}
    assert next_at is None


def test_explain_of_a_started_an_unknown_and_a_refused_trigger() -> None:
    desk = Desk()
    desk.ask()
    desk.ask(job="nothing")

    started, _, _ = explained(desk, Key("trigger", DAY, "report", "r1"))
    unknown, _, _ = explained(desk, Key("trigger", NO_DAY, "report", "r9"))
    refused, _, _ = explained(desk, Key("trigger", DAY, "nothing", "r1"))

    assert started == "report for 2024-01-15 started at 2024-01-15T12:00:00Z and runs."
    assert unknown == "Nobody asked for report~~-~~r9."
    assert "was refused: no job is called 'nothing'" in refused


def test_explain_of_a_hold_says_what_it_holds() -> None:
    desk = Desk()
    desk.give(Pause())
    desk.ask()

    everyone, verdicts, _ = explained(desk, ALL)
    one, _, _ = explained(desk, hold_key("report"))

    assert everyone.startswith("All jobs are held: all jobs are paused by ann.")
    assert verdicts["not paused"] == "not_met"
    assert one == "Runs of report are held: all jobs are paused by ann. 1 triggers wait."
