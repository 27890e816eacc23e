"""What people are told: why it ran, why it did not, where it is now."""

from __future__ import annotations

from concurrent.futures import Future

import msgspec
import pytest

from tidegate.kernel.clock import HOUR_US, MINUTE_US, Instant, format_instant, parse_day
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key, Refusal
from tidegate.run.orders import StopExecution
from tidegate.schedule.orders import CancelTrigger, Pause, Resume
from tidegate.services.door import Ended
from tidegate.services.notices import Notices
from tidegate.services.trail import Trail
from tidegate.services.typed_date import parse_date
from tidegate.testing.gates import (
    DATE,
    condition,
    delivery,
    explained,
    one_gate,
    project,
    release,
    rule,
    start,
    window,
)
from tidegate.testing.world import Performer, Takes, World

TRIGGER = f"job~~{DATE}~~daily.001.1"
TRACEBACK = "exit code 3; the end of its stderr:\nTraceback:\n  x\nValueError: no rows"


def failing(times: int = 1000) -> Performer:
    """A task that fails so many times."""
    left = [times]

    def perform(key: Key, effect: Effect) -> Done | Failed | Takes | None:
        if not isinstance(effect, CallTask) or left[0] == 0:
            return Done()
        left[0] -= 1
        return Failed("Tidegate.CommandFailed", TRACEBACK)

    return perform


def endless(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    """A task that goes on and on."""
    return None if isinstance(effect, CallTask) else Done()


def failing_and_silent(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    """Tasks fail, and notices are never done."""
    return Failed("Tidegate.CommandFailed", TRACEBACK) if isinstance(effect, CallTask) else None


def asked(world: World) -> tuple[str, dict[str, Json], int]:
    """Sentence, next and exit code of the one rule."""
    told = world.asking.explain_rule("daily", None)
    return told.answer["sentence"], told.answer["next"], told.exit_code


# ---- an open gate, and what came of it
def test_an_open_gate_says_what_holds_its_trigger_by_whom_and_until_when() -> None:
    world = World(project(rule("a")))
    until = Instant(world.clock.now() + 2 * HOUR_US)
    world.order(Pause(until=until), actor="ann", reason="upgrade")
    world.hear(delivery("a"))

    sentence, following, code = asked(world)

    assert sentence.endswith(
        "all inputs are here. job for 2025-11-20 is held: all jobs are paused by ann: upgrade "
        "(until 2025-11-21T11:00:00Z)."
    )
    assert following["at"] == format_instant(until)
    assert following["what"] == "job starts, unless something else holds it then"
    assert code == 0


def test_a_pause_without_an_end_names_the_command_that_ends_it() -> None:
    world = World(project(rule("a")))
    world.order(Pause(job="job"), actor="ann")
    world.hear(delivery("a"))

    _, following, _ = asked(world)

    assert following == {
        "at": None,
        "what": "job starts when a person resumes it: tidegate schedule resume --job job",
    }


def test_a_trigger_nobody_looked_at_again_is_held_by_what_held_it() -> None:
    world = World(project(rule("a")))
    world.order(Pause(until=Instant(world.clock.now() + HOUR_US)), actor="ann")
    world.hear(delivery("a"))
    world.clock.step(2 * HOUR_US)  # of whoever asks: the host has decided nothing since

    sentence, _, _ = asked(world)

    assert "is held: all jobs are paused by ann (until 2025-11-21T10:00:00Z)." in sentence


def test_a_pause_that_has_ended_is_named_by_no_answer() -> None:
    world = World(project(rule("a")))
    world.order(Pause(), actor="ann", reason="moving")
    world.hear(delivery("a"))
    world.order(Pause(job="job"), actor="ben", reason="second")
    world.order(Resume(), actor="ann")

    told = world.asking.explain_rule("daily", None).answer
    listed = world.runs.triggers(status="held").items
    shown = world.runs.trigger(TRIGGER)

    now = [{"what": "pause", "text": "job is paused by ben: second", "until": None}]
    assert "job is paused by ben: second." in told["sentence"]
    assert [told["runs"][0]["held"], listed[0]["held"], shown["held"]] == [now, now, now]


def test_a_run_that_has_not_started_leads_to_its_trigger() -> None:
    world = World(project(rule("a")))
    world.order(Pause(), actor="ann")
    world.hear(delivery("a"))

    with pytest.raises(InputError) as raised:
        world.runs.execution(TRIGGER)

    assert raised.value.code == "execution.unknown"
    assert raised.value.fix == f"see what holds it: tidegate trigger show {TRIGGER}"


def test_what_held_a_trigger_that_has_started_holds_it_no_more() -> None:
    world = World(project(rule("a")))
    world.order(Pause(), actor="ann")
    world.hear(delivery("a"))
    world.order(Resume(), actor="ann")
    world.advance(MINUTE_US)

    assert world.runs.trigger(TRIGGER)["held"] == []


def test_an_open_gate_says_that_its_run_goes_on_and_that_it_succeeded() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    running, _, _ = asked(world)
    ((key, call),) = world.running
    world.finish(key, call, Done())
    done, _, code = asked(world)

    assert "job for 2025-11-20 runs since 2025-11-21T09:00:00Z, attempt 1 of 1." in running
    assert "job for 2025-11-20 succeeded" in done
    assert code == 0


def test_a_failed_run_says_why_and_how_to_start_it_again() -> None:
    world = World(project(rule("a")), perform=failing())
    world.hear(delivery("a"))

    sentence, following, code = asked(world)
    (run,) = explained(world, one_gate(world)["id"])["runs"]

    assert "exit code 3; the end of its stderr: ValueError: no rows" in sentence
    assert "\n" not in sentence
    assert following["what"] == f"to start it again: tidegate trigger send --again {TRIGGER}"
    assert (run["status"], run["cause"]) == ("failed", TRACEBACK)
    assert code == 12


def test_a_run_that_is_tried_again_says_when() -> None:
    retry = {"max_attempts": 3, "delay_minutes": 30, "backoff_multiplier": 2}
    world = World(project(rule("a", actions=[start(retry_config=retry)])), perform=failing(1))
    world.hear(delivery("a"))

    sentence, following, code = asked(world)
    world.advance(30 * MINUTE_US)
    after, _, _ = asked(world)

    assert "failed in attempt 1 of 3" in sentence
    assert following == {"at": "2025-11-21T09:30:00Z", "what": "attempt 2 of 3"}
    assert "succeeded" in after
    assert code == 0


def test_a_refused_run_needs_a_person() -> None:
    documents = project(rule("a", actions=[start("${data.job}")]))
    world = World(documents)
    world.hear(delivery("a", job="jab"))

    sentence, _, code = asked(world)

    assert "was refused: no job is called" in sentence
    assert code == 12


def test_a_job_whose_name_is_a_template_is_found_as_well() -> None:
    world = World(project(rule("a", actions=[start("${data.job}")])))
    world.hear(delivery("a", job="job"))

    sentence, _, _ = asked(world)

    assert "job for 2025-11-20 succeeded" in sentence


def test_a_gate_that_only_observes_says_that_it_asked_for_nothing() -> None:
    world = World(project(rule("a", actions=[])))
    world.hear(delivery("a"))

    sentence, _, code = asked(world)

    assert sentence.endswith("all inputs are here; it asked for no job")
    assert code == 0


def test_a_gate_whose_time_was_over_is_late_and_one_an_operator_closed_is_not_yet() -> None:
    world = World(project(rule("a", "b", correlation_logic=window("1h"))))
    world.hear(delivery("a"))
    world.advance(32 * 24 * HOUR_US)

    _, _, code = asked(world)

    assert one_gate(world)["status"] == "closed"
    assert code == 11


# ---- asking again
def test_a_failed_run_is_asked_for_again_with_all_it_had() -> None:
    world = World(project(rule("a", actions=[start(parameters={"n": 7})])), perform=failing(1))
    world.hear(delivery("a"))

    reply = world.order(world.runs.again(TRIGGER))

    assert isinstance(reply, dict)
    assert reply["trigger_id"] == f"{TRIGGER}.again.1"
    assert world.runs.execution(f"{TRIGGER}.again.1")["parameters"] == {"n": 7}
    sentence, _, code = asked(world)
    assert "succeeded" in sentence
    assert code == 0


def test_asking_twice_for_the_same_repeat_starts_one_run() -> None:
    world = World(project(rule("a")), perform=failing(1))
    world.hear(delivery("a"))

    first, second = world.runs.again(TRIGGER), world.runs.again(TRIGGER)
    world.order(first)
    world.order(second)

    assert len(world.tasks()) == 2
    assert world.runs.again(f"{TRIGGER}.again.1").request == "daily.001.1.again.2"


def test_what_has_not_ended_is_not_started_again() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    with pytest.raises(InputError) as raised:
        world.runs.again(TRIGGER)

    assert raised.value.code == "trigger.state"
    assert "is running" in raised.value.message


# ---- triggers and executions
def test_triggers_and_executions_are_listed_page_by_page_the_newest_date_first() -> None:
    world = World(project(rule("a")))
    dates = [f"2025-11-{day}" for day in range(10, 20)]
    for date in dates:
        world.hear(delivery("a", business_date=date))

    pages: list[list[str | None]] = []
    cursor: str | None = None
    while True:
        page = world.runs.executions(limit=4, cursor=cursor)
        pages.append([one["business_date"] for one in page.items])
        cursor = page.next
        if cursor is None:
            break
    triggers = world.runs.triggers(limit=100).items

    assert [date for page in pages for date in page] == dates[::-1]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [one["business_date"] for one in triggers] == dates[::-1]


def test_an_execution_shows_each_attempt_and_what_came_of_it() -> None:
    retry = {"max_attempts": 3, "delay_minutes": 30, "backoff_multiplier": 2}
    world = World(project(rule("a", actions=[start(retry_config=retry)])), perform=failing(1))
    world.hear(delivery("a"))
    world.advance(30 * MINUTE_US)

    attempts = world.runs.execution(TRIGGER)["attempts"]

    assert [(one["attempt"], one["status"]) for one in attempts] == [
        (1, "failed"),
        (2, "succeeded"),
    ]
    assert attempts[0].get("cause") == TRACEBACK
    assert attempts[1]["began_at"] == "2025-11-21T09:30:00Z"


def test_a_run_whose_server_was_lost_says_how_often_it_was_started() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))
    ((key, call),) = world.running
    once = world.runs.execution(TRIGGER)
    world.store.take_over("next")  # the lock of the database proves that its owner has gone

    world.running.clear()
    world.settle()  # claimed again
    twice = world.runs.execution(TRIGGER)
    world.host.submit(Ended(key, world.running.pop((key, call)), Done(), Future(), starts=2))
    world.settle()
    done = world.runs.execution(TRIGGER)

    again = "It was started 2 times in all: a server that had it was lost or stopped."
    assert again not in once["why"]["sentence"]
    assert twice["why"]["sentence"].endswith(f"attempt 1 of 1. {again}")
    assert done["why"]["sentence"].endswith(f"in attempt 1 of 1. {again}")
    assert [one["attempts"][0]["starts"] for one in (once, twice, done)] == [1, 2, 2]
    assert asked(world)[0].endswith(again)


def test_nobody_knows_how_often_a_run_was_started_that_was_stopped() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    world.order(StopExecution(execution=TRIGGER), actor="ann")

    assert world.runs.execution(TRIGGER)["attempts"][0]["starts"] is None


def test_a_held_trigger_explains_itself_until_it_is_cancelled() -> None:
    world = World(project(rule("a")))
    world.order(Pause(), actor="ann")
    world.hear(delivery("a"))

    held = world.runs.explain(TRIGGER)
    world.order(CancelTrigger(trigger=TRIGGER))
    world.order(Resume())
    cancelled = world.runs.explain(TRIGGER)

    assert (held.answer["status"], held.exit_code) == ("held", 10)
    assert (cancelled.answer["status"], cancelled.exit_code) == ("cancelled", 10)
    assert world.tasks() == []


def test_a_stopped_execution_says_who_stopped_it() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    world.order(StopExecution(execution=TRIGGER), actor="ann", reason="wrong data")
    told = world.runs.explain(TRIGGER)

    assert "stopped by ann: wrong data" in told.answer["sentence"]


def test_a_stopped_run_leaves_the_exit_code_of_a_failed_one() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    world.order(StopExecution(execution=TRIGGER), actor="ann")

    assert asked(world)[2] == 12
    assert world.runs.explain(TRIGGER).exit_code == 12


@pytest.mark.parametrize("id_", ["", "x", "job~~2025-11-20~~nothing", "job~~never~~x"])
def test_what_is_not_there_is_unknown(id_: str) -> None:
    world = World(project(rule("a")))

    for ask, code in (
        (world.runs.trigger, "trigger.unknown"),
        (world.runs.explain, "trigger.unknown"),
        (world.runs.execution, "execution.unknown"),
    ):
        with pytest.raises(InputError) as raised:
            ask(id_)
        assert raised.value.code == code


def test_an_unknown_job_is_answered_with_near_names() -> None:
    world = World(project(rule("a")))

    with pytest.raises(InputError) as raised:
        world.runs.executions(job="jobb")

    assert (raised.value.code, raised.value.fix) == ("job.unknown", 'did you mean "job"?')


# ---- gates
def test_gates_come_with_the_newest_date_and_round_first() -> None:
    world = World(project(rule("a")))
    for date in ("2025-11-18", "2025-11-19"):
        for number in (1, 2, 3):
            world.hear(delivery("a", f"{date}-{number}", business_date=date))

    found = [(one["key"]["data.business_date"], one["round"]) for one in world.asking.all_gates()]

    assert found == [(date, n) for date in ("2025-11-19", "2025-11-18") for n in (3, 2, 1)]


def test_an_unknown_rule_is_no_empty_list() -> None:
    world = World(project(rule("a")))

    with pytest.raises(InputError) as raised:
        world.asking.gates(rule="dayly")

    assert (raised.value.code, raised.value.fix) == ("rule.unknown", 'did you mean "daily"?')
    assert world.asking.gates(rule="daily").items == []


def test_of_several_gates_of_a_date_the_one_that_needs_somebody_is_explained() -> None:
    matches = [
        {"match_field": field, "operator": "equals"}
        for field in ("data.business_date", "data.region")
    ]
    quality = [{"n": "> 0"}]
    world = World(project(rule("a", correlation_logic=matches, additional_conditions=quality)))
    for region, count in (("DE", 1), ("FR", 0), ("IT", 1)):
        world.hear(delivery("a", f"a-{region}", region=region, n=count))

    told = world.asking.explain_rule("daily", None).answer

    assert told["status"] == "quarantined"
    assert [id_.split("~~")[2] for id_ in told["others"]] == [
        "data.region~3DDE", "data.region~3DIT",
    ]  # fmt: skip


# ---- words
def test_a_date_that_is_done_stays_so_while_the_next_round_waits() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"))
    world.hear(delivery("a", "a2"))

    told = world.asking.explain_rule("daily", parse_day(DATE))

    assert told.answer["sentence"] == (
        "daily for 2025-11-20 is done: round 001 opened at 2025-11-21T09:00:00Z. job for 2025-11-20 "
        "succeeded after 0s, in attempt 1 of 1. Round 002 has begun with a (/a a2) and is waiting "
        "for b: 1 of 2 inputs are here"
    )
    assert told.answer["gate"] == "daily~~2025-11-20~~002"
    assert told.answer["opened_before"]["gate"] == "daily~~2025-11-20~~001"
    assert [one["status"] for one in told.answer["opened_before"]["runs"]] == ["succeeded"]
    assert told.exit_code == 10


def test_a_date_whose_run_failed_is_not_done_while_the_next_round_waits() -> None:
    world = World(project(rule("a", "b")), perform=failing())
    world.hear(delivery("a"), delivery("b"), delivery("a", "a2"))

    sentence, _, _ = asked(world)

    assert sentence.startswith("daily for 2025-11-20: round 001 opened at")
    assert "no rows" in sentence
    assert "Round 002 has begun" in sentence


def test_arrival_is_when_it_came_and_the_event_time_is_shown_where_it_differs() -> None:
    world = World(project(rule("a", "b", "c")))
    world.hear(
        delivery("a", time="2025-11-21T08:59:30Z"), delivery("b", time="2024-01-15T10:30:00Z")
    )

    first, second, _ = explained(world, one_gate(world)["id"])["clauses"]

    assert first["text"] == "a arrived at 2025-11-21T09:00:00Z"
    assert second["text"] == "b arrived at 2025-11-21T09:00:00Z (event time 2024-01-15T10:30:00Z)"


def test_a_quarantined_gate_names_the_command_that_releases_it() -> None:
    world = World(project(rule("a", additional_conditions=[{"n": "> 0"}])))
    world.hear(delivery("a", n=0))

    _, following, code = asked(world)
    release(world, one_gate(world)["id"])

    assert following["what"].endswith(f"tidegate gate release daily~~{DATE}~~001")
    assert code == 12


# ---- near misses
def test_events_for_other_inputs_are_no_near_misses() -> None:
    # Both events are b's and touch nothing: their status is wrong.
    documents = project(
        rule(
            "a",
            "b",
            conditions=[
                condition("orders", **{"data.status": "success"}),
                condition("customers", **{"data.status": "success"}),
            ],
        )
    )
    world = World(documents)
    world.hear(delivery("orders", status="success"))
    world.hear(
        delivery("orders", "wrong-orders", status="failed"),
        delivery("customers", "wrong-customers", status="failed"),
        delivery("payments", "others", status="success"),
        delivery("customer", "misspelt", status="success"),
    )

    misses = explained(world, one_gate(world)["id"])["nearest_misses"]

    assert {miss["evidence"]["id"] for miss in misses} == {"wrong-customers", "misspelt"}
    differed = {two["what"] for miss in misses for two in miss["compared"]}
    assert differed == {"data.status", "data.dataset_name"}


# ---- trace
def test_a_trace_holds_what_was_replaced_and_what_followed() -> None:
    world = World(project(rule("a", "b", additional_conditions=[{"n": "> 0"}])))
    world.hear(delivery("a", "empty", n=0, time="2025-11-21T07:00:00Z"))
    world.hear(delivery("a", "corrected", n=5), delivery("b", "b1", n=5))

    traces = [
        world.trace.trace(id_)
        for id_ in ("b1", "empty", "corrected", f"daily~~{DATE}~~001", TRIGGER)
    ]

    for trace in traces:
        foreign = [one["id"] for one in trace["events"] if one["verdict"] == "accepted"]
        assert foreign == ["empty", "corrected", "b1"]
        assert [one["id"] for one in trace["gates"]] == [f"daily~~{DATE}~~001"]
        assert [one["id"] for one in trace["executions"]] == [TRIGGER]
        types = [one["type"] for one in trace["events"]]
        assert "tidegate.gate.quarantined" in types
        assert "tidegate.run.succeeded" in types


def test_a_gate_that_only_waits_is_found_by_its_correlation_id() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a", "a1"))

    trace = world.trace.trace(one_gate(world)["correlation_id"])

    assert [one["id"] for one in trace["events"]] == ["a1"]
    assert [one["status"] for one in trace["gates"]] == ["waiting"]


def test_a_trace_of_one_round_leaves_the_other_rounds_out() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "a1"))
    world.hear(delivery("a", "a2", time="2025-11-21T08:30:00Z"))

    first, second = world.trace.trace("a1"), world.trace.trace("a2")

    assert [one["round"] for one in first["gates"]] == [1]
    assert [one["round"] for one in second["gates"]] == [2]


def test_nothing_is_known_under_a_strange_id() -> None:
    world = World(project(rule("a")))

    with pytest.raises(InputError) as raised:
        world.trace.trace("nope")

    assert raised.value.code == "not_found"


# ---- dates as people type them
@pytest.mark.parametrize(
    ("typed", "message", "fix"),
    [
        ("2026-11-31", "there is no 2026-11-31: 2026-11 has 30 days",
         "write a day that there is, such as 2024-01-15"),
        ("2025-02-29", "there is no 2025-02-29: 2025-02 has 28 days",
         "write a day that there is, such as 2024-01-15"),
        ("20.11.2026", "'20.11.2026' is not a date such as 2024-01-15", "write 2026-11-20"),
        ("20261120", "'20261120' is not a date such as 2024-01-15", "write 2026-11-20"),
        ("2026-1-5", "'2026-1-5' is not a date such as 2024-01-15", "write 2026-01-05"),
        ("11/20/2026", "'11/20/2026' is not a date such as 2024-01-15",
         "write the year, the month and the day, such as 2024-01-15"),
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_told_how_to_write_it(typed: str, message: str, fix: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_date(typed)

    assert (refused.value.message, refused.value.fix) == (message, fix)


# ---- inputs that are not there to release
@pytest.mark.parametrize(
    ("names", "message", "fix"),
    [
        (("ordres",), f"daily~~{DATE}~~001 has no input called ordres", 'did you mean "orders"?'),
        (("zzz",), f"daily~~{DATE}~~001 has no input called zzz", "its inputs are orders, stock"),
        (("orders", "stock"),
         f"daily~~{DATE}~~001 is quarantined; quarantined inputs: orders", "leave out stock"),
    ],
)  # fmt: skip
def test_an_input_that_cannot_be_released_is_told_from_those_that_can(
    names: tuple[str, ...], message: str, fix: str
) -> None:
    world = World(project(rule("orders", "stock", additional_conditions=[{"n": "> 0"}])))
    world.hear(delivery("orders", n=0), delivery("stock", n=1))

    refusal = release(world, f"daily~~{DATE}~~001", *names)

    assert isinstance(refusal, Refusal)
    assert (refusal.message, refusal.fix) == (message, fix)


# ---- a job that needs a date
@pytest.mark.parametrize(
    "more",
    [
        {"target": ["load", "--date", "${business_date}"]},
        {"target": "true", "environment": {"DAY": "${ds}"}},
        {"target": "true", "parameters": {"day": "${business_date}"}},
    ],
)
def test_a_job_that_needs_a_date_is_not_asked_for_without_one(more: dict[str, Json]) -> None:
    world = World(project(others={("job", "load"): {"kind": "command", **more}}))

    with pytest.raises(InputError, match="job load needs a business date") as refused:
        world.runs.request("load", "r1")

    assert refused.value.code == "input"
    assert "--date" in refused.value.fix
    assert world.runs.request("load", "r1", day=parse_day(DATE)).day == parse_day(DATE)


def test_a_job_that_may_do_without_a_date_is_asked_for_without_one() -> None:
    target = ["load", '${has(business_date) ? business_date : "all"}']
    world = World(project(others={("job", "load"): {"kind": "command", "target": target}}))

    assert world.runs.request("load", "r1").job == "load"


def test_a_cancelled_trigger_says_by_whom_and_why() -> None:
    world = World(project(rule("a")))
    world.order(Pause(), actor="ann")
    world.hear(delivery("a"))

    world.order(CancelTrigger(trigger=TRIGGER), actor="ben", reason="no longer needed")

    shown = world.runs.trigger(TRIGGER)
    assert shown["why"]["sentence"].endswith("was cancelled by ben: no longer needed.")
    assert (shown["cancelled_by"], shown["cancel_reason"]) == ("ben", "no longer needed")


def test_a_failed_run_words_what_was_wanted_and_what_was_seen() -> None:
    world = World(project(rule("a")), perform=failing())
    world.hear(delivery("a"))

    clauses = world.runs.execution(TRIGGER)["why"]["clauses"]

    compared = [(two["wanted"], two["seen"]) for one in clauses for two in one["compared"]]
    assert compared == [("no error", "Tidegate.CommandFailed"), ("fewer than 1 used", "1")]


# ---- notices under way
def test_a_notice_that_cannot_be_sent_now_says_how_often_it_was_tried_and_why() -> None:
    world = World(project(rule("a")), perform=failing_and_silent)
    world.hear(delivery("a"))
    notices = Notices(world.reader, world.clock)
    ((_, claim),) = world.running.items()
    fresh = notices.page().items[0]
    world.clock.step(2 * MINUTE_US)
    trail = Trail(world.clock.now(), trouble="no answer in 8 s")
    later = Instant(world.clock.now() + MINUTE_US)
    world.store.defer(claim, later, trail.text(), 3)

    (one,) = notices.page(status="sending").items

    assert (fresh["tries"], fresh["next_try_at"], fresh["error"]) == (0, None, None)
    assert (one["tries"], one["error"]) == (3, "no answer in 8 s")
    assert one["next_try_at"] == format_instant(later)
    assert notices.slow() == 1


# ---- without a server
def test_a_run_that_nobody_works_on_is_not_said_to_run() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))
    world.attended = False

    sentence, _, _ = asked(world)
    shown = world.runs.execution(TRIGGER)

    words = (
        "job for 2025-11-20 was running when its server ended, attempt 1 of 1; no server works on "
        "this database: it is started again with the next `tidegate serve`."
    )
    assert sentence.endswith(f"all inputs are here. {words}")
    assert (shown["why"]["sentence"], shown["unattended"]) == (words, "interrupted")


def test_a_run_that_no_server_has_taken_up_starts_with_the_next() -> None:
    world = World(project(rule("a")), perform=endless)
    pending = world.intake.receive([msgspec.json.encode(delivery("a"))], "test")
    while world.host.step():
        pass
    world.attended = False

    sentence, _, _ = asked(world)

    assert pending.result(0).accepted == 1
    assert sentence.endswith(
        "job for 2025-11-20 has not begun, attempt 1 of 1: no server works on this database; "
        "it starts with the next `tidegate serve`."
    )


def test_a_retry_that_no_server_will_begin_says_so() -> None:
    retry = {"max_attempts": 3, "delay_minutes": 30, "backoff_multiplier": 2}
    world = World(project(rule("a", actions=[start(retry_config=retry)])), perform=failing(1))
    world.hear(delivery("a"))
    world.attended = False

    sentence, _, _ = asked(world)

    assert sentence.endswith(
        "is tried again; no server works on this database: that takes the next `tidegate serve`."
    )
