"""What people see of a broken project: every fault of every file, in one piece."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from tidegate.kernel.event import Json
from tidegate.kernel.fault import render
from tidegate.kernel.step import DocumentKind
from tidegate.services.judging import read_project
from tidegate.testing.golden import check_golden


class Rule(BaseModel, extra="forbid", strict=True):
    rule_name: str
    job: str = ""
    inputs: tuple[str, ...] = ()


class Dataset(BaseModel, extra="forbid", strict=True):
    owner: str


class Settings(BaseModel, extra="forbid", strict=True):
    timezone: str = "UTC"


def rules(document: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    fields = cast("dict[str, Json]", document)
    return [(str(fields.get("rule_name", "")), document, ())]


def datasets(document: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    return [(name, body, (name,)) for name, body in document.items()]


KINDS = (
    DocumentKind(name="rule", folder="rules", model=Rule, entries=rules),
    DocumentKind(name="dataset", folder="datasets", model=Dataset, entries=datasets),
    DocumentKind(
        name="project", folder="", model=Settings, entries=lambda document: [("", document, ())]
    ),
)


def test_a_broken_project_is_printed_as_it_was_judged(tmp_path: Path) -> None:
    files = {
        "tidegate.yaml": "timezon: Europe/Berlin\n",
        "datasets/all.yaml": "orders: {owner: sales}\norders: {owner: stock}\n",
        "rules/daily.yaml": "rule_name: daily\njob:nightly\ninputs: orders\n",
        "rules/hourly.yaml": "rule_name: hourly\ninputs: [orders]\n---\nrule_name: weekly\ninputs:\n",
        "rules/more/hourly.yaml": "# copied\nrule_name: hourly\n",
        "rules/old.yaml.bak": "rule_name: old\n",
        "rule/weekly.yaml": "rule_name: weekly\n",
        "schedules/nightly.yaml": "x: y\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    project = read_project(tmp_path, KINDS)

    text = render((*project.faults, *project.warnings), project.sources)
    check_golden(Path(__file__).parent / "faults" / "project.txt", text)
