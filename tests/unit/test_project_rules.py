"""`tidegate check` on rules: every fault where it stands, with its code and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.testing.checked import DATED, TWO, checked, only, only_warning, told


def test_a_sound_rule_has_no_faults(tmp_path: Path) -> None:
    project = checked(tmp_path, TWO + DATED)

    assert told((*project.faults, *project.warnings)) == []


# ---- globs
@pytest.mark.parametrize(
    ("pattern", "column", "rest"),
    [("/crm/[", 26, "["), ("/crm/[ab", 26, "[ab"), ("/[ab]/[x", 27, "[x"), ("[", 21, "[")],
)
def test_a_glob_with_an_open_bracket_is_a_fault(
    tmp_path: Path, pattern: str, column: int, rest: str
) -> None:
    context = f"""\
context_mapping:
  crm:
    source_pattern: "{pattern}"
    context_id_mapping: context.batch_id
"""

    fault = only(checked(tmp_path, contexts__all=context))

    assert fault == (
        f"3:{column + 1}",
        "document.invalid",
        f"source_pattern: the [ that opens here is never closed: {rest}; "
        "close it, as in [ab]; to mean the character itself write [[]",
    )


@pytest.mark.parametrize("pattern", ["/crm/[ab]", "/crm/[!ab]*", "/crm/[[]", "/crm/[]]", "/a]/*"])
def test_a_glob_that_is_closed_is_none(tmp_path: Path, pattern: str) -> None:
    context = f'context_mapping: {{crm: {{source_pattern: "{pattern}"}}}}\n'

    assert checked(tmp_path, contexts__all=context).faults == ()


def test_an_open_bracket_in_a_rules_own_mapping_is_a_fault(tmp_path: Path) -> None:
    mapping = 'context_normalization: {application_mappings: {crm: {source_pattern: "/crm/["}}}\n'

    at, _, what = only(checked(tmp_path, TWO + mapping))

    assert at == f"5:{mapping.index('[') + 1}"
    assert what.startswith("source_pattern: the [ that opens here is never closed")


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        (
            "event_type",
            "*",
            'event types are compared whole here: "*" is no pattern; leave event_type out to take any',
        ),
        (
            "event_type",
            "com.crm.*",
            'event types are compared whole here: "com.crm.*" is no pattern; '
            'write type: "startswith com.crm."',
        ),
        (
            "source",
            "/crm/*",
            'a source is compared whole here: "/crm/*" is no pattern; write "startswith /crm/"',
        ),
    ],
)
def test_a_pattern_where_the_whole_is_compared_is_a_warning(
    tmp_path: Path, field: str, text: str, message: str
) -> None:
    rule = f"rule_name: daily\nconditions:\n- data.dataset_name: orders\n  {field}: '{text}'\n"

    warning = only_warning(checked(tmp_path, rule))

    assert warning == (f"4:{len(field) + 5}", "document.invalid", message)


def test_an_operator_on_a_source_is_no_pattern(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: [{source: 'matches ^/crm/.*'}]\n"

    assert checked(tmp_path, rule).warnings == ()


# ---- names in templates
def action(text: str) -> str:
    return f"actions:\n- action_type: send_notification\n  message: '{text}'\n"


@pytest.mark.parametrize(
    ("template", "column", "message"),
    [
        (
            "for ${busines_date}",
            19,
            'a gate has nothing called "busines_date"; '
            'did you mean "business_date"? a field of the event is data.busines_date',
        ),
        (
            "${normalised_context_id}",
            15,
            'a gate has nothing called "normalised_context_id"; '
            'did you mean "normalized_context_id"? a field of the event is '
            "data.normalised_context_id",
        ),
        (
            "${inputs.ordrs.data.n}",
            22,
            'this rule has no input called "ordrs"; did you mean "orders"?',
        ),
        (
            "${inputs.crm.data.n}",
            22,
            'this rule has no input called "crm"; write one of orders, stock',
        ),
    ],
)
def test_a_name_that_nothing_has_is_a_fault_where_it_stands(
    tmp_path: Path, template: str, column: int, message: str
) -> None:
    fault = only(checked(tmp_path, TWO + action(template)))

    assert fault == (f"7:{column}", "expression.invalid", message)


@pytest.mark.parametrize(
    ("template", "column", "message"),
    [
        (
            "${data.busines_date}",
            15,
            "no condition and no match field of this rule names data.busines_date; "
            'did you mean "data.business_date"?',
        ),
        (
            "${partitionkey}",
            15,
            'a gate has nothing called "partitionkey": it is looked for in the newest input alone; '
            "write data.partitionkey, if a field of the event is meant",
        ),
    ],
)
def test_a_name_that_an_event_may_have_is_a_warning(
    tmp_path: Path, template: str, column: int, message: str
) -> None:
    warning = only_warning(checked(tmp_path, TWO + action(template)))

    assert warning == (f"7:{column}", "expression.invalid", message)


@pytest.mark.parametrize(
    "template",
    [
        "${business_date} ${ds} ${data.business_date} ${normalized_context_id} ${round}",
        "${missing} ${datasets} ${gate} ${owner} ${source} ${event_type} ${subject}",
        "${data.anything_else} ${context.batch} ${data.rows.good + 1}",
        '${inputs.orders.data.n} ${inputs["stock"].data.n} ${inputs.stock.source}',
        "${record_count} ${data.record_count}",
        "plain {busines_date}",
    ],
)
def test_names_that_there_may_be_are_no_faults(tmp_path: Path, template: str) -> None:
    rule = TWO + "additional_conditions: [{record_count: '> 0'}]\n" + action(template)

    project = checked(tmp_path, rule)

    assert told((*project.faults, *project.warnings)) == []


def test_an_input_of_any_dataset_may_be_called_as_what_comes(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: [{event_type: delivered}]\n"

    assert checked(tmp_path, rule + action("${inputs.orders.data.n}")).faults == ()


@pytest.mark.parametrize("section", ["actions", "on_timeout", "on_quality_failure"])
def test_templates_are_looked_at_wherever_they_stand(tmp_path: Path, section: str) -> None:
    rule = f"""{TWO}{section}:
- action_type: trigger_job
  job_name: load
  parameters:
    deep: [{{x: "${{rond}}"}}]
"""

    at, code, what = only(checked(tmp_path, rule))

    assert (at, code) == ("9:19", "expression.invalid")
    assert what.startswith('a gate has nothing called "rond"; did you mean "round"?')


def test_an_id_is_made_of_match_fields(tmp_path: Path) -> None:
    text = "context_normalization:\n  global_correlation_id: 'x-${data.busines_date}-${sequence}'\n"

    fault = only(checked(tmp_path, TWO + text))

    assert fault == (
        "6:31",
        "expression.invalid",
        "the global id names 'data.busines_date', which is no match field; "
        'did you mean "data.business_date"?',
    )


def test_an_id_of_a_context_that_names_no_match_field_is_a_fault_of_the_rule(
    tmp_path: Path,
) -> None:
    context = """\
context_mapping:
  crm: {source_pattern: /crm}
  global_context: {business_process: reporting, correlation_id: "x-{region}-{sequence}"}
"""

    at, code, what = only(checked(tmp_path, TWO, contexts__all=context))

    assert (at, code) == ("1:1", "expression.invalid")
    assert what.startswith("the global id names 'region', which is no match field")


# ---- rules that never open, inputs nobody can tell apart
def test_two_conditions_that_take_the_same_events_are_a_fault(tmp_path: Path) -> None:
    rule = TWO + "- {event_type: delivered, dataset: orders, name: again}\n"

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "5:3",
        "document.invalid",
        "this takes the same events as conditions[0]: one event is both inputs, and nothing tells "
        "them apart; ask for a field in which they differ, or remove one",
    )


def test_a_job_that_is_waited_for_twice_is_a_fault(tmp_path: Path) -> None:
    rule = TWO + (
        "job_dependencies:\n- {prerequisite_job: load}\n"
        "- {prerequisite_job: load, status: succeeded}\n"
    )

    at, _, what = only(checked(tmp_path, rule))

    assert at == "7:3"
    assert what.startswith("this takes the same events as job_dependencies[0]")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("data.n: 5", "data.n: 5\n  data.part: 2"),
        ("data.n: 5", "data.n: '5'"),
        ("data.n: '> 5'", "data.n: '>= 5'"),
    ],
)
def test_conditions_that_differ_are_none(tmp_path: Path, first: str, second: str) -> None:
    rule = f"rule_name: daily\nconditions:\n- dataset: a\n  {first}\n- dataset: a\n  {second}\n"

    assert checked(tmp_path, rule).faults == ()


@pytest.mark.parametrize(
    ("asked", "quality", "end"),
    [
        ("data.n: 5", "n: '> 5'", 'n > 5 is failed by every event of conditions[0], which asks for data.n == 5'),
        ("data.n: '< 5'", "data.n: '>= 5'", 'data.n >= 5 is failed by every event of conditions[0], which asks for data.n < 5'),
        ("data.n: [a, b]", "n: c", 'n == "c" is failed by every event of conditions[0], which asks for data.n in ["a","b"]'),
        ("data.n: '> 5'", "n: '< 5'", 'n < 5 is failed by every event of conditions[0], which asks for data.n > 5'),
    ],
)  # fmt: skip
def test_quality_that_no_event_of_the_input_has_is_a_fault(
    tmp_path: Path, asked: str, quality: str, end: str
) -> None:
    rule = f"""\
rule_name: daily
conditions:
- dataset: a
  {asked}
additional_conditions:
- {quality}
"""

    at, code, what = only(checked(tmp_path, rule))

    assert (at, code) == (f"6:{quality.index(':') + 5}", "document.invalid")
    assert what == f"{end}: this rule can never open; change one of the two"


@pytest.mark.parametrize(
    ("asked", "quality"),
    [("'<= 5'", "'>= 5'"), ("'> 4'", "'< 5'"), ("5", "'>= 5'"), ("'!= 5'", "'> 5'"), ("[4, 6]", "6")],
)  # fmt: skip
def test_quality_that_some_event_has_is_none(tmp_path: Path, asked: str, quality: str) -> None:
    rule = f"rule_name: daily\nconditions: [{{dataset: a, data.n: {asked}}}]\nadditional_conditions: [{{n: {quality}}}]\n"

    assert checked(tmp_path, rule).faults == ()


def test_one_field_in_two_spellings_that_contradict_each_other_is_a_fault(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions:\n- dataset: a\n  data.dataset_name: b\n"

    at, _, what = only(checked(tmp_path, rule))

    assert at == "4:22"
    assert what.startswith('data.dataset_name == "b" is contradicted by conditions[0]')


@pytest.mark.parametrize(
    ("field", "values"),
    [("data.dataset_name", '"orders" and "stock"'), ("dataset", '"orders" and "stock"')],
)
def test_inputs_that_no_gate_can_hold_together_are_a_fault(
    tmp_path: Path, field: str, values: str
) -> None:
    rule = TWO + f"correlation_logic:\n- match_field: data.business_date\n- match_field: {field}\n"

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "7:16",
        "document.invalid",
        f"{field} must be equal in all inputs, and they ask for {values}: "
        "this rule can never open; remove this match field, or ask for one value",
    )


def test_a_run_that_lacks_a_match_field_is_a_fault(tmp_path: Path) -> None:
    rule = TWO + (
        "correlation_logic:\n- match_field: data.business_date\n- match_field: data.region\n"
        "job_dependencies:\n- prerequisite_job: load\n"
    )

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "9:3",
        "document.invalid",
        "events about runs have no data.region, which all inputs must share: this rule can never "
        "open; match on data.business_date alone, or wait for an event that has it",
    )


def test_a_job_that_nobody_defines_is_never_heard_of(tmp_path: Path) -> None:
    rule = TWO + "job_dependencies:\n- prerequisite_job: laod\n"

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "6:21",
        "document.invalid",
        "no job is called 'laod', so nobody ever hears of its runs: this rule can never open; "
        'did you mean "load"?',
    )


def test_a_rule_that_waits_for_what_it_starts_is_a_warning(tmp_path: Path) -> None:
    rule = TWO + (
        "job_dependencies:\n- prerequisite_job: load\n"
        "actions:\n- action_type: trigger_job\n  job_name: load\n"
    )

    at, _, what = only_warning(checked(tmp_path, rule))

    assert at == "6:21"
    assert what.startswith("this rule starts 'load' and waits for it")


EMITS = """rule_name: r
conditions:
- {event_type: totals.made, data.kind: daily}
correlation_logic: [{match_field: data.business_date, operator: equals}]
actions:
- action_type: emit_event
  event_type: totals.made
  data: {kind: daily, business_date: "${business_date}"}
"""


def test_a_rule_that_emits_what_it_waits_for_is_a_warning(tmp_path: Path) -> None:
    at, _, what = only_warning(checked(tmp_path, EMITS))

    assert at == "7:15"
    assert what.startswith("this rule emits 'totals.made' and waits for it: each opening begins")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("event_type: totals.made\n", "event_type: totals.sent\n"),
        ("{kind: daily, ", "{kind: weekly, "),
        ("{kind: daily, ", "{"),
        ('business_date: "${business_date}"', "day: x"),
        ("data.kind: daily", "data.kind: daily, source: /totals"),
    ],
)
def test_what_it_emits_for_others_is_none(tmp_path: Path, old: str, new: str) -> None:
    assert old in EMITS

    project = checked(tmp_path, EMITS.replace(old, new))

    assert not [one for one in told(project.warnings) if "emits" in str(one)]


def test_an_expected_dataset_that_no_condition_receives_is_a_fault(tmp_path: Path) -> None:
    rule = TWO + (
        "correlation_logic:\n- context.validation:\n    expected_datasets: [orders, stok]\n"
        "    operator: all_received\n"
    )

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "7:33",
        "document.invalid",
        "no condition can receive the expected dataset 'stok': this rule can never open; "
        'did you mean "stock"?',
    )


def test_a_window_from_a_business_date_needs_one(tmp_path: Path) -> None:
    rule = TWO + (
        "correlation_logic:\n- match_field: data.batch\n"
        "- {time_window: 24h, anchor: business_date}\n"
    )

    fault = only(checked(tmp_path, rule))

    assert fault == (
        "7:30",
        "document.invalid",
        "the window begins with the business date, which is no match field of this rule; "
        "add match_field: data.business_date, or take another anchor",
    )


# ---- places and words
@pytest.mark.parametrize(
    ("written", "column", "code", "message"),
    [
        ("data.n: '>= '", 15, "expression.invalid",
         'data.n: >= stands alone; write a value behind it; to mean the text itself write == ">= "'),
        ("data.n: '>= 5 && 6'", 17, "expression.invalid",
         "data.n: && joins expressions, not values; write two conditions, or an expression"),
        ("data.n: = 5", 11, "expression.invalid",
         "data.n: = is no operator; write == or >= or <="),
        ("data.n: 'matches (a'", 20, "expression.invalid",
         "data.n: pattern, character 1: this ( is never closed; write \\( for the character"),
        ("data.n: []", 11, "document.invalid",
         "data.n: this can never hold: nothing is in an empty list; change the condition"),
        ("optionl: false", 3, "document.invalid", 'unknown key "optionl"; did you mean "optional"?'),
        ("additional_conditions: [{n: '> x y'}]", 34, "expression.invalid",
         'n: "x y" is no number; write a number such as > 300, or a text in quotes; '
         'to mean the text itself write == "> x y"'),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_is_a_fault_where_it_stands(
    tmp_path: Path, written: str, column: int, code: str, message: str
) -> None:
    rule = f"rule_name: daily\nconditions:\n- dataset: a\n  {written}\n"

    assert only(checked(tmp_path, rule)) == (f"4:{column}", code, message)


def test_a_zone_that_is_none_is_said_in_one_sentence(tmp_path: Path) -> None:
    fault = only(checked(tmp_path, TWO + "expect: {timezone: Europe/Berln}\n"))

    assert fault == (
        "5:20",
        "document.invalid",
        'timezone: "Europe/Berln" is no time zone; did you mean "Europe/Berlin"?',
    )


def test_everything_about_one_rule_is_said_at_once(tmp_path: Path) -> None:
    rule = """\
rule_name: daily
conditions:
- {dataset: orders, data.n: ">= "}
- {dataset: stock, data.m: "= 5"}
- {dataset: parts}
- {dataset: parts}
correlation_logic:
- match_field: dataset
- time_window: 24x
- context.validation: {expected_datasets: [ordrs]}
expect: {timezone: Europe/Berln, deadline: "6"}
actions:
- action_type: trigger_job
  job_name: lod
  parameters: {a: "${data.n +}", b: "${busines_date}"}
"""

    project = checked(tmp_path, rule)

    assert [(one.line, one.column) for one in project.faults] == [
        (3, 33), (4, 29), (6, 3), (8, 16), (9, 16), (10, 44), (11, 9), (11, 20), (11, 44), (15, 30),
        (15, 40),
    ]  # fmt: skip


def test_faults_of_one_file_hide_none_of_another(tmp_path: Path) -> None:
    project = checked(
        tmp_path, TWO + action("${busines_date}"), datasets__all="orders: {deadline: soon}\n"
    )

    assert [(one.file, one.line) for one in project.faults] == [
        ("datasets/all.yaml", 1),
        ("rules/daily.yaml", 7),
    ]


def test_nothing_is_said_of_what_may_stand_in_a_faulty_file(tmp_path: Path) -> None:
    rule = TWO + "actions:\n- action_type: trigger_job\n  job_name: nightly\n"

    project = checked(tmp_path, rule, jobs__more="nightly: {kind: comand, target: ['true']}\n")

    assert [one.file for one in project.faults] == ["jobs/more.yaml"]
    assert project.warnings == ()


# ---- several documents
IDS = "context_normalization: {global_correlation_id: 'x-${business_date}-${sequence}'}\n"


def test_two_processes_with_the_same_ids_are_named_with_both_files(tmp_path: Path) -> None:
    ids = "context_normalization: {global_correlation_id: 'x-${business_date}-${sequence}'}\n"
    one = f"rule_name: one\nbusiness_process: a\nconditions: [{{dataset: a}}]\n{ids}"
    two = f"rule_name: two\nbusiness_process: b\nconditions: [{{dataset: b}}]\n{ids}"

    project = checked(tmp_path, rules__one=one, rules__two=f"# another\n{two}")

    (fault,) = project.faults
    assert fault.headline() == (
        "rules/two.yaml:5:48: this rule of process 'b' makes the same ids as rule 'one' of process "
        "'a' (rules/one.yaml:1); fix: if they are one process, write business_process: a in both; else "
        "give this rule an id of its own: global_correlation_id: "
        '"x-${business_date}-${rule}-${sequence}", under context_normalization'
    )


@pytest.mark.parametrize(
    "mended",
    ["business_process: a\nconditions: [{dataset: b}]\n" + IDS,
     "business_process: b\nconditions: [{dataset: b}]\n"
     + IDS.replace("-${sequence}", "-${rule}-${sequence}")],
)  # fmt: skip
def test_both_ways_to_mend_the_same_ids_do(tmp_path: Path, mended: str) -> None:
    one = f"rule_name: one\nbusiness_process: a\nconditions: [{{dataset: a}}]\n{IDS}"

    project = checked(tmp_path, rules__one=one, rules__two=f"rule_name: two\n{mended}")

    assert project.faults == ()


def test_a_rule_without_inputs_is_told_so_and_nothing_else(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: []\n" + action("${inputs.orders.data.n}")

    _, _, what = only(checked(tmp_path, rule))

    assert what == "this rule waits for nothing; write at least one condition"


def test_a_source_that_two_applications_claim_is_named_with_both_files(tmp_path: Path) -> None:
    project = checked(
        tmp_path,
        contexts__a="name: a\ncontext_mapping: {crm: {source_pattern: /x}}\n",
        contexts__b="name: b\ncontext_mapping: {erp: {source_pattern: /x}}\n",
    )

    (fault,) = project.faults
    assert fault.headline() == (
        "contexts/b.yaml:2:41: /x is claimed by crm and by erp (contexts/a.yaml:1); "
        "fix: give each source to one application"
    )


# ---- expression bombs
@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("${" + "(" * 2000 + "1" + ")" * 2000 + "}", "nested deeper than 50 levels"),
        ("${" + "1+" * 9000 + "1}", "longer than 16,384 characters"),
        ("${data" + ".x" * 600 + "}", "at most 512 characters"),
        ("${" + "!" * 5000 + "true}", "nested deeper than 50 levels"),
        ("${" + "[" * 3000 + "]" * 3000 + "}", "nested deeper than 50 levels"),
        ("x" * 70_000, "longer than 65,536 characters"),
    ],
)
def test_an_expression_that_is_a_bomb_is_a_fault(tmp_path: Path, value: str, what: str) -> None:
    at, code, message = only(checked(tmp_path, TWO + action(value)))

    assert at.startswith("7:")
    assert code == "expression.invalid"
    assert what in message
    assert len(message) < 2000


@pytest.mark.parametrize(
    "pattern", ["(a{1000}){1000}", "(" * 2000 + "a" + ")" * 2000, "[a-z]{1,100000}"]
)
def test_a_pattern_that_is_a_bomb_is_a_fault(tmp_path: Path, pattern: str) -> None:
    rule = f"rule_name: daily\nconditions:\n- data.x: 'matches {pattern}'\n"

    at, code, _ = only(checked(tmp_path, rule))

    assert at.startswith("3:")
    assert code == "expression.invalid"


def test_templates_inside_one_another_without_end_are_a_fault(tmp_path: Path) -> None:
    deep = "[" * 100 + "1" + "]" * 100
    rule = (
        TWO
        + f"actions:\n- {{action_type: trigger_job, job_name: load, parameters: {{x: {deep}}}}}\n"
    )

    project = checked(tmp_path, rule)

    assert project.faults
