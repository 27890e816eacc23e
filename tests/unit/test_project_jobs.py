"""`tidegate check` on jobs: what they start, what their templates read, and who gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.testing.checked import TWO, checked, only, only_warning, told

ELSEWHERE = "; if only another machine starts this job, leave it"
START = "actions:\n- action_type: trigger_job\n  job_name: load\n"
BY_BATCH = "correlation_logic:\n- match_field: data.batch\n"


def job(text: str) -> str:
    return f"load:\n  kind: command\n{text}"


# ---- what is there to start
@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("  target: [no-such-program, -x]\n", "3:12",
         "there is no program no-such-program on PATH; install it, or write its full path"),
        ("  target: no-such-program -x | cat\n", "3:11",
         "there is no program no-such-program on PATH; install it, or write its full path"),
        ("  target: [bin/load]\n", "3:12",
         "there is no program bin/load in project/; write where it is"),
        ("  target: [/no/such/load]\n", "3:12",
         "there is no program /no/such/load; write where it is"),
        ("  target: [plain.sh]\n", "3:12",
         "there is no program plain.sh on PATH; write ./plain.sh"),
        ("  target: [./plain.sh]\n", "3:12", "./plain.sh cannot be executed; chmod +x ./plain.sh"),
        ("  target: [sh, reports/daily.sh]\n", "3:16",
         "there is no file reports/daily.sh in project/; write its path from there"),
        ("  target: sh reports/daily.sh ${business_date}\n", "3:14",
         "there is no file reports/daily.sh in project/; write its path from there"),
        ("  target: ['true']\n  cwd: nowhere\n", "4:8",
         "there is no folder nowhere in the project; make it"),
    ],
)  # fmt: skip
def test_what_is_not_there_to_start_is_a_warning(
    tmp_path: Path, text: str, at: str, message: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "plain.sh").write_text("true\n")

    warning = only_warning(checked(project, jobs__all=job(text)))

    assert warning == (at, "document.invalid", f"{message}{ELSEWHERE}")


@pytest.mark.parametrize(
    "text",
    [
        "  target: ['true']\n",
        "  target: cd bin && ./load\n",
        "  target: for one in *; do no-such-program $one; done\n",
        "  target: [./load.sh]\n",
        "  target: [load.sh]\n  cwd: bin\n  environment: {PATH: bin}\n",
        "  target: [sh, load.sh]\n",
        "  target: [sh, only.sh]\n  cwd: bin\n",
        "  target: [sh, -c, no-such-program]\n",
        "  target: ['${parameters.program}', x]\n",
        "  target: [./anything]\n  cwd: '${parameters.where}'\n",
        "  target: VARIABLE=1 no-such-program\n",
    ],
)
def test_what_is_there_or_cannot_be_known_is_nothing_to_speak_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "only.sh").touch()
    (tmp_path / "load.sh").touch(0o755)

    project = checked(tmp_path, jobs__all=job(text))

    assert told((*project.faults, *project.warnings)) == []


def test_a_working_folder_outside_the_project_is_a_fault(tmp_path: Path) -> None:
    fault = only(checked(tmp_path, jobs__all=job("  target: ['true']\n  cwd: ../other\n")))

    assert fault == (
        "4:8",
        "document.invalid",
        "the working folder ../other leads out of the project, where no job is started; "
        "write a folder below the project",
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:run",
         "there is no module no_such_module in the project, and none is installed; "
         "write no_such_module.py, or install it"),
        ("functions.chekcs:run",
         "there is no file functions/chekcs.py in project/; "
         "write functions/chekcs.py, or name another module"),
    ],
)  # fmt: skip
def test_a_function_of_no_module_is_a_warning(tmp_path: Path, target: str, message: str) -> None:
    project = tmp_path / "project"
    (project / "functions").mkdir(parents=True)
    (project / "functions" / "checks.py").write_text("raise SystemExit('nobody imports me')\n")

    found = checked(project, jobs__all=f"load: {{kind: python, target: '{target}'}}\n")

    (at, _, what) = next(one for one in told(found.warnings) if one[0] != "0:0")
    assert (at, what) == ("1:31", f"{message}{ELSEWHERE}")


@pytest.mark.parametrize("target", ["json:loads", "functions.checks:run", "own:run"])
def test_a_function_of_a_module_that_is_there_is_found(tmp_path: Path, target: str) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "checks.py").write_text(
        "raise SystemExit('nobody imports me')\ndef run(): ...\n"
    )
    (tmp_path / "own.py").write_text("run = print\n")

    found = checked(tmp_path, jobs__all=f"load: {{kind: python, target: '{target}'}}\n")

    assert [one for one in told(found.warnings) if one[0] != "0:0"] == []


SOURCE = """\
import json, os.path as paths
from datetime import date as day
raise SystemExit('nobody imports me')

def load(): ...

class Report:
    def daily(self): ...

class Grown(Report): ...

if True:
    def weekly(): ...
made, (other, *rest) = 1, (2, 3)
for one in (): ...
with open("x") as opened: ...
[(kept := n) for n in ()]

def fill(first=(written := 1)):
    global filled
    filled, inner = 1, 2
"""


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("lod", "no lod; write fn.mod:load"),
        ("nofunc", "no nofunc; define nofunc there"),
        ("inner", "no inner; define inner there"),
        ("daily", "no daily; write fn.mod:day"),
        ("n", "no n; define n there"),
        ("Report.dayly", "no Report.dayly; write fn.mod:Report.daily"),
        ("Report.made", "no Report.made; define made there"),
    ],
)
def test_a_function_its_module_surely_lacks_is_a_warning(
    tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "mod.py").write_text(SOURCE)

    found = checked(tmp_path, jobs__all=f"load: {{kind: python, target: 'fn.mod:{path}'}}\n")

    assert told(found.warnings)[-1] == (
        "1:31",
        "document.invalid",
        f"fn/mod.py has {message}{ELSEWHERE}",
    )


@pytest.mark.parametrize(
    "path",
    ["load", "json", "paths", "day", "Report.daily", "Report.__init__", "Grown.yearly", "weekly",
     "made", "other", "rest", "one", "opened", "kept", "written", "filled", "load.cache_clear"],
)  # fmt: skip
def test_a_function_its_module_may_have_is_nothing_to_speak_of(tmp_path: Path, path: str) -> None:
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "mod.py").write_text(SOURCE)

    found = checked(tmp_path, jobs__all=f"load: {{kind: python, target: 'fn.mod:{path}'}}\n")

    assert [one for one in told(found.warnings) if one[0] != "0:0"] == []


@pytest.mark.parametrize(
    "line",
    ["from os.path import *", "globals()['run'] = print", "def __getattr__(name): return print",
     "import sys\nsys.modules[__name__].run = print", "exec('run = print')"],
)  # fmt: skip
def test_of_a_module_that_fills_itself_nothing_is_certain(tmp_path: Path, line: str) -> None:
    (tmp_path / "mod.py").write_text(f"{line}\n")

    found = checked(tmp_path, jobs__all="load: {kind: python, target: 'mod:run'}\n")

    assert [one for one in told(found.warnings) if one[0] != "0:0"] == []


def test_a_module_that_is_no_python_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("def load():\n    return (\n")

    found = checked(tmp_path, jobs__all="load: {kind: python, target: 'mod:load'}\n")

    assert told(found.warnings)[-1][2] == (
        f"mod.py is no Python: '(' was never closed (line 2); mend it{ELSEWHERE}"
    )


def test_a_packages_own_modules_are_among_its_names(tmp_path: Path) -> None:
    (tmp_path / "fn" / "sub").mkdir(parents=True)
    (tmp_path / "fn" / "__init__.py").write_text("def load(): ...\n")
    (tmp_path / "fn" / "mod.py").touch()
    jobs = "a: {kind: python, target: 'fn:%s'}\n"

    sound = [checked(tmp_path, jobs__all=jobs % name) for name in ("load", "mod.run", "sub.run")]
    wrong = checked(tmp_path, jobs__all=jobs % "run")

    assert [told(one.warnings)[1:] for one in sound] == [[], [], []]
    assert told(wrong.warnings)[-1][2].startswith("fn/__init__.py has no run")


def test_a_function_an_installed_module_surely_lacks_is_a_warning(tmp_path: Path) -> None:
    jobs = "load: {kind: python, target: '%s'}\n"

    wrong = checked(tmp_path, jobs__all=jobs % "json.decoder:JSONDecode")
    sound = [
        checked(tmp_path, jobs__all=jobs % target)
        for target in ("json:dumps", "sys:nothing", "json.decoder:JSONDecoder", "math:nothing")
    ]

    assert told(wrong.warnings)[0][2] == (
        "the installed module json.decoder has no JSONDecode; "
        f"write json.decoder:JSONDecoder{ELSEWHERE}"
    )
    assert [told(one.warnings) for one in sound] == [[], [], [], []]


# ---- times
@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("60", "60 has no unit; write 60s, 60m or 60h"),
        ("'60'", "60 has no unit; write 60s, 60m or 60h"),
        ("2 hours", "'2 hours' is not a duration; write 2h"),
        ("90min", "'90min' is not a duration; write 90m"),
        ("1.5", "1.5 has no unit; write it as 1h30m"),
    ],
)
def test_a_time_without_its_unit_is_told_how_to_write_it(
    tmp_path: Path, written: str, fix: str
) -> None:
    fault = only(checked(tmp_path, jobs__all=job(f"  target: ['true']\n  timeout: {written}\n")))

    assert fault == ("4:12", "document.invalid", f"timeout: {fix}")


# ---- what templates read
def test_a_parameter_that_a_rule_does_not_give_is_a_warning(tmp_path: Path) -> None:
    target = job("  target: [echo, '${parameters.tabel}']\n")

    warning = only_warning(
        checked(tmp_path, f"{TWO}{START}  parameters: {{table: orders}}\n", jobs__all=target)
    )

    assert warning == (
        "3:21",
        "document.invalid",
        'rule daily starts this job without a parameter tabel: it fails; did you mean "table"?',
    )


def test_a_parameter_nobody_gives_is_named_once_with_where_to_write_it(tmp_path: Path) -> None:
    target = job("  target: [echo, '${parameters.mode}', '${parameters.mode}']\n")

    _, _, what = only_warning(checked(tmp_path, TWO + START, jobs__all=target))

    assert what == (
        "rule daily starts this job without a parameter mode: it fails; "
        "write mode under the parameters of that action, or of this job"
    )


def test_a_parameter_that_is_nearly_one_of_the_jobs_own_is_a_warning(tmp_path: Path) -> None:
    target = job("  target: [echo, '${parameters.tabel}']\n  parameters: {table: orders}\n")

    _, _, what = only_warning(checked(tmp_path, jobs__all=target))

    assert what == (
        "no rule that starts this job, and not the job itself, gives a parameter tabel; "
        'did you mean "table"?'
    )


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("", "  target: [echo, '${parameters.mode}']\n"),
        (TWO + START, "  target: [echo, '${parameters.mode}']\n  parameters: {mode: full}\n"),
        (f"{TWO}{START}  parameters: {{mode: x}}\n", "  target: [echo, '${parameters.mode}']\n"),
        (TWO + START.replace("load", "'${data.job}'"), "  target: [echo, '${parameters.mode}']\n"),
        (TWO + START, "  target: [echo, '${has(parameters.mode) ? parameters.mode : \"full\"}']\n"),
    ],
)
def test_a_parameter_that_is_given_or_may_be_is_fine(tmp_path: Path, rule: str, text: str) -> None:
    assert told(checked(tmp_path, rule, jobs__all=job(text)).warnings) == []


def test_a_job_that_needs_a_date_the_rule_has_not_is_a_fault(tmp_path: Path) -> None:
    target = job("  target: [echo, --date, '${business_date}']\n")

    fault = only(checked(tmp_path, TWO + BY_BATCH + START, jobs__all=target))

    assert fault == (
        "9:13",
        "document.invalid",
        "job load needs a business date (target[2]), and gates of this rule have none: its runs "
        "fail; add match_field: data.business_date, or take the date out of the job",
    )


@pytest.mark.parametrize("match", ["", "data.business_date", "business_date"])
def test_a_job_that_needs_a_date_is_fine_where_gates_have_one(tmp_path: Path, match: str) -> None:
    logic = f"correlation_logic:\n- match_field: {match}\n- match_field: region\n" if match else ""
    target = job("  target: [echo, '${ds}']\n")

    assert checked(tmp_path, TWO + logic + START, jobs__all=target).faults == ()


# ---- numbers
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("max_attempts: true", "true"),
        ("max_attempts: '3'", "3"),
        ("delay_minutes: '30'", "30"),
        ("backoff_multiplier: false", "false"),
    ],
)
def test_a_number_is_written_as_a_number(tmp_path: Path, written: str, message: str) -> None:
    retried = job(f"  target: ['true']\n  retry:\n    {written}\n")
    rule = f"{TWO}actions: []\nretry_config: {{{written}}}\n"

    in_job = only(checked(tmp_path / "a", jobs__all=retried))
    in_rule = only(checked(tmp_path / "b", rule))

    assert in_job[0].startswith("5:")
    assert message in in_job[2]
    assert message in in_rule[2]


def test_a_whole_number_of_minutes_needs_no_point(tmp_path: Path) -> None:
    retried = job("  target: ['true']\n  retry: {delay_minutes: 30, backoff_multiplier: 2}\n")

    project = checked(tmp_path, jobs__all=retried)

    assert told((*project.faults, *project.warnings)) == []
