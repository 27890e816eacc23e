"""Checked: a project of one rule and some other files, and what `tidegate check` says of it."""

from __future__ import annotations

from pathlib import Path

from tidegate.kernel.fault import Fault
from tidegate.services.documents import check_project
from tidegate.services.project import Project

DATED = "correlation_logic: [{match_field: data.business_date}]\n"
TWO = """\
rule_name: daily
conditions:
- {event_type: delivered, data.dataset_name: orders}
- {event_type: delivered, data.dataset_name: stock}
"""
JOBS = "load: {kind: command, target: ['true']}\n"
"""The job every project has that says nothing else of `jobs__all`."""


def checked(folder: Path, rule: str = "", **files: str) -> Project:
    """A project of one rule and other files; `__` in a name stands for a slash."""
    texts = {"tidegate": "timezone: UTC\n", "jobs__all": JOBS} | files
    if rule:
        texts["rules__daily"] = rule
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_project(folder)


def told(faults: tuple[Fault, ...]) -> list[tuple[str, str, str]]:
    """`line:column`, the code and the headline without the file."""
    return [
        (f"{one.line}:{one.column}", one.code, f"{one.what}; {one.fix}" if one.fix else one.what)
        for one in faults
    ]


def only(project: Project) -> tuple[str, str, str]:
    assert project.warnings == (), told(project.warnings)
    (fault,) = told(project.faults)
    return fault


def only_warning(project: Project) -> tuple[str, str, str]:
    assert project.faults == (), told(project.faults)
    (warning,) = told(project.warnings)
    return warning
