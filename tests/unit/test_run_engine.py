from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from tidegate.adapters.tasks.spawned import text_of
from tidegate.adapters.tasks.spawner import Stream
from tidegate.kernel.clock import HOUR_US, MINUTE_US, NO_DAY, Instant, parse_day, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import RequestRun, StartRun, Tell
from tidegate.kernel.retry import RetryPolicy
from tidegate.kernel.step import CallTask, Document, Done, Engine, Failed, Key, Outcome, Refusal
from tidegate.kernel.value import canonical
from tidegate.run import engine
from tidegate.run.document import DOCUMENT, JobDocument
from tidegate.run.execution import (
    HEAD_MAX,
    OUTPUT_MAX,
    PAYLOAD_MAX,
    Execution,
    Status,
    at_rest,
    fold,
)
from tidegate.run.orders import StopExecution
from tidegate.services.judging import check_files
from tidegate.testing.driver import Driver, Ear, refusal

NOON, _ = parse_instant("2024-01-15T12:00:00Z")
DAY = parse_day("2024-01-15")
KEY = Key("execution", DAY, "report", "r1")
ID = "report~~2024-01-15~~r1"
REPORT: dict[str, Json] = {
    "kind": "command",
    "target": ["python", "daily.py", "--date", "${business_date}"],
    "parameters": {"mode": "full"},
    "owner": "data_team",
    "timeout": "2h",
}
RETRY = {"max_attempts": 3, "delay_minutes": 30, "backoff_multiplier": 2}


class Floor:
    """The engine with somebody to its right who is told."""

    def __init__(self, **changes: Json) -> None:
        self.watch = Ear(Tell)
        self.driver = Driver([engine, self.watch], NOON)
        self.follow(**changes)

    def follow(self, **changes: Json) -> None:
        self.driver.follow({("job", "report"): {**REPORT, **changes}})
        self.driver.settle()

    def start(self, day: Any = DAY, **more: Any) -> None:
        more.setdefault("correlation_id", "c1")
        request = RequestRun(job="report", request="r1", day=day, **more)
        self.driver.give(StartRun(request=request, trigger="r1", admitted_at=NOON))

    def fail(self, error: str = "Tidegate.CommandFailed", cause: str = "exit code 1") -> None:
        self.driver.finish(KEY, Failed(error, cause))

    def at(self, minutes: float) -> None:
        self.driver.advance(Instant(NOON + int(minutes * MINUTE_US)))

    @property
    def execution(self) -> Execution:
        return self.driver.state(KEY, Execution)

    @property
    def task(self) -> CallTask:
        (effect,) = self.driver.effects.values()
        assert isinstance(effect, CallTask)
        return effect


def ended(driver: Driver) -> list[str]:
    return [one for one in driver.types() if not one.endswith((".started", ".retrying"))]


# ---- the shape
def test_the_module_is_an_engine() -> None:
    seated: Engine[engine.Book] = engine

    assert seated.name == "run"
    assert seated.orders == (StartRun, StopExecution)


# ---- starting
def test_a_start_calls_the_task_with_everything_it_needs() -> None:
    floor = Floor()

    floor.start(parameters={"sla_minutes": 120}, process="daily")

    task = floor.task
    assert (task.call, task.resource, task.timeout_s) == (
        "Task.1.1", "arn:tidegate:states:::command:run", 7200,
    )  # fmt: skip
    assert task.payload == {
        "command": ["python", "daily.py", "--date", "2024-01-15"],
        "env": {
            "TIDEGATE_JOB": "report",
            "TIDEGATE_EXECUTION": ID,
            "TIDEGATE_ATTEMPT": "1",
        },
        "parameters": {"mode": "full", "sla_minutes": 120},
        "business_date": "2024-01-15",
        "correlation_id": "c1",
    }
    assert floor.execution.status == Status.RUNNING
    (said,) = floor.driver.said
    assert (said.type, said.subject, said.context_id) == ("tidegate.run.started", ID, "c1")
    assert said.data == {
        "job": "report",
        "execution": ID,
        "trigger": "r1",
        "business_date": "2024-01-15",
        "round": 1,
        "correlation_id": "c1",
        "attempts": 1,
        "seconds": 0.0,
        "process": "daily",
        "owner": "data_team",
        "origin": "person",
        "priority": "normal",
    }


def test_a_second_start_of_the_same_trigger_starts_nothing() -> None:
    floor = Floor()
    floor.start()

    floor.start()

    assert len(floor.driver.effects) == 1
    assert floor.driver.types() == ["tidegate.run.started"]


def test_a_start_of_an_unknown_job_is_refused() -> None:
    driver = Driver([engine], NOON)
    request = RequestRun(job="report", request="r1")

    (answer,) = driver.give(StartRun(request=request, trigger="r1", admitted_at=NOON))

    assert isinstance(answer, Refusal)
    assert answer.code == "job.unknown"


def test_a_requests_parameter_goes_before_the_jobs() -> None:
    floor = Floor()

    floor.start(parameters={"mode": "delta"})

    assert floor.execution.parameters == {"mode": "delta"}


def test_a_function_is_given_the_parameters_as_its_arguments() -> None:
    floor = Floor(
        kind="python", target="functions.daily:load", parameters={"date": "${ds}", "n": 3}
    )

    floor.start(parameters={"mode": "${ds}"})

    assert floor.task.resource == "arn:tidegate:states:::python:call"
    assert floor.task.payload == {
        "function": "functions.daily:load",
        "arguments": {"date": "2024-01-15", "n": 3, "mode": "${ds}"},
    }


def test_a_request_carries_what_it_is_about_unless_its_document_writes_a_body() -> None:
    http = {"kind": "http", "target": "https://x.example/${job}", "headers": {"X-N": "${attempt}"}}
    plain, written = Floor(**http), Floor(**http, method="PUT", body={"date": "${ds}"})

    plain.start(parameters={"n": 1})
    written.start()

    assert plain.task.payload == {
        "method": "POST",
        "url": "https://x.example/report",
        "headers": {"X-N": "1"},
        "timeout": 7200.0,
        "body": {
            "job": "report",
            "execution": ID,
            "attempt": 1,
            "business_date": "2024-01-15",
            "correlation_id": "c1",
            "parameters": {"mode": "full", "n": 1},
        },
    }
    assert written.task.payload["method"] == "PUT"
    assert written.task.payload["body"] == {"date": "2024-01-15"}


def test_a_get_has_no_body() -> None:
    floor = Floor(kind="http", target="https://x.example", method="GET")

    floor.start()

    assert "body" not in floor.task.payload


def test_a_command_as_text_without_holes_goes_to_a_shell_as_it_is() -> None:
    floor = Floor(
        target="load.sh | gzip > $${OUT}",
        cwd="in/${ds}",
        stdin="x",
        environment={"N": "${attempt}"},
    )

    floor.start()

    payload = floor.task.payload
    assert payload["command"] == "load.sh | gzip > ${OUT}"
    assert (payload["cwd"], payload["stdin"], payload["env"]["N"]) == ("in/2024-01-15", "x", "1")


def test_values_of_a_run_never_reach_a_shell() -> None:
    floor = Floor(target="load.sh '--table=${parameters.table}' ${parameters['and more']}")

    floor.start(parameters={"table": "x; rm -rf /", "and more": ["a b", 1]})

    assert floor.task.payload["command"] == ["load.sh", "--table=x; rm -rf /", "a b,1"]


def test_values_of_a_request_are_no_templates() -> None:
    floor = Floor(target=["echo", "${parameters.text}"])

    floor.start(parameters={"text": "${correlation_id}"})

    assert floor.task.payload["command"] == ["echo", "${correlation_id}"]


def test_a_job_that_cannot_be_filled_in_fails_at_once_and_says_what_is_missing() -> None:
    floor = Floor(retry=RETRY)

    floor.start(day=NO_DAY)

    key = Key("execution", NO_DAY, "report", "r1")
    execution = floor.driver.state(key, Execution)
    assert (execution.status, execution.error) == (Status.FAILED, "Tidegate.TemplateFailed")
    assert "business_date is missing" in execution.cause
    assert floor.driver.effects == {}
    assert floor.driver.types() == ["tidegate.run.started", "tidegate.run.failed"]
    assert len(floor.watch.heard) == 1


def test_parameters_that_cannot_be_filled_in_fail_too() -> None:
    floor = Floor(parameters={"n": "${parameters.missing}"})

    floor.start()

    assert floor.execution.status == Status.FAILED
    assert fold(floor.driver.journal[KEY]) == floor.execution


# ---- ending
def test_a_task_that_is_done_ends_the_run_well() -> None:
    floor = Floor()
    floor.start()
    floor.driver.now = Instant(NOON + 90_000_000)

    floor.driver.finish(KEY, Done({"rows": 5}))

    assert (floor.execution.status, floor.execution.output) == (Status.SUCCEEDED, {"rows": 5})
    assert ended(floor.driver) == ["tidegate.run.succeeded"]
    assert floor.driver.said[-1].data["seconds"] == 90.0
    assert "error" not in floor.driver.said[-1].data
    assert floor.watch.heard == []


def test_without_a_policy_there_is_one_attempt_and_the_owner_is_told() -> None:
    floor = Floor()
    floor.start(parameters={"table": "orders"})

    floor.fail()

    assert floor.execution.status == Status.FAILED
    assert ended(floor.driver) == ["tidegate.run.failed"]
    assert floor.driver.said[-1].data["error"] == "Tidegate.CommandFailed"
    assert floor.driver.said[-1].data["cause"] == "exit code 1"
    (told,) = floor.watch.heard
    assert (told.notice, told.channel, told.receiver, told.severity) == (
        f"run.failed/{ID}/1", "", "data_team", "critical",
    )  # fmt: skip
    assert told.message == (
        "report for 2024-01-15 failed after 1 attempt: Tidegate.CommandFailed: exit code 1. "
        f"Look with `tidegate run show {ID}`, "
        f"start it again with `tidegate trigger send --again {ID}`."
    )
    assert (told.day, told.correlation_id) == (DAY, "c1")
    assert told.data["parameters"] == {"mode": "full", "table": "orders"}


def test_the_printed_policy_tries_at_0_30_and_90_minutes() -> None:
    floor = Floor(retry=RETRY)
    tries: list[int] = []

    floor.start()
    while floor.execution.status not in (Status.FAILED, Status.SUCCEEDED):
        if floor.driver.effects:
            tries.append((floor.driver.now - NOON) // MINUTE_US)
            floor.fail()
        else:
            floor.driver.advance(floor.execution.wake_at or NOON)

    assert tries == [0, 30, 90]
    assert floor.driver.types() == [
        "tidegate.run.started", "tidegate.run.retrying", "tidegate.run.retrying",
        "tidegate.run.failed",
    ]  # fmt: skip
    assert floor.driver.said[1].data["retry_at"] == "2024-01-15T12:30:00Z"
    assert floor.driver.said[-1].data["attempts"] == 3
    assert len(floor.watch.heard) == 1
    assert "after 3 attempts" in floor.watch.heard[0].message


def test_every_attempt_is_a_call_of_its_own() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()

    floor.at(30)

    assert floor.task.call == "Task.1.2"
    assert floor.task.payload["env"]["TIDEGATE_ATTEMPT"] == "2"
    assert floor.execution.status == Status.RUNNING


def test_a_later_attempt_that_succeeds_ends_the_run_well() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()
    floor.at(30)

    floor.driver.finish(KEY, Done())

    assert ended(floor.driver) == ["tidegate.run.succeeded"]
    assert floor.driver.said[-1].data["attempts"] == 2
    assert floor.watch.heard == []


def test_the_policy_of_the_request_goes_before_the_jobs() -> None:
    floor = Floor(retry=RETRY)
    floor.start(retry=RetryPolicy(attempts_max=2, delay_us=0))

    floor.fail()
    floor.driver.settle()
    floor.fail()

    assert (floor.execution.status, floor.execution.attempt) == (Status.FAILED, 2)


def test_a_run_that_ends_with_a_timeout_has_timed_out() -> None:
    floor = Floor()
    floor.start()

    floor.fail("States.Timeout", "no end after 7200 s")

    assert floor.execution.status == Status.TIMED_OUT >= 100
    assert ended(floor.driver) == ["tidegate.run.timed_out"]
    assert floor.watch.heard[0].notice == f"run.timed_out/{ID}/1"


def test_all_attempts_together_may_be_bounded() -> None:
    floor = Floor(retry=RETRY, execution_timeout="3h", timeout="1h")
    floor.start()
    floor.fail()
    floor.at(30)

    floor.at(179)
    before = floor.execution.status
    floor.at(180)

    assert (before, floor.execution.status) == (Status.RUNNING, Status.TIMED_OUT)
    assert floor.driver.effects == {}, "the task is stopped"
    assert ended(floor.driver) == ["tidegate.run.timed_out"]


def test_the_bound_ends_a_wait_for_the_next_attempt_as_well() -> None:
    floor = Floor(retry=RETRY, execution_timeout="20m", timeout="10m")
    floor.start()
    floor.fail()

    floor.at(20)

    assert floor.execution.status == Status.TIMED_OUT
    assert fold(floor.driver.journal[KEY]) == floor.execution


def test_an_outcome_of_an_attempt_that_is_over_changes_nothing() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()
    before = floor.execution
    floor.driver.effects[KEY, "Task.1.1"] = CallTask(call="Task.1.1", resource="", timeout_s=1)

    floor.driver.give(Outcome(KEY, "Task.1.1", Done()))

    assert floor.execution == before


def test_an_outcome_of_an_old_attempt_does_not_end_the_one_that_runs() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()
    floor.at(30)
    before = floor.execution
    floor.driver.effects[KEY, "Task.1.1"] = CallTask(call="Task.1.1", resource="", timeout_s=1)

    floor.driver.give(Outcome(KEY, "Task.1.1", Done()))

    assert (before.status, before.attempt) == (Status.RUNNING, 2)
    assert floor.execution == before


def test_what_a_stopped_task_had_written_comes_after_the_end_of_its_run() -> None:
    floor = Floor()
    floor.start()
    floor.driver.give(StopExecution(execution=ID), actor="ann")
    words = Failed("Tidegate.Stopped", "ended on request; it wrote nothing")
    said = len(floor.driver.said)

    for result in (Done(), Failed("Tidegate.CommandFailed", "late"), words):
        floor.driver.effects[KEY, "Task.1.1"] = CallTask(call="Task.1.1", resource="", timeout_s=1)
        floor.driver.give(Outcome(KEY, "Task.1.1", result, starts=2))

    assert floor.execution.status == Status.ABORTED
    assert floor.execution.cause.endswith("; ended on request; it wrote nothing")
    assert floor.execution.starts == 2
    assert len(floor.driver.said) == said
    assert fold(floor.driver.journal[KEY]) == floor.execution


def test_what_a_task_had_written_that_its_run_outlasted_is_kept_too() -> None:
    floor = Floor(execution_timeout="20m", timeout="10m")
    floor.start()
    floor.at(20)

    words = Failed("Tidegate.Stopped", "ended on request; the end of its stdout:\nhalf")
    floor.driver.effects[KEY, "Task.1.1"] = CallTask(call="Task.1.1", resource="", timeout_s=1)
    floor.driver.give(Outcome(KEY, "Task.1.1", words))

    assert floor.execution.status == Status.TIMED_OUT
    assert floor.execution.cause == f"its execution_timeout has passed; {words.cause}"


def test_a_wake_for_nothing_leaves_the_limit_of_time() -> None:
    execution = Execution(status=Status.RUNNING, deadline=Instant(5), wake_at=Instant(3))

    assert at_rest(execution).wake_at == 5
    assert at_rest(replace(execution, status=Status.SUCCEEDED)).wake_at is None


# ---- stopping
def test_a_person_can_stop_what_runs() -> None:
    floor = Floor(retry=RETRY)
    floor.start()

    (reply,) = floor.driver.give(StopExecution(execution=ID, reason="wrong date"), actor="ann")

    assert reply == {"execution_id": ID, "job": "report", "status": "aborted"}
    assert (floor.execution.status, floor.driver.effects) == (Status.ABORTED, {})
    assert ended(floor.driver) == ["tidegate.run.aborted"]
    assert floor.driver.said[-1].data["cause"] == "stopped by ann: wrong date"
    assert floor.driver.said[-1].data["owner"] == "data_team"
    assert floor.watch.heard == [], "whoever stopped it knows"


def test_a_person_can_stop_what_waits_for_its_next_attempt() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()

    floor.driver.give(StopExecution(execution=ID), actor="ann", reason="enough")
    floor.at(600)

    assert floor.execution.status == Status.ABORTED
    assert floor.execution.cause == "stopped by ann: enough"
    assert floor.driver.effects == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ID, "execution.state"), ("report~~-~~r1", "execution.unknown"), ("", "execution.unknown"),
        ("report~~2024-01-15~~a~2Fb", "execution.unknown"),
    ],
)  # fmt: skip
def test_what_does_not_run_cannot_be_stopped(text: str, code: str) -> None:
    floor = Floor()
    floor.start()
    floor.driver.finish(KEY)

    (answer,) = floor.driver.give(StopExecution(execution=text), actor="ann")

    assert refusal(answer).code == code


# ---- documents that change
def test_an_edit_does_not_touch_a_run() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()

    floor.follow(target=["other"], retry=None, timeout="1m", parameters={})
    floor.at(30)

    assert floor.task.payload["command"][0] == "python"
    assert floor.task.payload["parameters"] == {"mode": "full"}
    assert floor.task.timeout_s == 7200


# ---- bounds
def test_a_long_output_never_fails_work_that_succeeded() -> None:
    floor = Floor()
    floor.start()

    floor.driver.finish(KEY, Done({"text": "x" * OUTPUT_MAX}))

    assert floor.execution.status == Status.SUCCEEDED
    whole = OUTPUT_MAX + len('{"text":""}')
    assert floor.execution.output["tidegate_omitted_bytes"] == whole - HEAD_MAX
    assert len(floor.execution.output["head"]) == HEAD_MAX


def seq(last: int) -> str:
    return "".join(f"{number}\n" for number in range(1, last + 1))


@pytest.mark.parametrize("last", [20_000, 50_000, 500_000])
def test_of_a_command_that_wrote_much_both_ends_are_kept(last: int) -> None:
    raw = seq(last).encode()
    kept = len(raw) if len(raw) < 1024 * 1024 else 512 * 1024
    written = text_of(Stream(raw[:kept], raw[kept:][-kept:], len(raw)))
    floor = Floor()
    floor.start()

    floor.driver.finish(KEY, Done({"exit_code": 0, "stdout": written, "stderr": "two lines"}))

    output = floor.execution.output
    assert output["stdout"].startswith("1\n2\n3\n")
    assert output["stdout"].endswith(f"{last - 1}\n{last}\n")
    assert output["stdout"].count("cut here") == 1
    assert f"cut here; {len(raw)} bytes were written in all" in output["stdout"]
    assert (output["exit_code"], output["stderr"]) == (0, "two lines")
    assert 20_000 < len(canonical(output)) <= OUTPUT_MAX


def test_a_long_document_a_command_wrote_is_kept_once() -> None:
    document = "[" + ",".join(["1234567"] * 6000) + "]"
    floor = Floor()
    floor.start()

    floor.driver.finish(KEY, Done({"stdout": document, "stderr": "", "result": [1234567] * 6000}))

    output = floor.execution.output
    assert output["stdout"] == document
    assert output["result"]["tidegate_omitted_bytes"] == len(document) - HEAD_MAX


def test_what_a_function_printed_gives_way_to_what_it_returned() -> None:
    floor = Floor()
    floor.start()

    floor.driver.finish(KEY, Done({"result": {"rows": 3}, "printed": "y" * OUTPUT_MAX + "end"}))

    assert floor.execution.output["result"] == {"rows": 3}
    assert floor.execution.output["printed"].endswith("yend")


def test_a_task_that_would_be_given_too_much_fails_and_says_so() -> None:
    floor = Floor(retry=RETRY)

    floor.start(parameters={"text": "x" * PAYLOAD_MAX})

    assert (floor.execution.status, floor.execution.error) == (
        Status.FAILED, "States.DataLimitExceeded",
    )  # fmt: skip
    assert "pass where the data is" in floor.execution.cause
    assert floor.driver.effects == {}
    assert "tidegate_omitted_bytes" in floor.watch.heard[0].data["parameters"]
    assert fold(floor.driver.journal[KEY]) == floor.execution


def test_a_long_cause_says_how_much_is_left_out() -> None:
    floor = Floor()
    floor.start()

    floor.fail(cause="x" * (HEAD_MAX + 9))

    assert floor.execution.cause.endswith("x... (9 more characters)")


# ---- explaining
def test_explain_says_where_a_run_stands_and_what_is_next() -> None:
    floor = Floor(retry=RETRY)
    floor.start()
    floor.fail()

    told = floor.driver.explain(engine, KEY)

    assert told.status == "retrying"
    assert told.sentence == (
        "report for 2024-01-15 failed in attempt 1 of 3 (Tidegate.CommandFailed: exit code 1) "
        "and is tried again."
    )
    assert (told.next_at, told.next_what) == (NOON + HOUR_US // 2, "attempt 2 of 3")
    assert [one.verdict for one in told.clauses] == ["waiting", "met"]


def test_explain_of_every_end() -> None:
    running, done, failed = Floor(), Floor(), Floor()
    for floor in (running, done, failed):
        floor.start()
    done.driver.now = Instant(NOON + MINUTE_US)
    done.driver.finish(KEY)
    failed.fail()

    sentences = [one.driver.explain(engine, KEY).sentence for one in (running, done, failed)]

    assert sentences == [
        "report for 2024-01-15 runs since 2024-01-15T12:00:00Z, attempt 1 of 1.",
        "report for 2024-01-15 succeeded after 1m, in attempt 1 of 1.",
        "report for 2024-01-15 failed after 0s, in attempt 1 of 1: "
        "Tidegate.CommandFailed: exit code 1.",
    ]
    unknown = running.driver.explain(engine, Key("execution", DAY, "report", "r2"))
    assert unknown.status == "unknown"


@pytest.mark.parametrize(
    ("minutes", "ends", "verdict", "text"),
    [
        (29, False, "waiting", "done within its SLA of 30m, by 2024-01-15T12:30:00Z"),
        (31, False, "not_met", "done within its SLA of 30m, by 2024-01-15T12:30:00Z: 1m too late"),
        (30, True, "met", "done within its SLA of 30m, by 2024-01-15T12:30:00Z"),
        (45, True, "not_met", "done within its SLA of 30m, by 2024-01-15T12:30:00Z: 15m too late"),
    ],
)
def test_explain_says_whether_a_run_keeps_its_sla(
    minutes: int, ends: bool, verdict: str, text: str
) -> None:
    floor = Floor()
    floor.start(sla_minutes=30, sla_from=NOON)
    floor.at(minutes)
    if ends:
        floor.driver.finish(KEY, Done())
        floor.at(90)

    clause = floor.driver.explain(engine, KEY).clauses[-1]

    assert (clause.verdict, clause.text) == (verdict, text)


# ---- documents
def faults(**changes: Json) -> list[tuple[tuple[str | int, ...], str]]:
    body = {name: one for name, one in {**REPORT, **changes}.items() if one is not ...}
    with pytest.raises(ValidationError) as caught:
        JobDocument.model_validate(body)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"kind": "glue"}, "kind", 'no jobs of kind "glue"|write one of command, python, http'),
        ({"kind": "pyhton", "target": "a:b"}, "kind", 'did you mean "python"?'),
        ({"target": ...}, "target", "Field required"),
        ({"target": []}, "target", "at least 1"),
        ({"target": "  "}, "target", "empty"),
        ({"target": "load ${parameters.t} | gzip"}, "target", "needs one|use the variables"),
        ({"target": "load ${parameters.t} $HOME"}, "target", "needs one|use the variables"),
        ({"target": "load '${parameters.t}"}, "target", "cannot be cut into words"),
        ({"target": "echo ${HOME}"}, "target", "HOME"),
        ({"kind": "python", "target": "load.py"}, "target", "write module:function"),
        ({"kind": "python", "target": ["a:b"]}, "target", "only a command is a list"),
        ({"kind": "http", "target": "x.example"}, "target", "write https://"),
        ({"parameters": {"a": ["${nonsense("]}}, "parameters", ""),
        ({"method": "GET"}, "method", "only a job of kind http"),
        ({"kind": "python", "target": "a:b", "cwd": "x"}, "cwd", "only a job of kind command"),
        ({"timeout": "2 hours"}, "timeout", "write 2h"),
        ({"timeout": "10ms"}, "timeout", "at least 1s"),
        ({"category": "other"}, "category", ""),
        ({"step": "report-generatoin"}, "step", 'did you mean "report-generation"?'),
        ({"category": "output", "step": "data-enrichment"}, "step", "no step of output"),
        ({"retry": {"max_attempts": 0}}, "retry", "greater than or equal to 1"),
        ({"retry": {"attempts": 2}}, "retry", "Extra inputs"),
        ({"colour": "red"}, "colour", "Extra inputs"),
    ],
)
def test_a_job_that_cannot_work_is_a_fault_where_it_is(
    changes: Mapping[str, Json], where: str, what: str
) -> None:
    found = faults(**changes)

    assert {loc[0] if loc else "" for loc, _ in found} == {where}
    assert any(what in message for _, message in found), found


def test_all_attempts_together_take_no_less_than_one() -> None:
    written = msgspec.json.encode({"report": {**REPORT, "execution_timeout": "1h"}})

    project = check_files({"jobs/all.json": written}, [DOCUMENT])

    assert [one.fix for one in project.faults] == ["make it at least 2h"]


def test_every_printed_category_has_its_four_steps() -> None:
    for category, step in (("ingestion", "duplicate-detection"), ("output", "report-generation")):
        authored = JobDocument.model_validate({**REPORT, "category": category, "step": step})
        assert authored.step == step


def test_several_jobs_stand_in_one_file() -> None:
    (kind,) = engine.documents

    assert list(kind.entries({"a": 1, "b": 2})) == [("a", 1, ("a",)), ("b", 2, ("b",))]
    assert list(kind.entries(["a"])) == [("", ["a"], ())]


def test_check_finds_bad_names_and_warns_of_pools() -> None:
    documents = {
        DocId(1): Document("job", "daily report", REPORT),
        DocId(2): Document("job", "load", {**REPORT, "pool": "big"}),
        DocId(3): Document("job", "old/one", REPORT, active=False),
    }

    found = list(engine.check(documents))

    assert [(one.name, one.path, one.warning) for one in found] == [
        ("daily report", (), False),
        ("load", ("pool",), True),
    ]
