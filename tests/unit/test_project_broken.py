"""`tidegate check` on documents that have faults: all of them at once, and no false ones after them."""

from __future__ import annotations

from pathlib import Path

from tidegate.testing.checked import JOBS, TWO, checked, told

MISSPELT = (
    TWO
    + """\
corelation_logic: [{match_field: data.business_date}]
expect: {calendar: nowhere_days}
job_dependencies: [{prerequisite_job: lod}]
actions:
- {action_type: trigger_job, job_name: laod}
- {action_type: trigger_job, job_name: load, sla_minutes: soon}
"""
)


def test_a_rule_with_a_misspelt_key_is_told_of_its_unknown_calendar_and_jobs_at_once(
    tmp_path: Path,
) -> None:
    project = checked(tmp_path, MISSPELT)

    faults = told(project.faults)
    assert [at for at, _, _ in faults] == ["5:1", "6:20", "7:39", "10:59"]
    assert [code for _, code, _ in faults][1] == "calendar.unknown"
    assert faults[2][2].startswith("no job is called 'lod'")
    assert [what for _, _, what in told(project.warnings)] == [
        "no job is called 'laod': its triggers will be refused; did you mean \"load\"?"
    ]


def test_what_a_faulty_document_may_define_is_not_called_unknown(tmp_path: Path) -> None:
    jobs = JOBS + "nightly: {kind: comand, target: ['true']}\n"
    actions = "actions: [{action_type: trigger_job, job_name: %s}]\n"

    known = checked(tmp_path, TWO + actions % "nightly", jobs__all=jobs)
    unknown = checked(tmp_path, TWO + actions % "weekly", jobs__all=jobs)

    assert told(known.warnings) == []
    assert [what.partition(":")[0] for _, _, what in told(unknown.warnings)] == [
        "no job is called 'weekly'"
    ]


def test_where_names_cannot_be_read_nothing_is_called_unknown(tmp_path: Path) -> None:
    rule = TWO + "actions: [{action_type: trigger_job, job_name: weekly}]\n"

    project = checked(tmp_path, rule, jobs__all="load: {kind: command\n")

    assert told(project.warnings) == []


def test_parts_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: x\nexpect: [1]\nactions: [1, {action_type: 3}]\n"

    project = checked(tmp_path, rule + "job_dependencies: [{prerequisite_job: [x]}]\n")

    assert {at.partition(":")[0] for at, _, _ in told(project.faults)} == {"2", "3", "4", "5"}
