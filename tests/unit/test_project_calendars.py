"""`tidegate check` on calendars that documents name: a typing error in one moves a deadline by days."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.kernel.errors import InputError
from tidegate.services.documents import refuse_faults
from tidegate.testing.checked import checked, only, told

SETTLEMENT = "name: settlement\nweekdays: [monday]\n"
CONTEXT = """\
name: shops
context_mapping:
  shop:
    source_pattern: /shop
    calendar: %s
"""


def test_a_calendar_of_a_dataset_that_nobody_has_is_a_fault_with_near_names(tmp_path: Path) -> None:
    datasets = 'orders: {owner: a, deadline: "+1bd 06:00", calendar: setlement}\n'

    project = checked(tmp_path, datasets__all=datasets, calendars__one=SETTLEMENT)

    assert only(project) == (
        "1:54",
        "calendar.unknown",
        'no calendar is called "setlement"; did you mean "settlement"?',
    )
    assert project.faults[0].file == "datasets/all.yaml"
    with pytest.raises(InputError) as refused:
        refuse_faults(project)
    assert refused.value.code == "document.invalid"


@pytest.mark.parametrize("name", ["settlement", "every_day", "DE-BY"])
def test_a_calendar_of_a_dataset_that_somebody_has_is_none(tmp_path: Path, name: str) -> None:
    datasets = f"orders: {{calendar: {name}}}\n"

    project = checked(tmp_path, datasets__all=datasets, calendars__one=SETTLEMENT)

    assert told(project.faults) == []


def test_a_dataset_that_is_refused_is_told_of_its_unknown_calendar_as_well(tmp_path: Path) -> None:
    project = checked(tmp_path, datasets__all="orders: {ownr: a, calendar: every_dya}\n")

    assert [code for _, code, _ in told(project.faults)] == ["document.invalid", "calendar.unknown"]


def test_a_calendar_of_an_application_that_nobody_has_is_a_fault(tmp_path: Path) -> None:
    project = checked(tmp_path, contexts__all=CONTEXT % "setlement", calendars__one=SETTLEMENT)

    assert only(project) == (
        "5:15",
        "calendar.unknown",
        'no calendar is called "setlement"; did you mean "settlement"?',
    )


def test_another_calendar_with_faults_hides_no_unknown_one(tmp_path: Path) -> None:
    broken = "name: works\nbased_onn: DE\n"

    project = checked(
        tmp_path,
        contexts__all=CONTEXT % "nocal",
        datasets__all="orders: {calendar: nocal}\nstock: {calendar: works}\n",
        calendars__one=broken,
    )

    assert [(one.file, one.code) for one in project.faults] == [
        ("calendars/one.yaml", "document.invalid"),
        ("contexts/all.yaml", "calendar.unknown"),
        ("datasets/all.yaml", "calendar.unknown"),
    ]


def test_circles_and_unknown_bases_are_told_beside_another_calendar_with_faults(
    tmp_path: Path,
) -> None:
    circle = "name: c1\nbased_on: c2\n---\nname: c2\nbased_on: c1\n---\nname: own\nbased_on: own\n"
    others = "---\nname: lost\nbased_on: nowhere\n---\nname: waits\nbased_on: works\n"
    broken = "---\nname: works\nbased_onn: DE\n"

    project = checked(tmp_path, calendars__one=circle + others + broken)

    assert [(at, what.partition(":")[0]) for at, _, what in told(project.faults)] == [
        ("2:11", "it is based on itself"),
        ("5:11", "it is based on itself"),
        ("8:11", "it is based on itself"),
        (
            "11:11",
            'no calendar is called "nowhere"; write business_days, every_day, or a country code such as DE',
        ),
        ("17:1", 'unknown key "based_onn"; did you mean "based_on"?'),
    ]
