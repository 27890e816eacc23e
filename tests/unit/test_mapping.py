"""Mapping: whose event it is and what it says, by the documents of a project."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tidegate.kernel.clock import Instant, parse_day, parse_instant
from tidegate.kernel.context import ApplicationMapping, ContextDocument
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import NORMALISED, UNKNOWN_SOURCE, UNMAPPED, Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.mapping import (
    Applications,
    applications_of,
    check_applications,
    global_context,
    global_contexts,
    source_matcher,
)
from tidegate.kernel.step import Document
from tidegate.testing.printed import CONTEXT_MAPPING, CRM_EVENT, ERP_EVENT, RULE_MAPPINGS

NOW = parse_instant("2024-01-16T00:00:00Z")[0]
DAY = parse_day("2024-01-15")


def shared() -> Applications:
    document = ContextDocument.model_validate(yaml.safe_load(CONTEXT_MAPPING))
    return Applications.of(document.context_mapping.applications.items())


def of_rule() -> Applications:
    written = yaml.safe_load(RULE_MAPPINGS)["context_normalization"]["application_mappings"]
    return Applications.of(
        (name, ApplicationMapping.model_validate(one)) for name, one in written.items()
    )


def event(source: str = "/x", data: Any = None, **extensions: Any) -> Event:
    given = {"dataset_name": "orders", "business_date": "2024-01-15"} if data is None else data
    return Event("a", source, "t", Instant(NOW - 1), given, None, extensions)


def apply(heard: Event, **said: Any) -> Event:
    """The event as an application with this mapping means it."""
    mapping = ApplicationMapping.model_validate({"source_pattern": heard.source, **said})
    return Applications.of([("app", mapping)]).apply(heard)


def document(kind: str, name: str, body: Any, *, active: bool = True) -> Document:
    return Document(kind, name, body, active)


def numbered(*documents: Document) -> dict[DocId, Document]:
    return {DocId(number): one for number, one in enumerate(documents, start=1)}


# ---- the origin
@pytest.mark.parametrize("applications", [shared, of_rule])
def test_both_printed_spellings_map_the_printed_events(
    applications: Callable[[], Applications],
) -> None:
    crm = applications().read(CRM_EVENT.encode(), now=NOW)
    erp = applications().read(ERP_EVENT.encode(), now=NOW)

    assert (crm.application, crm.context_id, crm.priority) == (
        "crm",
        "crm-batch-2024-01-15-001",
        "normal",
    )
    assert (crm.dataset, crm.day, crm.marks) == ("customer_transactions", DAY, NORMALISED)
    assert (erp.application, erp.context_id, erp.priority) == (
        "erp",
        "erp-daily-2024-01-15-002",
        "high",
    )
    assert (erp.dataset, erp.day, erp.unmapped) == ("order_data", DAY, "")


def test_an_owner_is_read_where_it_is_mapped() -> None:
    assert shared().read(CRM_EVENT.encode(), now=NOW).owner == "crm_team"
    assert of_rule().read(CRM_EVENT.encode(), now=NOW).owner is None


def test_a_rule_maps_once_more_and_leaves_what_it_does_not_mention() -> None:
    first = apply(
        event(data={"d": "2024-01-15", "n": "orders"}, prio="high"),
        dataset_mapping="data.n", business_date_mapping="data.d", priority_mapping="prio",
        owner_mapping="id", context_id_mapping="id",
    )  # fmt: skip
    rule = ApplicationMapping(source_pattern="/x", context_id_mapping="data.n")

    second = Applications.of([("app", rule)]).apply(first)

    assert second.context_id == "orders"
    assert (second.dataset, second.day, second.priority, second.owner, second.marks) == (
        "orders", DAY, "high", "a", 0,
    )  # fmt: skip


# ---- whose is it
def named(*patterns: str) -> Applications:
    return Applications.of(
        (pattern, ApplicationMapping(source_pattern=pattern)) for pattern in patterns
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/crm/data", "/crm/data"),
        ("/crm/data/x", "/crm/data*"),
        ("/crm/x", "/crm/*"),
        ("/crm", "*"),
        ("urn:[1]", "urn:[1]"),
        ("urn:1", "urn:[1]"),
        ("/ab", "/?b"),
        ("/AB", "*"),
    ],
)
def test_the_source_itself_goes_before_the_longest_glob(source: str, name: str) -> None:
    applications = named("*", "/crm/*", "/crm/data", "/crm/data*", "urn:[1]", "/a?", "/?b")

    assert applications.find(source).name == name


def test_of_globs_equally_long_the_alphabet_decides_whatever_the_order() -> None:
    assert named("/?b", "/a?").find("/ab").name == "/?b"
    assert named("/a?", "/?b").find("/ab").name == "/?b"


def test_a_matcher_says_the_same_for_one_pattern() -> None:
    assert source_matcher("/crm/*")("/crm/a/b")
    assert not source_matcher("/crm/*")("/crm")
    assert source_matcher("urn:[1]")("urn:[1]")
    assert source_matcher("/crm")("/crm")
    assert not source_matcher("/crm")("/crm/a")


@pytest.mark.parametrize("applications", [Applications.of([]), named("/crm")])
def test_a_source_nobody_claims_is_marked_and_read_by_the_defaults(
    applications: Applications,
) -> None:
    mapped = applications.apply(event("/nobody", context_id="c-1"))

    assert mapped.marks == UNKNOWN_SOURCE
    assert (mapped.application, mapped.dataset, mapped.day, mapped.context_id) == (
        "", "orders", DAY, "c-1",
    )  # fmt: skip


def test_what_tidegate_says_is_read_by_the_defaults_without_marks() -> None:
    own = named("*").apply(event("tidegate", {"business_date": "2024-01-15"}))

    assert (own.application, own.day, own.dataset) == ("tidegate", DAY, None)
    assert (own.marks, own.unmapped) == (0, "")


def test_of_two_mappings_of_one_pattern_the_later_wins_in_what_it_says() -> None:
    first = ApplicationMapping(
        source_pattern="/x", owner_mapping="id", priority_mapping="id", strict=True
    )
    second = ApplicationMapping.model_validate(
        {"source_pattern": "/x", "priority_mapping": "p", "kind_mapping": "id"}
    )

    applications = Applications.of([("one", first), ("two", second)])

    mapped = applications.apply(event(p="low"))
    assert (mapped.application, mapped.priority, mapped.owner) == ("two", "low", "a")
    assert mapped.extensions["context"]["kind"] == "a"
    assert applications.find("/x").strict


# ---- context
@pytest.mark.parametrize(
    ("extensions", "context_id"),
    [
        ({"context": {"batch_id": "in context"}, "batch_id": "on top"}, "in context"),
        ({"batch_id": "on top"}, "on top"),
        ({"context": {"batch_id": None}, "batch_id": 17}, "17"),
        ({"context_id": "default"}, None),
        ({}, None),
    ],
)
def test_a_mapped_field_is_looked_for_in_the_context_and_then_on_top(
    extensions: dict[str, Any], context_id: str | None
) -> None:
    mapped = apply(event(**extensions), context_mapping={"batch_id": "context_id"})

    assert mapped.context_id == context_id


@pytest.mark.parametrize("name", ["context_id", "contextid"])
def test_without_a_mapping_the_context_id_is_the_attribute_of_that_name(name: str) -> None:
    assert apply(event(**{name: "c-1"})).context_id == "c-1"


@pytest.mark.parametrize("value", [{"a": 1}, True, 1.5, "x" * 513])
def test_a_context_id_that_is_no_short_text_is_not_used_and_said(value: Any) -> None:
    mapped = apply(event(context_id=value))

    assert mapped.context_id is None
    assert mapped.marks == UNMAPPED
    assert "context id" in mapped.unmapped


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        ("low", "low"), ("HIGH ", "high"), ("Critical", "critical"), ("urgent", "normal"), (1, "normal"),
        ({}, "normal"), ("", "normal"), (None, None),
    ],
)  # fmt: skip
def test_priorities_are_one_of_four(value: Any, priority: str | None) -> None:
    assert apply(event(p=value), priority_mapping="p").priority == priority


def test_fields_get_their_normalised_names_and_the_rest_of_the_context_stays() -> None:
    heard = event(context={"app": "CRM", "kept": 1}, ptype="batch")

    mapped = apply(heard, context_mapping={"app": "context.application", "ptype": "process_type"})

    assert mapped.extensions["context"] == {
        "app": "CRM", "kept": 1, "application": "CRM", "process_type": "batch",
    }  # fmt: skip
    assert heard.extensions["context"] == {"app": "CRM", "kept": 1}


def test_a_normalised_name_that_is_null_in_the_context_is_filled_from_the_top() -> None:
    mapped = apply(
        event(context={"owner": None}, owner="crm_team"), context_mapping={"owner": "context.owner"}
    )

    assert (mapped.owner, mapped.extensions["context"]) == ("crm_team", {"owner": "crm_team"})


def test_a_context_that_is_no_object_is_left_alone() -> None:
    mapped = apply(event(context="text", app="CRM"), context_mapping={"app": "application"})

    assert mapped.extensions == {"context": "text", "app": "CRM"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "a"), ("source", "/x"), ("type", "t"), ("event_type", "t"), ("subject", None),
        ("time", "2024-01-15T23:59:59.999999Z"), ("data.list.1.k", "v"), ("data.deep.er.est", "w"),
        ("data.0", None), ("context.x", None), ("extra", "e"), ("extra.too.deep", None),
    ],
)  # fmt: skip
def test_any_path_of_an_event_can_be_mapped(path: str, value: str | None) -> None:
    data = {"list": [0, {"k": "v"}], "deep": {"er": {"est": "w"}}}

    assert apply(event(data=data, extra="e"), owner_mapping=path).owner == value


@pytest.mark.parametrize("data", ["text", 5, [], [1], True])
def test_data_that_is_no_object_can_be_mapped_past(data: Any) -> None:
    mapped = apply(event(data=data), owner_mapping="data.x")

    assert (mapped.owner, mapped.dataset, mapped.marks) == (None, None, UNMAPPED)


# ---- datasets
def test_a_dataset_may_stand_in_a_name() -> None:
    heard = event(data={"name": "in/customer_orders_20240115.csv"})

    mapped = apply(
        heard,
        dataset_mapping="{dataset}_{business_date:%Y%m%d}.csv",
        business_date_mapping={
            "field": ["subject", "data.name"],
            "pattern": "*{business_date:%Y%m%d}.csv",
        },
    )

    assert (mapped.dataset, mapped.day, mapped.marks) == ("customer_orders", DAY, 0)


def test_a_dataset_may_be_a_constant_or_computed() -> None:
    assert apply(event(), dataset_mapping="'orders'").dataset == "orders"
    assert (
        apply(event(), dataset_mapping={"expression": "data.dataset_name + '_raw'"}).dataset
        == "orders_raw"
    )


@pytest.mark.parametrize(
    ("data", "said", "reason"),
    [
        ({}, {}, "no dataset: data.dataset_name is missing"),
        ({"dataset_name": ""}, {}, "no dataset: data.dataset_name is missing"),
        ({"dataset_name": 5}, {}, "no dataset: data.dataset_name is 5, not a name"),
        ({"dataset_name": "é" * 257}, {}, "514 bytes"),
        ({}, {"dataset_mapping": "'a' + data.x"}, "no dataset: data.x is missing"),
        ({}, {"dataset_mapping": "1 + 1"}, "is 2, not a name"),
        (
            {"name": "x.txt"},
            {"dataset_mapping": "{dataset}.csv"},
            '"x.txt" does not match {dataset}.csv',
        ),
        ({}, {"dataset_mapping": "{dataset}.csv"}, "data.name or data.key"),
    ],
)
def test_a_dataset_that_cannot_be_read_says_why(
    data: dict[str, Any], said: dict[str, Any], reason: str
) -> None:
    mapped = apply(event(data={"business_date": "2024-01-15", **data}), **said)

    assert (mapped.dataset, mapped.day, mapped.marks) == (None, DAY, UNMAPPED)
    assert reason in mapped.unmapped


# ---- business dates
@pytest.mark.parametrize(
    "written",
    ["2024-01-15", "2024-01-15T23:59:59Z", "2024-01-15T00:30:00+14:00", "2024-01-15 10:00:00"],
)
def test_a_business_date_is_a_date_or_the_date_of_a_time_as_written(written: str) -> None:
    assert apply(event(data={"dataset_name": "x", "business_date": written})).day == DAY


@pytest.mark.parametrize(
    "written",
    [
        "15.01.2024",
        "2024-02-30",
        "2024-1-5",
        "2024-01-15T25:00:00Z",
        20240115,
        ["x"],
        "x" * 300_000,
    ],
)
def test_a_business_date_that_cannot_be_read_says_why(written: Any) -> None:
    mapped = apply(event(data={"dataset_name": "x", "business_date": written}))

    assert (mapped.day, mapped.marks) == (None, UNMAPPED)
    assert mapped.unmapped.startswith("no business date: data.business_date is ")
    assert len(mapped.unmapped) < 200


def test_a_business_date_may_come_from_any_path_or_a_number_in_a_name() -> None:
    data = {"dataset_name": "x", "file": {"date": "2024-01-15", "number": 20240115}}
    pattern = {"field": "data.file.number", "pattern": "{business_date:%Y%m%d}"}

    assert apply(event(data=data), business_date_mapping="data.file.date").day == DAY
    assert apply(event(data=data), business_date_mapping=["data.none", "data.file.date"]).day == DAY
    assert apply(event(data=data), business_date_mapping=pattern).day == DAY


def test_a_business_date_may_be_computed_with_the_mappings_own_settings() -> None:
    # The event's time is a Monday, 23:59 in UTC: in Tokyo it is Tuesday.
    printed = "business_day(time, -1, calendar, timezone, cutoff)"

    plain = apply(event(), business_date_mapping=printed)
    tokyo = apply(event(), business_date_mapping=printed, timezone="Asia/Tokyo")
    late = apply(event(), business_date_mapping=printed, timezone="Asia/Tokyo", cutoff="09:00")
    always = apply(event(), business_date_mapping=printed, calendar="every_day")

    assert plain.day == parse_day("2024-01-12")
    assert tokyo.day == DAY
    assert late.day == parse_day("2024-01-12")
    assert always.day == parse_day("2024-01-14")


def test_the_mappings_settings_go_before_what_an_event_calls_so() -> None:
    mapped = apply(
        event(cutoff="noon", calendar="x"),
        business_date_mapping="business_day(time, -1, calendar, timezone, cutoff)",
    )

    assert mapped.day == parse_day("2024-01-12")


def test_a_computation_that_fails_is_a_reason() -> None:
    mapped = apply(event(), business_date_mapping="business_day(data.when)")

    assert (mapped.day, mapped.marks) == (None, UNMAPPED)
    assert mapped.unmapped == "no business date: data.when is missing"


def test_a_function_of_the_project_may_compute_and_may_fail() -> None:
    def when(time: str) -> str:
        return time[:10]

    def fail(_: str) -> str:
        raise RuntimeError("no such file")

    mapping = ApplicationMapping(source_pattern="/x", business_date_mapping="when(time)")

    works = Applications.of([("a", mapping)], functions={"when": when})
    fails = Applications.of([("a", mapping)], functions={"when": fail})

    assert works.apply(event()).day == DAY
    assert "no such file" in fails.apply(event()).unmapped


def test_several_reasons_are_all_said() -> None:
    mapped = apply(event(data={}))

    assert mapped.unmapped == (
        "no dataset: data.dataset_name is missing; no business date: data.business_date is missing"
    )


def test_an_event_mapped_after_all_loses_its_mark() -> None:
    unmapped = named().apply(event(data={"n": "orders", "d": "2024-01-15"}))

    mapped = apply(unmapped, dataset_mapping="data.n", business_date_mapping="data.d")

    assert unmapped.marks == UNMAPPED | UNKNOWN_SOURCE
    assert (mapped.marks, mapped.unmapped) == (0, "")


# ---- strict
def test_a_strict_application_refuses_what_is_no_valid_cloudevent() -> None:
    strict = Applications.of([("crm", ApplicationMapping(source_pattern="/crm/*", strict=True))])
    valid = {"specversion": "1.0", "id": "a", "source": "/crm/x", "type": "t"}

    with pytest.raises(InputError) as caught:
        strict.read(CRM_EVENT.encode(), now=NOW)

    assert caught.value.code == "event.strict"
    assert "crm" in caught.value.message
    assert "'context_id'" in caught.value.message
    assert strict.read(json.dumps(valid).encode(), now=NOW).application == "crm"
    assert strict.read(ERP_EVENT.encode(), now=NOW).application == ""


# ---- from the documents
def test_contexts_and_rules_of_an_activation_map_together() -> None:
    rule = {"application_mappings": {
        "crm": {"source_pattern": "/crm/data/ingestion", "context_id_mapping": "id", "kind_mapping": "type"},
        "web": {"source_pattern": "/web"},
    }}  # fmt: skip
    off = {"enabled": False, "application_mappings": {"off": {"source_pattern": "/off"}}}

    applications = applications_of(numbered(
        document("context", "daily_reporting", yaml.safe_load(CONTEXT_MAPPING)),
        document("rule", "nightly", {"context_normalization": rule}),
        document("rule", "off", {"context_normalization": off}),
        document("rule", "plain", {}),
        document("rule", "old", {"context_normalization": {
            "application_mappings": {"old": {"source_pattern": "/old"}}}}, active=False),
    ))  # fmt: skip

    crm = applications.read(CRM_EVENT.encode(), now=NOW)
    assert (crm.application, crm.context_id) == ("crm", "crm-batch-2024-01-15-001")
    assert crm.extensions["context"]["kind"] == crm.type
    assert [applications.find(source).name for source in ("/web", "/off", "/old")] == [
        "web",
        "",
        "",
    ]


def test_mappings_use_the_calendars_of_the_activation() -> None:
    mapping = {
        "source_pattern": "/x", "calendar": "ours",
        "business_date_mapping": "business_day(time, -1, calendar)",
    }  # fmt: skip
    calendar = {"name": "ours", "holidays": ["2024-01-12"]}

    applications = applications_of(numbered(
        document("context", "x", {"context_mapping": {"app": mapping}}),
        document("calendar", "ours", calendar),
    ))  # fmt: skip

    assert applications.apply(event()).day == parse_day("2024-01-11")


def test_what_only_shows_when_compiling_is_found_with_its_place() -> None:
    documents = numbered(
        document("context", "one", {"context_mapping": {
            "a": {"source_pattern": "/a", "calendar": "nowhere", "business_date_mapping": "when(time)"},
            "b": {"source_pattern": "/b"},
        }}),
        document("context", "two", {"context_mapping": {"c": {"source_pattern": "/b"}}}),
        document("rule", "r", {"context_normalization": {"application_mappings": {
            "d": {"source_pattern": "/b", "dataset_mapping": "data.x +"}}}}),
    )  # fmt: skip

    found = {(one.kind, one.name, one.path) for one in check_applications(documents)}

    assert found == {
        ("context", "one", ("context_mapping", "a", "calendar")),
        ("context", "one", ("context_mapping", "a", "business_date_mapping")),
        ("context", "two", ("context_mapping", "c", "source_pattern")),
        ("rule", "r", ("context_normalization", "application_mappings", "d", "dataset_mapping")),
    }
    assert applications_of(documents).find("/a").name == ""


def test_the_global_context_is_that_of_the_process_else_the_only_one() -> None:
    daily = document("context", "daily_reporting", yaml.safe_load(CONTEXT_MAPPING))
    other = document("context", "other", {
        "context_mapping": {"global_context": {"business_process": "other", "sla_minutes": 5}}})  # fmt: skip

    only = global_context(global_contexts(numbered(daily)))
    named = global_context(global_contexts(numbered(daily, other)), "other")

    assert only is not None
    assert only.expected_datasets == ("customer_transactions", "order_data")
    assert named is not None
    assert named.sla_minutes == 5
    assert global_context(global_contexts(numbered(daily, other))) is None
    assert global_context([]) is None
