"""`tidegate check` tells what stands behind a fault as well, and nothing that only follows from one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.kernel.fault import Fault
from tidegate.services.judging import READINGS_MAX
from tidegate.services.project import Project
from tidegate.testing.checked import DATED, TWO, checked, told

START = "actions: [{action_type: trigger_job, job_name: %s}]\n"


def found(project: Project) -> list[str]:
    """Files with line and column, and what is wrong, up to the first comma or colon."""
    return [said(one) for one in (*project.faults, *project.warnings)]


def said(fault: Fault) -> str:
    what = fault.what.partition(":")[0].partition(",")[0]
    return f"{fault.file}:{fault.line}:{fault.column} {what}"


def test_every_mistake_of_a_project_is_told_in_the_first_go(tmp_path: Path) -> None:
    project = checked(
        tmp_path,
        tidegate=(
            "channels:\n  ops: {type: webhok, url: https://a.example}\n"
            "default_channel: nowhere\nowners: {a: pager/x}\n"
        ),
        jobs__all=(
            "report:\n  kind: comand\n  target: ['true']\n"
            "cmd: {kind: command, target: ['true'], timeout: soon, cwd: ../../etc}\n"
            "report:\n  kind: command\n  target: ['true']\n"
        ),
        rules__daily=(
            "rule_name: daily\nownr: a\nconditions:\n- {dataset: orders, name: orders}\n"
            "- {dataset: stock, name: orders}\nactions:\n"
            "- {action_type: trigger_job, job_name: undefined_job}\n"
            "- {action_type: send_notification, channel: slackk, message: '${x'}\n"
        ),
        calendars__all=(
            "name: corp\nbased_on: corp\n---\nname: c1\nbased_on: c2\n---\nname: c2\nbased_on: c1\n"
            "---\nname: shut\nweekdays: []\nholidays: [2026-01-02]\nworkdays: [2026-01-02]\n"
        ),
        contexts__all=(
            "context_mapping:\n  shop:\n    source_pattern: /shop\n    calendar: nocal\n"
            "    business_date_mapping: {expression: 'business_day(time, '}\n"
            "  shop2: {source_pattern: /shop, priority_mapping: 5}\n"
        ),
        schedules__all=(
            "maintenance:\n- {start: '26:00', end: '04:00', jobs: [repotr]}\n- {start: '02:00'}\n"
        ),
    )  # fmt: skip

    assert found(project) == [
        "calendars/all.yaml:2:11 it is based on itself",
        "calendars/all.yaml:5:11 it is based on itself",
        "calendars/all.yaml:8:11 it is based on itself",
        "calendars/all.yaml:11:11 weekdays is empty",
        "calendars/all.yaml:13:11 workdays",
        'contexts/all.yaml:4:15 no calendar is called "nocal"',
        "contexts/all.yaml:5:28 1",
        "contexts/all.yaml:6:27 /shop is claimed by shop and by shop2 (contexts/all.yaml",
        "contexts/all.yaml:6:52 priority_mapping is the number 5",
        "jobs/all.yaml:2:9 kind",
        "jobs/all.yaml:4:49 timeout",
        "jobs/all.yaml:4:60 the working folder ../../etc leads out of the project",
        'jobs/all.yaml:5:1 "report" is written twice',
        'rules/daily.yaml:2:1 unknown key "ownr"',
        "rules/daily.yaml:8:65 message",
        'schedules/all.yaml:2:11 start',
        'schedules/all.yaml:2:41 no job is called "repotr"',
        "schedules/all.yaml:3:3 the window has no end",
        "tidegate.yaml:2:15 type",
        'rules/daily.yaml:5:26 conditions[0] is called "orders" as well',
        "rules/daily.yaml:7:40 no job is called 'undefined_job'",
        'rules/daily.yaml:8:45 no channel "slackk" is configured in tidegate.yaml',
        'tidegate.yaml:3:18 no channel "nowhere" is configured in tidegate.yaml',
        'tidegate.yaml:4:13 no channel "pager" is configured in tidegate.yaml',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("actoins: [{action_type: trigger_job, job_name: lod}]", ["3:48 no job is called 'lod'"]),
        ("expct: {calender: nowhere}", ['3:9 unknown key "calender"', '3:19 no calendar']),
        ("actions: [{action_typ: trigger_job, job_nam: lod}]", ["3:46 no job is called 'lod'"]),
    ],
)  # fmt: skip
def test_what_stands_under_a_misspelt_key_is_looked_at(
    tmp_path: Path, wrong: str, fault: list[str]
) -> None:
    project = checked(tmp_path, f"rule_name: daily\nconditions: [{{dataset: a}}]\n{wrong}\n")

    every = [f"{at} {what}" for at, _, what in told((*project.faults, *project.warnings))]
    assert all(any(one.startswith(wanted) for one in every) for wanted in fault), every


# ---- nothing that only follows
@pytest.mark.parametrize(
    ("rule", "jobs", "files"),
    [
        # A date that cannot be read is no date that is missing.
        (TWO + "correlation_logic: [{match_field: [business_date]},"
         " {match_field: data.region}]\nexpect: {deadline: '06:00'}\n", "", {}),
        # A parameter that cannot be read is given.
        (TWO + DATED + START % "more",
         "more: {kind: command, target: ['true', '${parameters.a}'], parameters: {a: '${x y}'}}\n", {}),
        # A condition that cannot be read may receive what is expected.
        ("rule_name: daily\nconditions: [{dataset: '= a'}, {dataset: b}]\ncorrelation_logic: "
         "[{context.validation: {expected_datasets: [a]}}]\n", "", {}),
        # A field that is asked for is known, whatever is asked.
        (TWO + "additional_conditions: [{count_of: '> > 1'}]\nactions: [{action_type: emit_event, "
         "event_type: x, data: {n: '${count_of}'}}]\n", "", {}),
        # A channel of no type is there.
        (TWO, "", {"tidegate": "channels: {ops: {type: zzz}}\ndefault_channel: ops\n"}),
        # A webhook whose address cannot be read has one.
        (TWO, "", {"tidegate": "channels: {ops: {type: webhook, url: nowhere}}\n"}),
        # A calendar whose base is unknown is there.
        (TWO + DATED + "expect: {calendar: a}\n", "", {"calendars__a": "name: a\nbased_on: zz\n"}),
        # A calendar of another reading is there.
        (TWO + DATED + "expect: {calendar: a}\n", "", {"calendars__a": "name: a\nname: b\n"}),
        # A job of which nothing can be read is there.
        (TWO + DATED + START % "lost", "lost: 5\n", {}),
        # What would be asked of a job of another kind is not asked.
        (TWO, "odd: {kind: zzz, target: [x], method: GET, cwd: y, stdin: z}\n", {}),
    ],
)  # fmt: skip
def test_a_fault_brings_no_other_with_it(
    tmp_path: Path, rule: str, jobs: str, files: dict[str, str]
) -> None:
    load = "load: {kind: command, target: ['true']}\n"

    project = checked(tmp_path, rule, jobs__all=load + jobs, **files)

    assert len((*project.faults, *project.warnings)) == 1, found(project)


def test_a_document_of_which_too_little_can_be_read_is_told_of_what_can(tmp_path: Path) -> None:
    rule = "rule_nam3: 5\nconditions: [{dataset: a, dataset_: 1}]\n" + START % "lod"

    project = checked(tmp_path, rule)

    assert "no job is called 'lod'" in " ".join(found(project))


def test_beside_a_job_of_which_nothing_can_be_read_another_is_unknown(tmp_path: Path) -> None:
    rule = TWO + DATED + START % "other"

    project = checked(tmp_path, rule, jobs__all="lost: 5\n")

    assert found(project)[1:] == ["rules/daily.yaml:6:48 no job is called 'other'"]


def test_what_comes_after_an_item_that_cannot_be_read_is_told_where_it_stands(
    tmp_path: Path,
) -> None:
    start = "{action_type: trigger_job, job_name: %s}"

    project = checked(
        tmp_path, TWO + DATED + f"actions:\n- 5\n- {start % 'load'}\n- {start % 'lod'}\n"
    )

    assert found(project) == [
        "rules/daily.yaml:7:3 actions[0] is the number 5",
        "rules/daily.yaml:9:40 no job is called 'lod'",
    ]


def test_a_calendar_on_a_circle_of_others_is_not_told_of_it(tmp_path: Path) -> None:
    circle = "name: c1\nbased_on: c2\n---\nname: c2\nbased_on: c1\n"
    beside = "---\nname: d\nbased_on: c1\n---\nname: e\nbased_on: gone\n---\nname: f\nbased_on: e\n"

    project = checked(tmp_path, calendars__all=circle + beside)

    assert [one.line for one in project.faults] == [2, 5, 11]


# ---- written twice
def test_all_of_one_name_are_looked_at_up_to_a_number_and_this_is_said(tmp_path: Path) -> None:
    jobs = [f"same: {{kind: zzz{n}, target: ['true']}}\n" for n in range(READINGS_MAX + 1)]

    few = checked(tmp_path, jobs__all="".join(jobs[1:]))
    many = checked(tmp_path, jobs__all="".join(jobs))

    kinds = [one.what for one in few.faults if "zzz" in one.what]
    assert len(kinds) == READINGS_MAX
    assert not any(one.file == "." for one in few.faults)
    assert [one.what for one in many.faults if one.file == "."] == [
        f"a key or a name is written {READINGS_MAX + 1} times: of some, faults may not be told"
    ]


def test_a_key_that_json_has_twice_is_looked_at_twice(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "more.json").write_text(
        '{"a": {"kind": "comand", "target": "true"},\n"a": {"kind": "command", "target": 5}}\n'
    )

    project = checked(tmp_path)

    assert [one.partition(" ")[0] for one in found(project)] == [
        "jobs/more.json:1:16", "jobs/more.json:2:1", "jobs/more.json:2:36",
    ]  # fmt: skip


def test_a_part_that_is_written_twice_is_looked_at_twice(tmp_path: Path) -> None:
    rule = TWO + DATED + START % "lod" + START % "laod"

    project = checked(tmp_path, rule)

    assert found(project)[1:] == [
        "rules/daily.yaml:6:48 no job is called 'lod'",
        "rules/daily.yaml:7:48 no job is called 'laod'",
    ]
