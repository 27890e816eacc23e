from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from tidegate.kernel.clock import MINUTE_US, NO_DAY, Day, Instant, parse_day, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import Tell
from tidegate.kernel.step import Document, Done, Engine, Failed, Finding, Key, SendNotice
from tidegate.testing.driver import Driver
from tidegate.watch import engine
from tidegate.watch.channel import ProjectDocument
from tidegate.watch.counter import TAGS_MAX, Counter
from tidegate.watch.notice import DATA_MAX, MESSAGE_MAX, Notice, notice_key
from tidegate.watch.notice import Status as NoticeStatus
from tidegate.watch.orders import SendAgain
from tidegate.watch.sla import Sla, Status

NOON, _ = parse_instant("2024-01-15T12:00:00Z")
DAY = parse_day("2024-01-15")
PROJECT: dict[str, Json] = {
    "name": "nightly",
    "channels": {
        "ops": {"type": "webhook", "url": "https://hooks.example/ops", "secret": "env:OPS"},
        "chat": {"type": "slack", "receiver": "#all"},
    },
    "default_channel": "ops",
    "owners": {"data_team": "chat/data", "ops_team": "ops/night-shift"},
}
OPENED = {
    "gate": "g1",
    "rule": "both_ready",
    "job": "report",
    "business_date": "2024-01-15",
    "round": 1,
    "correlation_id": "correlation-2024-01-15-001",
    "sla_minutes": 120,
    "owner": "ops_team",
    "process": "daily",
}
CLOCK = Key("sla", DAY, "all", "correlation-2024-01-15-001&report")


def watching(project: Mapping[str, Json] = PROJECT) -> Driver:
    driver = Driver([engine], NOON)
    driver.follow({("project", "project"): dict(project)})
    driver.settle()
    return driver


def tell(notice: str = "n1", channel: str = "ops", **more: Any) -> Tell:
    return Tell(notice=notice, channel=channel, message="the report is late", **more)


def notice_of(driver: Driver, name: str = "n1", day: Day = NO_DAY) -> Notice:
    return driver.state(notice_key(tell(name, day=day)), Notice)


def sent_by(driver: Driver) -> list[SendNotice]:
    return [effect for effect in driver.effects.values() if isinstance(effect, SendNotice)]


def after(minutes: float) -> Instant:
    return Instant(NOON + int(minutes * MINUTE_US))


def open_gate(driver: Driver, **changes: Json) -> None:
    driver.hear("tidegate.gate.opened", {**OPENED, **changes}, day=DAY)


def succeed(driver: Driver, **changes: Json) -> None:
    data = {"job": "report", "correlation_id": OPENED["correlation_id"], "seconds": 60.0, **changes}
    driver.hear("tidegate.run.succeeded", data, day=DAY)


def other(job: str = "export") -> Key:
    return Key("sla", DAY, "all", f"correlation-2024-01-15-001&{job}")


# ---- the shape
def test_the_module_is_an_engine() -> None:
    seated: Engine[engine.Book] = engine

    assert seated.name == "watch"
    assert seated.orders == (Tell, SendAgain)


# ---- notices
def test_a_notice_goes_to_its_channel_with_all_that_is_needed() -> None:
    driver = watching()

    driver.give(tell(day=DAY, correlation_id="c1", data={"job": "report"}, severity="warning"))

    (effect,) = sent_by(driver)
    assert (effect.call, effect.channel, effect.receiver) == ("Notice.1", "ops", "")
    assert effect.body == {
        "severity": "warning",
        "message": "the report is late",
        "notice": "n1",
        "told_at": "2024-01-15T12:00:00Z",
        "business_date": "2024-01-15",
        "correlation_id": "c1",
        "data": {"job": "report"},
    }


def test_the_same_notice_is_told_once() -> None:
    driver = watching()

    driver.give(tell(), tell())
    driver.give(tell())

    assert len(sent_by(driver)) == 1


def test_a_delivered_notice_is_sent() -> None:
    driver = watching()
    driver.give(tell())

    driver.finish(notice_key(tell()), Done("message-1"))

    assert notice_of(driver).status == NoticeStatus.SENT


def test_a_notice_that_cannot_be_delivered_waits_for_a_person_and_says_why() -> None:
    driver = watching()
    driver.give(tell())
    key = notice_key(tell())

    driver.finish(key, Failed("Notify.Refused", "410 Gone"))

    assert notice_of(driver).status == NoticeStatus.UNDELIVERED
    assert "Notify.Refused: 410 Gone" in driver.explain(engine, key).sentence


@pytest.mark.parametrize(
    ("channel", "receiver", "carried_by", "diverted"),
    [
        ("ops", None, ("ops", ""), ""),
        ("webhook", None, ("ops", ""), ""),
        ("console", None, ("console", ""), ""),
        ("", "ops_team", ("ops", "night-shift"), ""),
        ("", "nobody", ("ops", "nobody"), ""),
        ("", None, ("ops", ""), ""),
        ("slack", None, ("console", "#all"), "does not deliver to slack"),
        ("", "data_team", ("console", "data"), "does not deliver to slack"),
        ("pager", None, ("console", ""), "no channel pager"),
    ],
)
def test_a_channel_is_found_by_name_type_or_owner(
    channel: str, receiver: str | None, carried_by: tuple[str, str], diverted: str
) -> None:
    driver = watching()

    driver.give(tell(channel=channel, receiver=receiver))

    (effect,) = sent_by(driver)
    assert (effect.channel, effect.receiver) == carried_by
    assert diverted in notice_of(driver).diverted
    assert bool(diverted) == bool(notice_of(driver).diverted) == ("diverted" in effect.body)


def test_without_a_project_file_everything_goes_to_the_console() -> None:
    driver = Driver([engine], NOON)

    driver.give(tell(channel="", receiver="anybody"))

    assert [effect.channel for effect in sent_by(driver)] == ["console"]
    assert notice_of(driver).diverted == ""


def test_a_very_long_message_says_how_much_is_left_out() -> None:
    driver = watching()

    driver.give(Tell(notice="n1", channel="ops", message="x" * (MESSAGE_MAX + 7)))

    assert notice_of(driver).message.endswith("... (7 more characters)")


def test_of_very_much_data_only_the_size_goes_along() -> None:
    driver = watching()

    driver.give(tell(data={"text": "x" * DATA_MAX}))

    size = DATA_MAX + len('{"text":""}')
    assert sent_by(driver)[0].body["data"] == {"tidegate_omitted_bytes": size}


# ---- SLA clocks
def test_a_clock_warns_at_80_percent_and_breaches_at_the_end() -> None:
    driver = watching()
    open_gate(driver)

    driver.advance(after(95.9))
    before = driver.types()
    driver.advance(after(96))
    warned = driver.types()
    driver.advance(after(120))

    assert (before, warned) == ([], ["tidegate.sla.warning"])
    assert driver.types() == ["tidegate.sla.warning", "tidegate.sla.breached"]
    assert driver.state(CLOCK, Sla).status == Status.BREACHED
    assert [effect.body["severity"] for effect in sent_by(driver)] == ["warning", "critical"]
    assert driver.said[1].data["due_at"] == "2024-01-15T14:00:00Z"
    assert driver.said[1].extensions["correlationid"] == OPENED["correlation_id"]
    assert "report for 2024-01-15" in str(sent_by(driver)[1].body["message"])


def test_a_job_that_ends_in_time_stops_its_clock() -> None:
    driver = watching()
    open_gate(driver)
    driver.now = after(60)

    succeed(driver)
    driver.advance(after(600))

    assert driver.state(CLOCK, Sla).status == Status.MET
    assert driver.types() == []


def test_a_clock_ends_once_and_without_a_clock_nothing_ends() -> None:
    driver = watching()
    succeed(driver)
    before = driver.kind("sla")
    open_gate(driver)
    driver.now = after(60)
    succeed(driver)
    driver.now = after(600)

    succeed(driver)
    driver.settle()

    assert before == []
    assert driver.state(CLOCK, Sla).ended_at == after(60)
    assert driver.types() == []


@pytest.mark.parametrize(
    "other", [{"job": "another"}, {"correlation_id": "correlation-2024-01-15-002"}]
)
def test_another_job_or_round_stops_nothing(other: dict[str, str]) -> None:
    driver = watching()
    open_gate(driver)
    driver.now = after(60)

    succeed(driver, **other)
    driver.advance(after(600))

    assert driver.state(CLOCK, Sla).status == Status.BREACHED


def test_a_failed_run_does_not_stop_the_clock() -> None:
    driver = watching()
    open_gate(driver)

    driver.hear(
        "tidegate.run.failed",
        {"job": "report", "correlation_id": OPENED["correlation_id"]}, day=DAY,
    )  # fmt: skip
    driver.advance(after(600))

    assert driver.state(CLOCK, Sla).status == Status.BREACHED


def test_a_job_that_ends_after_the_breach_clears_it_without_a_second_alarm() -> None:
    driver = watching()
    open_gate(driver)
    driver.advance(after(130))

    succeed(driver)

    assert driver.state(CLOCK, Sla).status == Status.ENDED_LATE
    assert driver.types() == ["tidegate.sla.warning", "tidegate.sla.breached"]


def test_a_late_end_that_is_heard_before_the_clock_woke_is_a_breach_all_the_same() -> None:
    driver = watching()
    open_gate(driver)
    driver.now = after(130)  # nobody woke: the server was down

    succeed(driver)
    driver.settle()

    assert driver.state(CLOCK, Sla).status == Status.ENDED_LATE
    assert driver.types() == ["tidegate.sla.breached"]


def test_a_clock_that_slept_through_everything_breaches_once() -> None:
    driver = watching()
    open_gate(driver)
    driver.now = after(600)

    driver.settle()

    assert driver.types() == ["tidegate.sla.breached"]


def test_the_clock_may_start_before_the_gate_opened() -> None:
    driver = watching()

    open_gate(driver, sla_from="2024-01-15T11:00:00Z")

    assert driver.state(CLOCK, Sla).due_at == after(60)


def test_every_job_of_an_opening_has_a_clock_of_its_own() -> None:
    driver = watching()
    further: Json = [
        {"job": "export", "sla_minutes": 30},
        {"job": "report", "sla_minutes": 1},  # the same job: its first clock counts
        {"job": "tidy", "sla_minutes": None},
    ]

    open_gate(driver, further=further)
    succeed(driver)
    driver.advance(after(30))
    driver.settle()

    assert driver.state(CLOCK, Sla).status == Status.MET
    assert driver.state(CLOCK, Sla).minutes == 120
    assert driver.state(other(), Sla).status == Status.BREACHED
    assert driver.state(other(), Sla).due_at == after(30)
    assert [one.body["severity"] for one in sent_by(driver)] == ["warning", "critical"]
    assert {one.body["data"]["job"] for one in sent_by(driver)} == {"export"}
    assert other("tidy") not in driver.kind("sla")


def test_a_job_has_a_clock_though_the_first_one_has_no_limit() -> None:
    driver = watching()

    open_gate(driver, sla_minutes=None, further=[{"job": "export", "sla_minutes": 30}])

    assert CLOCK not in driver.kind("sla")
    assert driver.state(other(), Sla).minutes == 30


@pytest.mark.parametrize(
    "changes", [{"job": None}, {"sla_minutes": None}, {"sla_minutes": 0}, {"backfill": True}]
)
def test_no_clock_runs_without_a_job_a_limit_or_for_history(changes: dict[str, Json]) -> None:
    driver = watching()

    open_gate(driver, **changes)

    assert driver.kind("sla") == []


def test_hearing_an_opening_twice_starts_one_clock() -> None:
    driver = watching()
    open_gate(driver)
    driver.now = after(10)

    open_gate(driver)

    assert driver.state(CLOCK, Sla).due_at == after(120)


def test_explain_says_where_a_clock_stands_and_what_is_next() -> None:
    driver = watching()
    open_gate(driver)

    running = driver.explain(engine, CLOCK)
    driver.advance(after(130))
    breached = driver.explain(engine, CLOCK)

    assert (running.status, running.next_at) == ("running", after(96))
    assert running.clauses[0].verdict == "waiting"
    assert breached.status == "breached"
    assert breached.clauses[0].verdict == "not_met"
    assert "past its SLA of 2h, due 2024-01-15T14:00:00Z" in breached.sentence


# ---- counters
def test_what_rules_count_is_summed_with_its_last_tags() -> None:
    driver = watching()
    update = {"metric": "jobs triggered", "increment": 2, "tags": {"correlation_id": "c1"}}

    driver.hear("tidegate.dashboard.updated", update)
    driver.hear("tidegate.dashboard.updated", {**update, "increment": 0.5, "tags": {"a": [1, 2]}})

    counter = driver.state(Key("metric", NO_DAY, "all", "jobs%20triggered"), Counter)
    assert (counter.metric, counter.total, counter.count) == ("jobs triggered", 2.5, 2)
    assert counter.tags == {"a": "1,2"}


def test_runs_are_counted_by_job_and_ending() -> None:
    driver = watching()

    succeed(driver)
    succeed(driver)
    driver.hear("tidegate.run.failed", {"job": "report", "seconds": 3})
    driver.hear("tidegate.run.retrying", {"job": "report"})

    counter = driver.state(Key("metric", NO_DAY, "all", "tidegate.runs&report"), Counter)
    assert (counter.total, counter.by, counter.seconds) == (3, {"succeeded": 2, "failed": 1}, 123.0)
    assert counter.of == ("job", "report")


def test_openings_are_counted_by_rule() -> None:
    driver = watching()

    open_gate(driver)
    open_gate(driver, round=2, correlation_id="correlation-2024-01-15-002")

    key = Key("metric", NO_DAY, "all", "tidegate.gates_opened&both_ready")
    assert driver.state(key, Counter).total == 2
    assert "stands at 2" in driver.explain(engine, key).sentence


@pytest.mark.parametrize(
    "data",
    [
        {}, {"metric": ""}, {"metric": "m", "increment": True}, {"metric": "m", "increment": "1"},
        {"metric": "m", "increment": float("nan")}, "text", None,
    ],
)  # fmt: skip
def test_what_is_no_count_counts_nothing(data: Json) -> None:
    driver = watching()

    driver.hear("tidegate.dashboard.updated", data)

    assert driver.kind("metric") == []


def test_a_counter_stays_storable_and_small() -> None:
    driver = watching()
    tags = {f"t{n:02d}": "x" * 999 for n in range(40)}

    for _ in range(5):
        driver.hear("tidegate.dashboard.updated", {"metric": "m", "increment": 2**62, "tags": tags})

    counter = driver.state(Key("metric", NO_DAY, "all", "m"), Counter)
    assert counter.total == 5 * 2.0**62
    assert isinstance(counter.total, float)
    assert len(counter.tags) == TAGS_MAX


def test_events_from_outside_touch_nothing() -> None:
    driver = watching()

    driver.hear("com.crm.gate.opened", OPENED)

    assert driver.cells == {}


# ---- documents
def faults(body: Json) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        ProjectDocument.model_validate(body)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


def test_a_secret_stands_by_reference_only() -> None:
    channels = {"a": {"type": "webhook", "url": "https://x.example", "secret": "hunter2"}}

    ((where, what),) = faults({"channels": channels})

    assert where[:3] == ("channels", "a", "secret")
    assert "by reference only|write env:NAME" in what
    assert "hunter2" not in what


@pytest.mark.parametrize(
    "channel",
    [
        {"type": "webhook"},
        {"type": "webhook", "url": "ftp://x.example"},
        {"type": "console", "url": "https://x.example"},
        {"type": "console", "secret": ["env:A"]},
        {"type": "webhook", "url": "https://x.example", "secret": ["env:A", "env:B", "env:C"]},
        {"type": "pigeon"},
        {"type": "console", "colour": "red"},
    ],
)
def test_a_channel_that_cannot_work_is_a_fault(channel: Json) -> None:
    assert len(faults({"channels": {"a": channel}})) == 1


def test_a_zone_that_does_not_exist_is_a_fault() -> None:
    ((where, what),) = faults({"timezone": "Europe/Berln"})

    assert where == ("timezone",)
    assert 'did you mean "Europe/Berlin"?' in what


def test_check_warns_of_channels_whose_notices_would_only_reach_the_console() -> None:
    rule = {
        "actions": [
            {"action_type": "trigger_job", "job_name": "report"},
            {"action_type": "send_notification", "channel": "oops"},
            {"action_type": "send_notification", "channel": "webhook"},
        ],
        "on_timeout": [{"action_type": "send_notification", "channel": "email"}],
    }
    project = {**PROJECT, "owners": {"x": "chatt/y"}, "default_channel": "opps"}
    documents = {
        DocId(1): Document("project", "project", project),
        DocId(2): Document("rule", "both_ready", rule),
    }

    found = {(one.kind, one.path): one for one in engine.check(documents)}

    assert all(isinstance(one, Finding) and one.warning for one in found.values())
    assert set(found) == {
        ("project", ("channels", "chat", "type")),
        ("project", ("default_channel",)),
        ("project", ("owners", "x")),
        ("rule", ("actions", 1, "channel")),
        ("rule", ("on_timeout", 0, "channel")),
    }
    assert found["project", ("default_channel",)].fix == 'did you mean "ops"?'
