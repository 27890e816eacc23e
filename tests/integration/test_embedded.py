"""Tidegate inside a Python program, over a real file."""

from __future__ import annotations

import asyncio
import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import tidegate
from tidegate.kernel.errors import ConflictError, InputError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / f"{name}.json").read_text("utf-8"))
    return found


def test_events_go_in_and_gates_come_out(project: Path) -> None:
    with tidegate.TidegateSync.open(project) as opened:
        receipt = opened.ingest([event("crm"), json.dumps(event("erp")), b"{"])
        opened.work(60)
        gates = opened.gates(status="open")
        answer = opened.explain("multi_input_job_trigger", date="2024-01-15")

    assert (receipt.accepted, len(receipt.rejected)) == (2, 1)
    assert receipt.rejected[0].index == 2
    assert [gate["correlation_id"] for gate in gates] == ["correlation-2024-01-15-001"]
    assert answer["runs"][0]["status"] == "succeeded"


def test_one_event_may_be_given_alone(project: Path) -> None:
    with tidegate.TidegateSync.open(project) as opened:
        as_mapping = opened.ingest(event("crm"))
        as_text = opened.ingest(json.dumps(event("crm")))
        as_bytes = opened.ingest(json.dumps(event("erp")).encode())

    assert (as_mapping.accepted, as_text.duplicates, as_bytes.accepted) == (1, 1, 1)
    assert as_mapping.rejected == ()


def test_what_is_no_event_is_refused_with_an_example(project: Path) -> None:
    with tidegate.TidegateSync.open(project) as opened, pytest.raises(InputError) as caught:
        opened.ingest([7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]

    assert caught.value.code == "usage"
    assert "not int" in caught.value.message


def test_a_closed_database_says_that_it_is_closed(project: Path) -> None:
    opened = tidegate.TidegateSync.open(project)
    opened.close()
    opened.close()

    for ask in (opened.gates, lambda: opened.explain("x"), lambda: opened.ingest([]), opened.work):
        with pytest.raises(InputError) as caught:
            ask()
        assert (caught.value.code, caught.value.message) == ("usage", "this database was closed")


def test_what_was_ingested_is_there_after_reopening(project: Path) -> None:
    with tidegate.TidegateSync.open(project) as opened:
        opened.ingest([event("crm")])
    with tidegate.TidegateSync.open(project) as again:
        receipt = again.ingest([event("crm"), event("erp")])

        assert (receipt.accepted, receipt.duplicates) == (1, 1)
        assert len(again.gates(status="open")) == 1


def test_two_programs_cannot_write_to_one_file(project: Path) -> None:
    with tidegate.TidegateSync.open(project), pytest.raises(ConflictError) as caught:
        tidegate.TidegateSync.open(project)

    assert caught.value.code == "database.busy"


def test_a_faulty_project_opens_nothing_and_names_every_fault(project: Path) -> None:
    (project / "rules" / "broken.yaml").write_text("rule_name: broken\nconditons: []\n")

    with pytest.raises(InputError) as caught:
        tidegate.TidegateSync.open(project)

    assert caught.value.code == "document.invalid"
    assert "conditons" in caught.value.message


def test_asyncio_has_the_same(project: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        async with await tidegate.Tidegate.open(project) as opened:
            await opened.ingest([event("crm"), event("erp")])
            return await opened.gates()

    assert [gate["status"] for gate in asyncio.run(story())] == ["open"]


@pytest.mark.parametrize("wrong", [5, None, 1.5, object()])
def test_what_cannot_even_be_several_events_is_refused_the_same_way(
    project: Path, wrong: Any
) -> None:
    with tidegate.TidegateSync.open(project) as opened, pytest.raises(InputError) as caught:
        opened.ingest(wrong)

    assert (caught.value.code, type(wrong).__name__ in caught.value.message) == ("usage", True)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "event.number"),
        ([1, {"a": float("-inf")}], "event.number"),
        ("\ud800", "event.string"),
    ],
)
def test_what_json_cannot_carry_is_rejected_as_over_http(
    project: Path, value: Any, code: str
) -> None:
    wrong = event("crm") | {"data": event("crm")["data"] | {"x": value}}
    with tidegate.TidegateSync.open(project) as opened:
        receipt = opened.ingest([event("erp"), wrong])

    assert receipt.accepted == 1
    assert [(one.index, one.code) for one in receipt.rejected] == [(1, code)]


def test_null_and_long_integers_are_taken_as_over_http(project: Path) -> None:
    data = event("crm")["data"] | {"none": None, "long": 2**70}
    with tidegate.TidegateSync.open(project) as opened:
        receipt = opened.ingest(event("crm") | {"data": data})

    assert (receipt.accepted, receipt.rejected) == (1, ())


def test_times_and_dates_of_python_are_taken_but_for_a_time_without_a_zone(project: Path) -> None:
    at = datetime.datetime(2024, 1, 15, 6, 30)
    good: dict[str, Any] = event("crm") | {"time": at.replace(tzinfo=datetime.UTC)}
    good["data"] = good["data"] | {"business_date": datetime.date(2024, 1, 15)}
    with tidegate.TidegateSync.open(project) as opened:
        taken = opened.ingest(good)
        with pytest.raises(InputError) as caught:
            opened.ingest([event("erp"), event("crm") | {"data": {"seen": [at]}}])
        gates = opened.gates(date=datetime.date(2024, 1, 15))
        answer = opened.explain("multi_input_job_trigger", date=datetime.date(2024, 1, 15))
        with pytest.raises(InputError) as instant:
            opened.gates(date=at)

    assert (taken.accepted, len(gates)) == (1, 1)
    assert answer["gate"] == "multi_input_job_trigger~~2024-01-15~~001"
    assert (caught.value.code, caught.value.message.startswith("data.seen[0] is")) == (
        "usage",
        True,
    )
    assert "timezone" in caught.value.fix
    assert answer["status"] == "waiting"  # nothing of that delivery was taken in
    assert instant.value.code == "usage"


@pytest.mark.parametrize("value", [object(), {1, object()}, {"a": {"b": object()}}])
def test_what_is_no_json_at_all_is_refused(project: Path, value: Any) -> None:
    with tidegate.TidegateSync.open(project) as opened, pytest.raises(InputError) as caught:
        opened.ingest(event("crm") | {"data": value})

    assert caught.value.code == "usage"
