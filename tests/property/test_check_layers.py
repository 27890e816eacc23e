"""Laws of `check`: no fault hides another, and none brings another with it.

One project in which each of many places can be written right or wrong. The oracle is the place by
itself: what is told of any set of mistakes is what is told of each alone, put together.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.services.documents import check_project


class Told(NamedTuple):
    file: str
    line: int
    what: str
    warning: bool


FILES = {
    "tidegate.yaml": """\
[timezone: Europe/Berlin|timezone: Europe/Berln]
[description: a shop|descripton: a shop]
channels:
  ops:
    type: [webhook|webhok]
    url: ["https://hooks.example/ops"|"ftp://hooks.example/ops"]
  night:
    type: webhook
    secret: ["env:SECRET"|plain]
    [url: "https://hooks.example/night"|description: no address]
default_channel: [ops|nowhere]
owners:
  sales: [ops/sales|pager/sales]
""",
    "rules/daily.yaml": """\
rule_name: daily
[owner|ownr]: sales
conditions:
- dataset: orders
  [optional|optinal]: false
- dataset: stock
  data.region: [eu|"=> eu"]
- [dataset: parts|name: parts]
additional_conditions:
- rows: [">= 1"|">= 1,5"]
correlation_logic:
- [match_field|match_feld]: business_date
- time_window: [24h|24 hrs]
- context.validation:
    expected_datasets: [[orders]|[ordesr]]
[job_dependencies|job_dependncies]:
- prerequisite_job: [load|lod]
  status: [completed|complete]
expect:
  calendar: [corp|nocal]
  deadline: ["06:00"|6 Uhr]
[keep: latest|keep: newest]
sla_minutes: [60|an hour]
[actions|acions]:
- action_type: [trigger_job|triger_job]
  job_name: [report|repotr]
  parameters:
    rows: ["${data.rows}"|"${data.rows * }"]
    date: ["${business_date}"|"${busines_date}"]
- action_type: send_notification
  channel: [ops|slackk]
  message: [done|"done ${business_date"]
- action_type: emit_event
  event_type: [shop.done|tidegate.gate.opened]
[description: x|team: x]
""",
    "rules/more.yaml": """\
rule_name: more
conditions:
- {dataset: orders}
correlation_logic:
- match_field: business_date
- [time_window: 1h|match_field: business_date]
- [context.validation: {expected_datasets: [orders]}|{match_field: region, operator: within}]
actions:
- {action_type: trigger_job, job_name: [load|laod]}
---
rule_name: [third|daily]
conditions:
- {dataset: orders}
- {dataset: [stock|orders]}
correlation_logic: [[{match_field: business_date}]|[{match_field: business_date, operator: within}]]
actions:
- {action_type: trigger_job, job_name: [load|loda]}
""",
    "jobs/all.yaml": """\
load:
  kind: [command|comand]
  target: [["true"]|[no-such-program]]
report:
  kind: command
  target: ["true", "${parameters.rows}"]
  cwd: [.|../../etc]
  timeout: [5m|5 minutes]
  [environment|enviroment]: {A: ["5"|5]}
  parameters: {rows: ["1"|"${nope.x}"]}
[web|load]:
  kind: http
  target: ["https://a.example"|not an address]
  [method: GET|pool: p]
py:
  kind: python
  target: ["json:loads"|"json:laods"]
  [description: x|price: 3]
long:
  kind: command
  target: ["true"]
  timeout: 2h
  execution_timeout: [3h|1h]
  [description: x|method: GET]
""",
    "calendars/all.yaml": """\
name: corp
based_on: [DE|corp]
[holidays: [2026-12-24]|holidays: [2026-13-24]]
---
name: one
based_on: [DE|two]
---
name: two
based_on: one
weekdays: [[monday]|[mon]]
---
name: three
holidays: [2026-01-02]
workdays: [[2026-01-03]|[2026-01-02]]
weekdays: [[monday]|[]]
---
name: four
based_on: [FR|nowhere]
country: [FR|XX]
""",
    "contexts/all.yaml": """\
context_mapping:
  shop:
    source_pattern: /shop
    dataset_mapping: ["{dataset}.csv"|"{table}.csv"]
    business_date_mapping: {expression: ['business_day(time, -1)'|'business_day(time, ']}
    calendar: [corp|crop]
    cutoff: ["06:00"|6am]
  crm:
    source_pattern: [/crm|/shop]
    priority_mapping: [priority|5]
    [timezone|timezon]: UTC
""",
    "datasets/all.yaml": """\
orders: {owner: [sales|[a, b]], calendar: [corp|nocal]}
stock:
  deadline: ["06:00"|noon]
  [calendar|calender]: [corp|elsewhere]
  [contact: x|usual_time: x]
""",
    "schedules/all.yaml": """\
maintenance:
- {start: ["02:00"|"26:00"], end: "04:00", jobs: [[load]|[laod]]}
- {start: "02:00", end: ["04:00"|"02:00"], days: [[sunday]|[funday]], jobs: [[load]|[lado]]}
[description: x|cron: "* * *"]
""",
}


class Place(NamedTuple):
    """`[right|wrong]` of a file."""

    file: str
    number: int


def pieces(text: str) -> list[tuple[str, str] | str]:
    """Plain text, and the two spellings of each place; brackets inside them are balanced."""
    found: list[tuple[str, str] | str] = [""]
    at = 0
    while at < len(text):
        end, bar, depth = at, -1, 0
        while text[at] == "[":
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            bar = end if text[end] == "|" and depth == 1 and bar < 0 else bar
            end += 1
            if depth == 0:
                break
        if bar < 0:
            found[-1] = f"{found[-1]}{text[at]}"
            at += 1
        else:
            found += [(text[at + 1 : bar], text[bar + 1 : end - 1]), ""]
            at = end
    return found


PLACES = tuple(
    Place(file, number)
    for file, text in FILES.items()
    for number, one in enumerate(pieces(text))
    if isinstance(one, tuple)
)


def told(wrong: Collection[Place]) -> frozenset[Told]:
    with TemporaryDirectory() as folder:
        for file, text in FILES.items():
            path = Path(folder, file)
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                "".join(
                    one if isinstance(one, str) else one[Place(file, number) in wrong]
                    for number, one in enumerate(pieces(text))
                )
            )
        project = check_project(Path(folder))
    return frozenset(
        Told(one.file, one.line, one.what, one.warning)
        for one in (*project.faults, *project.warnings)
    )


@cache
def told_alone(place: Place) -> frozenset[Told]:
    return told({place})


def test_without_mistakes_nothing_is_told() -> None:
    assert told(()) == frozenset()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_each_mistake_alone_is_told(place: Place) -> None:
    assert told_alone(place)


@settings(max_examples=60)
@given(st.sets(st.sampled_from(PLACES), min_size=2))
def test_what_is_told_of_many_mistakes_is_what_is_told_of_each(wrong: set[Place]) -> None:
    assert told(wrong) == frozenset[Told]().union(*map(told_alone, wrong))
