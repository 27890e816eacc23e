"""What a gate does when it opens, is overdue, or holds bad data back."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.kernel.clock import DAY_US, MINUTE_US, parse_day
from tidegate.kernel.step import CallTask, Effect, Failed, Key
from tidegate.testing.gates import (
    DATE,
    condition,
    delivery,
    match,
    messages,
    notify,
    one_gate,
    project,
    rule,
    start,
    window,
)
from tidegate.testing.world import START, World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}


def heard(written: dict[str, Any], *events: dict[str, Any], **others: Any) -> World:
    world = World(project(written, others=others.get("others")))
    for event in events:
        world.hear(event)
    assert not world.reader.parked()
    return world


def parameters(world: World) -> dict[str, Any]:
    (task,) = world.tasks()
    found: dict[str, Any] = task.payload["parameters"]
    return found


def filled(template: Any, *events: dict[str, Any], **changes: Any) -> Any:
    """What a parameter of the job becomes when these events open the gate."""
    names = sorted({event["data"]["dataset_name"] for event in events})
    action = start(parameters={"x": template})
    return parameters(heard(rule(*names, actions=[action], **changes), *events))["x"]


# ---- names of runs
def test_a_rule_called_person_and_a_person_both_start_their_job() -> None:
    world = World(project(rule("a", rule_name="person")))
    day = parse_day(DATE)

    world.order(world.runs.request("job", "001.1", day=day))
    world.hear(delivery("a"))
    world.order(world.runs.request("job", "001.1", day=day))

    runs = {(run["request"], run["origin"]) for run in world.runs.executions().items}
    assert runs == {("person.001.1", "person"), (":person.001.1", "gate")}
    assert len(world.tasks()) == 2
    assert world.asking.explain_gate(one_gate(world)["id"]).answer["runs"] != []


def test_match_values_with_dots_ask_for_runs_of_their_own() -> None:
    lines = [match("data.business_date"), match("data.x")]
    world = heard(
        rule("a", correlation_logic=lines),
        delivery("a", "1", x="1"),
        delivery("a", "2", x="1.001"),
        delivery("a", "3", x="1:001"),
    )

    names = {run["request"] for run in world.runs.executions().items}

    assert names == {
        "daily.data:x=1.001.1",
        "daily.data:x=1:001.001.1",
        "daily.data:x=1%3A001.001.1",
    }


# ---- templates
@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${data.business_date}", "2025-11-20"),
        ("${business_date}", "2025-11-20"),
        ("${ds}", "2025-11-20"),
        ("for ${ds}!", "for 2025-11-20!"),
        ("${normalized_context_id}", "daily-2025-11-20-001"),
        ("${correlation_id}", "daily-2025-11-20-001"),
        ("${rule}", "daily"),
        ("${gate}", "daily~~2025-11-20~~001"),
        ("${round}", 1),
        ("${sequence}", "001"),
        ("${process}", "daily"),
        ("${owner}", "ann"),
        ("${datasets}", ["a", "b"]),
        ("of ${datasets}", "of a,b"),
        ("${missing}", []),
        ("${priority}", "normal"),
        ("${source}", "/b"),
        ("${data.n}", 7),
        ("${data.n + 1}", 8),
        ("${data.only_a}", "first"),
        ("${inputs.a.data.n}", 5),
        ("${inputs.b.data.n}", 7),
        ('${inputs["a"].data.n}', 5),
        ("${inputs.a.data.n + inputs.b.data.n}", 12),
        ("${inputs.a.source}", "/a"),
        ("${inputs.a.id}", "a1"),
        ("${data.rows}", {"good": 1}),
        ("${data.rows.good}", 1),
        ("${source_applications}", []),
        ("plain", "plain"),
        ("{data.n}", "{data.n}"),
        ("$${data.n}", "${data.n}"),
        (["${data.n}", {"k": "${ds}"}], [7, {"k": "2025-11-20"}]),
        (5, 5),
        (None, None),
        (True, True),
    ],
)
def test_a_parameter_is_filled_from_the_gate_and_its_inputs(template: Any, value: Any) -> None:
    first = delivery("a", "a1", n=5, only_a="first", time="2025-11-21T07:00:00Z")
    second = delivery("b", "b1", n=7, rows={"good": 1}, time="2025-11-21T08:00:00Z")

    assert filled(template, second, first, owner="ann") == value


@pytest.mark.parametrize(
    "template",
    [
        "${data.nothing}",
        "${inputs.a.data.nothing}",
        "${inputs.c.data.n}",
        "rows: ${data.nothing}",
        "${data.text + 1}",
        "${1 / data.zero}",
    ],
)
def test_a_parameter_that_cannot_be_filled_is_null_and_no_other(template: str) -> None:
    action = start(parameters={"bad": template, "good": "${ds}", "deep": {"bad": [template]}})

    world = heard(rule("a", actions=[action]), delivery("a", text="x", zero=0))

    assert one_gate(world)["status"] == "open"
    assert parameters(world) == {"bad": None, "good": "2025-11-20", "deep": {"bad": [None]}}


def test_a_match_value_goes_before_what_an_input_says() -> None:
    fields = [match("data.business_date"), match("data.region")]

    def one(name: str, extra: str) -> dict[str, Any]:
        return delivery(name, region="DE", extra=extra)

    action = start(parameters={"region": "${data.region}", "extra": "${data.extra}"})
    world = heard(rule("a", correlation_logic=fields, actions=[action]), one("a", "x"))

    assert parameters(world) == {"region": "DE", "extra": "x"}


def test_lists_in_a_text_join_with_commas() -> None:
    assert filled("of ${data.parts}", delivery("a", parts=["x", "y", 3])) == "of x,y,3"


def test_an_input_is_found_by_the_name_its_condition_has() -> None:
    conditions = [condition("a", name="early"), condition("b", name="late")]
    names = ["inputs.early.data.n", "inputs.late.data.n", "inputs.a.data.n"]
    action = start(parameters={name: f"${{{name}}}" for name in names})

    world = heard(
        rule(conditions=conditions, actions=[action]), delivery("a", n=1), delivery("b", n=2)
    )

    assert parameters(world) == dict(zip(names, [1, 2, 1], strict=True))


def test_an_input_of_any_dataset_is_found_by_the_dataset_that_came() -> None:
    action = start(parameters={"n": "${inputs.a.data.n}", "whole": "${inputs.first.data.n}"})
    conditions = [{"name": "first", "event_type": "delivered"}]

    world = heard(rule(conditions=conditions, actions=[action]), delivery("a", n=3))

    assert parameters(world) == {"n": 3, "whole": 3}


def test_two_conditions_on_one_dataset_are_two_inputs() -> None:
    conditions = [condition("a", **{"data.part": 1}), condition("a", **{"data.part": 2})]
    action = start(parameters={"one": "${inputs.a.data.n}", "two": '${inputs["a 2"].data.n}'})

    world = heard(
        rule(conditions=conditions, actions=[action]),
        delivery("a", "x", part=2, n=20),
        delivery("a", "y", part=1, n=10, time="2025-11-21T07:00:00Z"),
    )

    assert parameters(world) == {"one": 10, "two": 20}


def test_what_a_bad_optional_input_says_is_not_used() -> None:
    conditions = [condition("a"), condition("b", optional=True)]
    action = start(parameters={"n": "${data.n}", "b": "${inputs.b.data.n}"})

    world = heard(
        rule(conditions=conditions, actions=[action], **QUALITY),
        delivery("b", n=-1, time="2025-11-21T08:30:00Z"),
        delivery("a", n=5),
    )

    assert parameters(world) == {"n": 5, "b": None}


def test_filling_templates_changes_nothing_that_is_kept() -> None:
    action = start(parameters={"all": "${data.rows}", "one": "${data.rows.good}"})
    first = delivery("a", rows={"good": 1}, time="2025-11-21T07:00:00Z")
    second = delivery("b", rows={"good": 2, "bad": 3})

    world = heard(rule("a", "b", actions=[action]), second, first)

    assert parameters(world) == {"all": {"good": 2, "bad": 3}, "one": 2}
    assert world.verify().differences == []


# ---- jobs
def test_a_job_is_asked_for_under_the_gates_names() -> None:
    world = heard(rule("a", owner="ann", business_process="reporting"), delivery("a"))

    (run,) = world.events("tidegate.run.started")
    assert run.data["business_date"] == "2025-11-20"
    assert run.data["correlation_id"] == "reporting-2025-11-20-001"
    assert run.data["process"] == "reporting"
    assert run.data["owner"] == "ann"
    assert run.data["origin"] == "gate"
    (opened,) = world.events("tidegate.gate.opened")
    assert opened.data["job"] == "job"
    assert opened.data["inputs"] == ["a"]


def test_a_job_may_be_named_by_a_template_and_its_sla_ends_with_it() -> None:
    action = start("${data.kind}", sla_minutes=60)

    world = heard(rule("a", actions=[action]), delivery("a", kind="job"))
    world.advance(DAY_US)

    assert len(world.tasks()) == 1
    assert world.events("tidegate.gate.opened")[0].data["job"] == "job"
    assert world.events("tidegate.sla.breached") == []


def test_several_jobs_are_several_requests() -> None:
    world = heard(
        rule("a", actions=[start(), start(parameters={"n": 2}), start("nobody")]), delivery("a")
    )

    assert [task.payload["parameters"] for task in world.tasks()] == [{}, {"n": 2}]


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ({"sla_minutes": 5}, 5),
        ({"parameters": {"sla_minutes": 120}}, 120),
        ({"sla_minutes": 5, "parameters": {"sla_minutes": 120}}, 5),
        ({}, 30),
    ],
)
def test_a_jobs_time_is_its_own_or_the_rules(written: dict[str, Any], minutes: int) -> None:
    world = heard(rule("a", sla_minutes=30, actions=[start(**written)]), delivery("a"))

    assert world.events("tidegate.gate.opened")[0].data["sla_minutes"] == minutes


def test_an_opening_names_every_job_with_its_time() -> None:
    actions = [start("first"), start("second", sla_minutes=5), start("third", sla_minutes=7)]
    world = heard(rule("a", actions=actions), delivery("a"))

    data = world.events("tidegate.gate.opened")[0].data

    assert (data["job"], data["sla_minutes"]) == ("first", None)
    assert data["further"] == [
        {"job": "second", "sla_minutes": 5},
        {"job": "third", "sla_minutes": 7},
    ]


@pytest.mark.parametrize(
    ("sla_from", "start_at"),
    [("opened", "2025-11-21T09:00:00Z"), ("first_event", "2025-11-21T06:00:00Z")],
)
def test_the_sla_clock_starts_with_the_opening_or_the_first_event(
    sla_from: str, start_at: str
) -> None:
    world = heard(
        rule("a", "b", sla_minutes=30, sla_from=sla_from),
        delivery("a"),
        delivery("b", time="2025-11-21T06:00:00Z"),
    )

    assert world.events("tidegate.gate.opened")[0].data["sla_from"] == start_at


@pytest.mark.parametrize(("sla_from", "minutes"), [("opened", 30), ("first_event", 0)])
def test_the_job_is_late_by_that_clock(sla_from: str, minutes: int) -> None:
    def goes_on(key: Key, effect: Effect) -> None:
        del key, effect

    world = World(project(rule("a", sla_minutes=30, sla_from=sla_from)), perform=goes_on)
    world.hear(delivery("a", time="2025-11-21T08:30:00Z"))

    world.advance(DAY_US)

    (breached,) = world.events("tidegate.sla.breached")
    assert (breached.time - START) // MINUTE_US == minutes


def test_every_round_says_which_it_is_and_asks_under_a_name_of_its_own() -> None:
    world = heard(
        rule("a", "b"),
        delivery("a", "1"),
        delivery("b", "2"),
        delivery("a", "3"),
        delivery("b", "4"),
    )

    for what in ("tidegate.gate.opened", "tidegate.run.started"):
        assert [event.data["round"] for event in world.events(what)] == [1, 2], what
    runs = world.events("tidegate.run.started")
    assert [event.data["trigger"] for event in runs] == ["daily.001.1", "daily.002.1"]


def test_the_last_input_is_the_one_that_came_last() -> None:
    world = heard(rule("a", "b"), delivery("a"))
    world.advance(60 * MINUTE_US)

    world.hear(delivery("b", time="2025-11-21T07:00:00Z"))

    (opened,) = world.events("tidegate.gate.opened")
    assert opened.data["last_input_at"] == "2025-11-21T10:00:00Z"


# ---- priorities
@pytest.mark.parametrize(
    ("first", "second", "priority"),
    [
        ("low", "low", "low"),
        ("low", None, "normal"),
        (None, None, "normal"),
        ("low", "normal", "normal"),
        ("high", "normal", "high"),
        ("high", "critical", "critical"),
        ("critical", "low", "critical"),
        ("HIGH ", "low", "high"),
        ("whatever", "low", "normal"),
    ],
)
def test_the_gates_priority_is_the_highest_of_its_inputs(
    first: str | None, second: str | None, priority: str
) -> None:
    mapping = {"all": {"source_pattern": "*", "priority_mapping": "data.priority"}}
    world = heard(
        rule(
            "a",
            "b",
            context_normalization={"application_mappings": mapping},
            actions=[start(parameters={"priority": "${normalized_priority}"})],
        ),
        delivery("a", priority=first),
        delivery("b", priority=second),
    )

    assert parameters(world)["priority"] == priority
    (run,) = world.events("tidegate.run.started")
    assert run.data["priority"] == priority


# ---- the other actions
def test_a_notification_is_filled_and_sent() -> None:
    action = notify(
        "${rule} for ${ds}: ${inputs.a.data.n} rows", severity="warning", receiver="bob"
    )

    world = heard(rule("a", actions=[action]), delivery("a", n=5))

    (notice,) = world.notices()
    assert notice.body["message"] == "daily for 2025-11-20: 5 rows"
    assert notice.body["severity"] == "warning"
    assert notice.body["correlation_id"] == "daily-2025-11-20-001"
    assert notice.receiver == "bob"


@pytest.mark.parametrize("template", ["${data.nothing} rows", "${data.text + 1} rows"])
def test_a_message_that_cannot_be_filled_says_why_and_is_sent(template: str) -> None:
    world = heard(rule("a", actions=[notify(template), start()]), delivery("a", text="x"))

    (message,) = messages(world)
    assert message.startswith(f"{template} (")
    assert len(world.tasks()) == 1


def test_several_notifications_are_all_sent() -> None:
    world = heard(rule("a", actions=[notify("one"), notify("two")]), delivery("a"))

    assert messages(world) == ["one", "two"]


def test_a_dashboard_is_counted() -> None:
    action = {
        "action_type": "update_dashboard",
        "metric": "jobs_auto_triggered",
        "increment": 2.5,
        "tags": {"id": "${normalized_context_id}", "missing": "${data.nothing}"},
    }

    world = heard(rule("a", actions=[action]), delivery("a"))

    (updated,) = world.events("tidegate.dashboard.updated")
    assert updated.subject == "jobs_auto_triggered"
    assert updated.data["increment"] == 2.5
    assert updated.data["tags"] == {"id": "daily-2025-11-20-001", "missing": None}
    assert updated.data["business_date"] == "2025-11-20"


def test_an_event_is_emitted_and_other_rules_hear_it() -> None:
    action = {
        "action_type": "emit_event",
        "event_type": "reporting.ready",
        "subject": "report ${ds}",
        "data": {"business_date": "${ds}", "dataset_name": "report", "n": "${data.n}"},
    }
    first = rule("a", rule_name="first", actions=[action])
    second = rule(rule_name="second", conditions=[{"event_type": "reporting.ready", "data.n": 5}])
    world = World(project(first, second))

    world.hear(delivery("a", n=5))

    (emitted,) = world.events("reporting.ready")
    assert (emitted.source, emitted.subject) == ("tidegate", "report 2025-11-20")
    assert emitted.extensions["correlationid"] == "first-2025-11-20-001"
    assert emitted.dataset == "report"
    assert {gate["rule"]: gate["status"] for gate in world.gates()} == {
        "first": "open",
        "second": "open",
    }


def test_an_emitted_event_without_subject_is_about_its_gate() -> None:
    world = heard(
        rule("a", actions=[{"action_type": "emit_event", "event_type": "x"}]), delivery("a")
    )

    assert world.events("x")[0].subject == "daily~~2025-11-20~~001"


# ---- when it goes wrong
def test_a_timeout_has_actions_of_its_own() -> None:
    world = heard(
        rule(
            "a",
            "b",
            "c",
            correlation_logic=window("2h"),
            on_timeout=[notify("${rule} lacks ${missing}"), start(parameters={"late": True})],
        ),
        delivery("b"),
    )

    world.advance(DAY_US)

    assert messages(world) == [
        "daily lacks a,c",
        "daily for 2025-11-20 is overdue: a missing, c missing",
    ]
    assert [task.payload["parameters"] for task in world.tasks()] == [{"late": True}]


def test_a_job_of_a_timeout_and_that_of_the_opening_are_two() -> None:
    world = heard(
        rule(
            "a",
            "b",
            correlation_logic=window("2h"),
            on_timeout=[start(parameters={"late": True})],
        ),
        delivery("a"),
    )
    world.advance(DAY_US)

    world.hear(delivery("b"))

    assert [task.payload["parameters"] for task in world.tasks()] == [{"late": True}, {}]


def test_a_quality_failure_has_actions_of_its_own() -> None:
    world = heard(
        rule("a", "b", on_quality_failure=[notify("only ${data.n} rows in ${source}")], **QUALITY),
        delivery("a", n=0),
        delivery("b", n=-5, time="2025-11-21T08:30:00Z"),
    )

    told = [message for message in messages(world) if message.startswith("only")]
    assert told == ["only 0 rows in /a", "only -5 rows in /b"]


def test_opening_performs_no_action_of_a_timeout() -> None:
    world = heard(
        rule("a", on_timeout=[notify("late")], on_quality_failure=[notify("bad")]), delivery("a")
    )

    assert messages(world) == []


def test_owners_of_missing_datasets_are_told_besides_the_gates_own() -> None:
    owners = {
        ("dataset", "a"): {"owner": "crm_team"},
        ("dataset", "b"): {"owner": "erp_team"},
        ("dataset", "c"): {"owner": "ann"},
        ("dataset", "d"): {"contact": "d@example.com"},
        ("dataset", "e"): {"owner": "web_team"},
    }
    world = heard(
        rule("a", "b", "c", "d", "e", owner="ann", correlation_logic=window("2h")),
        delivery("a"),
        others=owners,
    )

    world.advance(DAY_US)

    assert [notice.receiver for notice in world.notices()] == ["ann", "erp_team", "web_team"]
    assert len(set(messages(world))) == 1


def test_a_dataset_is_found_by_its_name_not_by_that_of_the_input() -> None:
    world = heard(
        rule(
            conditions=[condition("a"), condition("b", name="second")],
            correlation_logic=window("2h"),
        ),
        delivery("a"),
        others={("dataset", "b"): {"owner": "erp_team"}},
    )

    world.advance(DAY_US)

    assert "erp_team" in [notice.receiver for notice in world.notices()]


# ---- retries
def test_the_rules_retries_hold_where_an_action_has_none() -> None:
    """Three attempts, 30 minutes, multiplier 2: tries at 0, +30 and +90 minutes."""
    config = {"max_attempts": 3, "delay_minutes": 30, "backoff_multiplier": 2}

    assert tries(rule("a", retry_config=config, actions=[start()])) == [0, 30, 90]


def test_an_actions_own_retries_win() -> None:
    own = {"max_attempts": 2, "delay_minutes": 1}
    written = rule("a", retry_config={"max_attempts": 9}, actions=[start(retry_config=own)])

    assert tries(written) == [0, 1]


def test_retries_may_follow_at_once() -> None:
    written = rule("a", retry_config={"max_attempts": 3, "delay_minutes": 0})

    assert tries(written) == [0, 0, 0]


def tries(written: dict[str, Any]) -> list[int]:
    """Minutes after the opening at which the job is tried that always fails."""
    found: list[int] = []

    def fail(key: Key, effect: Effect) -> Failed | None:
        del key
        if not isinstance(effect, CallTask):
            return None
        found.append((world.clock.now() - START) // MINUTE_US)
        return Failed("States.TaskFailed", "no")

    world = World(project(written), perform=fail)
    world.hear(delivery("a"))
    world.advance(DAY_US)
    return found
