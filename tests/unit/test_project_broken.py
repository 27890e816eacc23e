"""`tidegate check` on documents that have faults: all of them at once, and no false ones after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.kernel.errors import InputError
from tidegate.services.documents import check_project
from tidegate.services.workplace import started_from
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


# ---- folders
def test_a_folder_that_jobs_start_from_is_not_warned_of(tmp_path: Path) -> None:
    for name in ("functions", "archive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "load.py").write_text("def main(): ...\n")
    jobs = "load: {kind: python, target: functions.load:main}\n"

    project = checked(tmp_path, jobs__all=jobs)

    assert [one.headline() for one in project.warnings] == [
        "archive: warning: this folder is not read by this version; "
        "fix: what lies here has no effect yet; a job may start it"
    ]


def test_a_script_or_a_working_folder_is_started_from_its_folder_too() -> None:
    bodies = [{"target": "python ./functions/load.py"}, {"cwd": "sources", "target": ["sh", "x"]}]

    assert started_from("functions", bodies)
    assert started_from("sources", bodies)
    assert not started_from("archive", bodies)
    assert not started_from(
        "functions", [{"target": "my-functions/a.py"}, {"target": "functions2.a:b"}]
    )


def test_a_folder_whose_name_is_nearly_right_is_named_where_there_is_no_project(
    tmp_path: Path,
) -> None:
    (tmp_path / "rule").mkdir()
    (tmp_path / "rule" / "daily.yaml").write_text(TWO)

    with pytest.raises(InputError) as caught:
        check_project(tmp_path)

    assert caught.value.code == "project.missing"
    assert caught.value.fix.startswith("did you mean rules/ by rule/?")
