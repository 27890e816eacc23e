"""`tidegate check` on what is right by the letter, and hardly what somebody meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.kernel.spelling import misspelt, nearest
from tidegate.testing.checked import DATED, TWO, checked, only, only_warning, told

DATASETS = "orders: {owner: shop}\nstock: {owner: shop}\n"


def condition(text: str) -> str:
    return f"rule_name: daily\nconditions:\n- event_type: delivered\n  {text}\n"


# ---- fields
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("datset", "dataset"),
        ("Dataset", "dataset"),
        ("data_set", "dataset"),
        ("busines_date", "business_date"),
        ("sorce", "source"),
        ("subjects", "subject"),
        ("data.datset_name", "data.dataset_name"),
        ("data.busines_date", "data.business_date"),
        ("dataa.region", "data.region"),
        ("Data.region", "data.region"),
    ],
)
def test_a_field_that_is_nearly_one_every_event_has_is_a_warning(
    tmp_path: Path, written: str, meant: str
) -> None:
    at, _, what = only_warning(checked(tmp_path, condition(f"{written}: orders")))

    assert at == "4:3"
    assert what.startswith(f"{written} is met only by events that have ")
    assert f'; did you mean "{meant}"?' in what


@pytest.mark.parametrize(
    "written",
    ["region", "data.region", "context.batch_id", "source_id", "dates", "data.dataset", "subject",
     "dataset_name", "data.business_date", "context_id", "record_count", "store"],
)  # fmt: skip
def test_a_field_of_the_events_own_is_nothing_to_speak_of(tmp_path: Path, written: str) -> None:
    project = checked(tmp_path, condition(f"{written}: orders"))

    assert told((*project.faults, *project.warnings)) == []


def test_a_misspelt_match_field_and_quality_condition_are_warnings(tmp_path: Path) -> None:
    rule = TWO + (
        "additional_conditions:\n- datset: orders\n"
        "correlation_logic:\n- match_field: data.busines_date\n"
    )

    project = checked(tmp_path, rule)

    assert [at for at, _, _ in told(project.warnings)] == ["6:3", "8:16"]


# ---- names other documents have
def test_a_dataset_that_is_nearly_a_declared_one_is_a_warning(tmp_path: Path) -> None:
    rule = TWO.replace("orders", "ordres") + DATED

    warning = only_warning(checked(tmp_path, rule, datasets__all=DATASETS))

    assert warning == (
        "3:46",
        "document.invalid",
        'no document declares a dataset "ordres"; did you mean "orders"? '
        "if both are meant, declare this one in datasets/",
    )


def test_the_expected_datasets_of_a_process_declare_them_too(tmp_path: Path) -> None:
    context = (
        "context_mapping:\n  global_context: {business_process: x, expected_datasets: [orders]}\n"
    )

    at, _, what = only_warning(
        checked(tmp_path, TWO.replace("orders", "ordrs"), contexts__all=context)
    )

    assert at == "3:46"
    assert 'did you mean "orders"?' in what


@pytest.mark.parametrize("name", ["returns", "stock_eu", "orders_2", "order_lines"])
def test_a_dataset_nobody_declares_and_that_is_near_to_none_is_fine(
    tmp_path: Path, name: str
) -> None:
    datasets = "orders: {}\nstock_us: {}\norders_1: {}\n"

    assert (
        checked(tmp_path, condition(f"data.dataset_name: {name}"), datasets__all=datasets).warnings
        == ()
    )


def test_an_application_that_nobody_maps_sends_nothing(tmp_path: Path) -> None:
    context = "context_mapping: {crm: {source_pattern: /crm}, erp: {source_pattern: /erp}}\n"

    fault = only(checked(tmp_path, condition("application: crmm"), contexts__all=context))

    assert fault == (
        "4:16",
        "document.invalid",
        'no mapping of an application is called "crmm", so no event is of it; did you mean "crm"?',
    )


@pytest.mark.parametrize(
    "more",
    ["", "context_normalization: {application_mappings: {crm: {source_pattern: /crm}}}\n"],
)
def test_an_application_that_is_mapped_is_known(tmp_path: Path, more: str) -> None:
    context = "" if more else "context_mapping: {crm: {source_pattern: /crm}}\n"
    files = {"contexts__all": context} if context else {}

    assert checked(tmp_path, condition("application: crm") + more, **files).faults == ()


# ---- texts
@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("in EUR, USD", 'write "in [EUR, USD]"'),
        ("in (EUR, USD)", 'write "in [EUR, USD]"'),
        ("IN [EUR, USD]", 'write "in [EUR, USD]"'),
        ("not in EUR, USD", 'write "not in [EUR, USD]"'),
        ("between 1 and 5", 'write ">= 1" here, and "<= 5" under additional_conditions'),
        ("like ord%", 'write "startswith ord"'),
        ("LIKE %ord%", 'write "contains ord"'),
        ("MATCHES ^ord", 'write "matches ^ord"'),
        ("!failed", 'write "!= failed"'),
        ("≥ 0.95", 'write ">= 0.95"'),
    ],
)
def test_a_text_that_is_an_operator_elsewhere_is_a_warning(
    tmp_path: Path, written: str, fix: str
) -> None:
    warning = only_warning(checked(tmp_path, condition(f"data.x: '{written}'")))

    assert warning == (
        "4:11",
        "document.invalid",
        f'"{written}" is compared as it stands: it is no operator; {fix}; '
        f'to mean the text itself write == "{written}"',
    )


@pytest.mark.parametrize(
    "written",
    ["in progress", "not started", "inbound", "like new", "between jobs", "== in EUR, USD",
     '== "!failed"', "100%", "in [EUR, USD]", "matches ^(a|b)", "International, Inc"],
)  # fmt: skip
def test_a_text_that_is_a_text_is_nothing_to_speak_of(tmp_path: Path, written: str) -> None:
    project = checked(tmp_path, condition(f"data.x: '{written}'"))

    assert told((*project.faults, *project.warnings)) == []


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_a_comparison_with_a_word_is_a_warning(tmp_path: Path, operator: str) -> None:
    warning = only_warning(checked(tmp_path, condition(f"n: '{operator} zero'")))

    assert warning == (
        "4:6",
        "document.invalid",
        f'"{operator} zero" compares texts: no number ever meets it; '
        f'write a number, such as {operator} 0; to compare texts write {operator} "zero"',
    )


@pytest.mark.parametrize("bound", ["0", "2024-01-15", '"zero"', "-1.5", "2024-01-15T10:00:00Z"])
def test_a_comparison_with_a_number_a_date_or_a_quoted_text_is_fine(
    tmp_path: Path, bound: str
) -> None:
    assert checked(tmp_path, condition(f"n: '> {bound}'")).warnings == ()


def test_an_operator_where_the_type_is_compared_whole_is_a_warning(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions:\n- event_type: startswith com.crm.\n"

    warning = only_warning(checked(tmp_path, rule))

    assert warning == (
        "3:15",
        "document.invalid",
        'event types are compared whole here: "startswith com.crm." is no operator; '
        'write type: "startswith com.crm."',
    )


# ---- times
@pytest.mark.parametrize(
    ("warn_at", "deadline"),
    [("07:00", "06:00"), ("06:00", "06:00"), ("+1d 05:00", "06:00"), ("+1bd 05:00", "06:00"),
     ("+2bd 06:00", "+2bd 05:59")],
)  # fmt: skip
def test_a_warning_after_its_deadline_is_a_fault(
    tmp_path: Path, warn_at: str, deadline: str
) -> None:
    rule = TWO + f'expect: {{deadline: "{deadline}", warn_at: "{warn_at}"}}\n'

    at, _, what = only(checked(tmp_path, rule))

    assert at == f"5:{rule.splitlines()[4].index('warn_at') + 10}"
    assert what == (
        "the early warning does not come before the deadline it warns of; "
        "write an earlier warn_at, or leave it out"
    )


@pytest.mark.parametrize(
    ("warn_at", "deadline"),
    [("05:59", "06:00"), ("07:00", "+1d 06:00"), ("07:00", "+1bd 06:00"), ("-1bd 06:00", "-1d 05:00"),
     ("+1d 07:00", "+1bd 06:00")],
)  # fmt: skip
def test_a_warning_that_may_come_before_its_deadline_is_none(
    tmp_path: Path, warn_at: str, deadline: str
) -> None:
    rule = TWO + f'expect: {{deadline: "{deadline}", warn_at: "{warn_at}"}}\n'

    assert checked(tmp_path, rule).faults == ()


@pytest.mark.parametrize(
    ("line", "at", "what"),
    [
        (
            "close_after: 0s",
            "5:14",
            "a gate is closed the moment its deadline or window has passed",
        ),
        ("close_after: 0h0m", "5:14", "a gate is closed the moment"),
        ("correlation_logic: [{time_window: 0s}]", "5:35", "a window of no time takes only events"),
    ],
)
def test_no_time_at_all_is_a_warning(tmp_path: Path, line: str, at: str, what: str) -> None:
    found, _, said = only_warning(checked(tmp_path, f"{TWO}{line}\n"))

    assert (found, said[: len(what)]) == (at, what)


# ---- slips of the pen
@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("ordres", ("orders", "stock"), "orders"),
        ("departures_ewr", ("departures_jfk",), None),
        ("orders_2", ("orders_1", "orders"), None),
        ("abc", ("abcd",), None),
        ("orders", ("orders",), None),
        ("order_items", ("orders",), None),
    ],
)
def test_names_that_differ_on_purpose_are_no_slips(
    word: str, known: tuple[str, ...], meant: str | None
) -> None:
    assert misspelt(word, known) == meant


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("date", ("dataset", "business_date"), "business_date"),
        ("name", ("rule_name", "job_name", "names"), "names"),
        ("Date", ("date", "business_date"), "date"),
        ("datset", ("dataset", "business_date"), "dataset"),
    ],
)
def test_a_word_that_is_a_part_of_one_name_means_that_one(
    word: str, known: tuple[str, ...], meant: str
) -> None:
    assert nearest(word, known) == meant


# ---- keys without effect
def test_a_key_without_effect_is_told_once_a_file(tmp_path: Path) -> None:
    jobs = (
        "one: {kind: command, target: ['true'], pool: small, price: 3}\n"
        "two: {kind: command, target: ['true'], price: 4}\n"
    )

    project = checked(
        tmp_path, jobs__all=jobs, jobs__more="three: {kind: command, target: ['true'], price: 5}\n"
    )

    assert [(one.file, one.line, one.code, one.what) for one in project.warnings] == [
        (
            "jobs/all.yaml",
            1,
            "document.unused",
            f'"{key}" is read and has no effect in this version',
        )
        for key in ("pool", "price")
    ] + [
        (
            "jobs/more.yaml",
            1,
            "document.unused",
            '"price" is read and has no effect in this version',
        )
    ]


def test_what_is_read_and_not_followed_is_said_of_rules_datasets_and_contexts(
    tmp_path: Path,
) -> None:
    rule = TWO + (
        "team: shop\nmanual_baseline: 4h\nactions:\n"
        "- {action_type: trigger_job, job_name: load, fallback: manual, sla_minutes: 5}\n"
        "- {action_type: trigger_job, job_name: load, fallback: manual, sla_minutes: 9}\n"
    )
    context = "context_mapping: {global_context: {business_process: daily, manual_baseline: 4h}}\n"

    project = checked(
        tmp_path, rule, contexts__all=context, datasets__all="orders: {usual_time: '05:00'}\n"
    )

    assert project.faults == ()
    assert [(one.file, one.line, one.what.partition(" ")[0]) for one in project.warnings] == [
        ("contexts/all.yaml", 1, '"manual_baseline"'),
        ("datasets/all.yaml", 1, '"usual_time"'),
        ("rules/daily.yaml", 5, '"team"'),
        ("rules/daily.yaml", 6, '"manual_baseline"'),
        ("rules/daily.yaml", 8, '"fallback"'),
        ("rules/daily.yaml", 9, "only"),
    ]
    assert {one.code for one in project.warnings} == {"document.unused"}


# ---- mistakes of people who write their first rules
RULE = "rule_name: daily\nconditions:\n- event_type: delivered\n  dataset: orders\n"


@pytest.mark.parametrize(
    ("rule", "at", "message"),
    [
        (RULE + "  data.q: >= 0.95\n", "5:11",
         '> opens a text of several lines; put it in quotes: ">= 0.95"'),
        (RULE + "  data.q: != failed\n", "5:11",
         'the tag != is not read; put the text in quotes: "!= failed"'),
        (RULE + "  data.q: '<> failed'\n", "5:12", "data.q: <> is no operator; write !="),
        (RULE + "  data.q: '> 1 and < 5'\n", "5:16",
         'data.q: > takes one value, not "1 and < 5"; '
         "write one comparison here, and the other under additional_conditions"),
        (RULE + "enabled: false\n", "5:10",
         "enabled: a rule has no switch; "
         "take its file out of rules/ to end it, or its actions to observe only"),
        (RULE + "rule_name: other\n", "5:1",
         '"rule_name" is written twice, first on line 1; '
         'keep one of the two; another document begins with "---" above it'),
        ("rule_name: daily\nconditions:\n- dataset:orders\n", "3:3",
         'conditions[0] is the text "dataset:orders"; '
         'a space is missing after the colon: "dataset: orders"'),
        (RULE.replace("daily", "täglich"), "1:12",
         'rule_name: "täglich" does not fit; '
         "use the letters A to Z, digits, _ . - and blanks, and begin with a letter or digit"),
    ],
)  # fmt: skip
def test_a_first_mistake_is_told_how_to_mend_it(
    tmp_path: Path, rule: str, at: str, message: str
) -> None:
    found, _, said = only(checked(tmp_path, rule))

    assert (found, said) == (at, message)


@pytest.mark.parametrize("written", ["{business_date}", "{{ business_date }}", "$business_date"])
def test_the_braces_of_another_language_are_a_warning(tmp_path: Path, written: str) -> None:
    rule = RULE + f"actions:\n- action_type: send_notification\n  message: for {written}\n"

    assert only_warning(checked(tmp_path, rule)) == (
        "7:16",
        "expression.invalid",
        f"{written} is sent as it stands: it is no hole; write ${{business_date}}",
    )


@pytest.mark.parametrize("written", ["${business_date}", "{source:sales}", "$5", "$$business_date"])
def test_other_braces_are_text(tmp_path: Path, written: str) -> None:
    rule = RULE + f"actions:\n- action_type: send_notification\n  message: for {written}\n"

    assert checked(tmp_path, rule).warnings == ()


def test_two_inputs_of_one_name_are_a_warning(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions:\n- {name: a, dataset: x}\n- {name: a, dataset: y}\n"

    assert only_warning(checked(tmp_path, rule)) == (
        "4:10",
        "document.invalid",
        'conditions[0] is called "a" as well: this one becomes "a 2"; give it a name of its own',
    )
