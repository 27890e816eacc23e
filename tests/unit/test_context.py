"""Contexts: what the documents of applications may say."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tidegate.kernel.context import (
    CONTEXTS,
    ApplicationMapping,
    ContextDocument,
    ExpressionReading,
    GlobalContext,
    NameReading,
    Read,
    entries,
    reading,
)
from tidegate.testing.printed import CONTEXT_MAPPING


def mapping(**said: Any) -> ApplicationMapping:
    return ApplicationMapping.model_validate({"source_pattern": "/x", **said})


def faults(model: type[Any], document: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


def test_the_printed_context_mapping_loads() -> None:
    document = ContextDocument.model_validate(yaml.safe_load(CONTEXT_MAPPING))

    assert list(document.context_mapping.applications) == ["crm", "erp"]
    assert document.context_mapping.global_context == GlobalContext(
        correlation_id="correlation-{business_date}-{sequence}",
        business_process="daily_reporting",
        expected_datasets=("customer_transactions", "order_data"),
        downstream_job="daily_customer_analysis",
        sla_minutes=120,
        owner="data_engineering_team",
    )


def test_a_context_is_called_by_its_name_else_its_process_else_its_applications() -> None:
    printed = yaml.safe_load(CONTEXT_MAPPING)
    applications: Any = {"context_mapping": {"crm": {}, "erp": {}}}

    assert list(entries(printed)) == [("daily_reporting", printed, ())]
    assert next(iter(entries({"name": "shared", **printed})))[0] == "shared"
    assert next(iter(entries(applications)))[0] == "crm-erp"
    assert next(iter(entries(None)))[0] == "context"
    assert (CONTEXTS.name, CONTEXTS.folder) == ("context", "contexts")


def test_the_first_spelling_is_the_second_turned_round() -> None:
    first = mapping(
        context_mapping={"batch_id": "context_id", "prio": "context.priority", "app": "system"}
    )

    assert first.plain() == mapping(
        context_id_mapping=["context.batch_id", "batch_id"],
        priority_mapping=["context.prio", "prio"],
        system_mapping=["context.app", "app"],
    )


def test_what_both_spellings_say_the_second_decides() -> None:
    both = mapping(context_mapping={"batch_id": "context_id"}, context_id_mapping="data.run")

    assert both.plain().context_id_mapping == "data.run"


def test_several_fields_of_one_name_are_tried_in_order() -> None:
    both = mapping(context_mapping={"batch_id": "context_id", "run_id": "context_id"})

    assert both.plain().context_id_mapping == [
        "context.batch_id", "batch_id", "context.run_id", "run_id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("data.file.date", ("data.file.date",)),
        ("subject", ("subject",)),
        (["data.a", "data.b"], ("data.a", "data.b")),
        (
            "orders_{business_date:%Y%m%d}.csv",
            NameReading(pattern="orders_{business_date:%Y%m%d}.csv"),
        ),
        ("{dataset}", NameReading(pattern="{dataset}")),
        ("a (copy) {business_date}.csv", NameReading(pattern="a (copy) {business_date}.csv")),
        (
            "business_day(time, -1, calendar, timezone, cutoff)",
            ExpressionReading(expression="business_day(time, -1, calendar, timezone, cutoff)"),
        ),
        ("'orders'", ExpressionReading(expression="'orders'")),
        ('data.x + "{dataset}"', ExpressionReading(expression='data.x + "{dataset}"')),
        ("{other}", ExpressionReading(expression="{other}")),
    ],
)
def test_plain_text_is_told_apart_by_how_it_looks(written: str, read: Read) -> None:
    assert reading(written) == read


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"source_pattern": ""}, "source_pattern"),
        ({"priority_mapping": "a..b"}, "priority_mapping"),
        ({"any_mapping": ["a", "b."]}, "any_mapping"),
        ({"source_patern": "x"}, "source_patern"),
        ({"Any_mapping": "x"}, "Any_mapping"),
        ({"dataset_mapping": "{dataset}{x}"}, "dataset_mapping"),
        ({"dataset_mapping": "o_{business_date}.csv"}, "dataset_mapping"),
        ({"dataset_mapping": {"pattern": "{x}"}}, "dataset_mapping"),
        ({"dataset_mapping": {"patern": "{x}"}}, "dataset_mapping"),
        ({"business_date_mapping": "{dataset}.csv"}, "business_date_mapping"),
        ({"business_date_mapping": {"pattern": "{business_date:%Y}"}}, "business_date_mapping"),
        ({"context_mapping": {"a": "b c"}}, "context_mapping"),
        ({"context_mapping": {"a": "context.context"}}, "context_mapping"),
        ({"context_mapping": {"a.": "b"}}, "context_mapping"),
        ({"timezone": "Berlin"}, "timezone"),
        ({"cutoff": "noon"}, "cutoff"),
        ({"calendar": ""}, "calendar"),
        ({"strict": "maybe"}, "strict"),
    ],
)
def test_a_fault_is_found_at_its_key(said: dict[str, Any], place: str) -> None:
    found = faults(ApplicationMapping, {"source_pattern": "/x", **said})

    assert {loc[0] for loc in found} == {place}


def test_all_faults_of_a_document_are_found_at_once() -> None:
    document = {
        "context_mapping": {
            "crm": {"source_pattern": "/x", "unknown": 1, "owner_mapping": 5},
            "a b": {"source_pattern": "/x"},
            "global_context": {
                "sla_minutes": 0,
                "correlation_id": "fixed",
                "manual_baseline": "soon",
            },
        },
        "extra": 1,
    }

    found = faults(ContextDocument, document)

    assert {loc[:3] for loc in found} >= {
        ("context_mapping", "crm", "unknown"),
        ("context_mapping", "crm", "owner_mapping"),
        ("context_mapping", "a b"),
        ("context_mapping", "global_context", "sla_minutes"),
        ("context_mapping", "global_context", "correlation_id"),
        ("context_mapping", "global_context", "manual_baseline"),
        ("extra",),
    }


def test_a_document_has_a_schema_for_editors() -> None:
    schema = ContextDocument.model_json_schema()

    assert schema["$defs"]["ContextMapping"]["additionalProperties"]
    assert "source_pattern" in schema["$defs"]["ApplicationMapping"]["properties"]
