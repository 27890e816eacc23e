"""What `tidegate check` says once, of whom, and what it has nothing to say about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidegate.correlate.mistake import GUESSED_AMONG_MAX, GUESSES_MAX, odd_datasets
from tidegate.correlate.source import sources_of
from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.fault import Fault
from tidegate.kernel.ids import DocId, digest
from tidegate.kernel.step import Document
from tidegate.kernel.unused import unused
from tidegate.ports.store import Activation, DocumentDraft, StoredDocument
from tidegate.services.documents import changes_of, drafts_of, refuse_faults
from tidegate.services.engines import DOCUMENT_KINDS
from tidegate.services.folder import FILES_MAX, gather
from tidegate.testing.checked import DATED, JOBS, TWO, checked, told

STARTS = "actions: [{action_type: trigger_job, job_name: %s}]\n"
OTHER = "rule_name: other\nconditions: [{dataset: b}]\n"


def words(faults: tuple[Fault, ...]) -> list[str]:
    """What is said, up to the first comma or colon."""
    return [what.partition(":")[0].partition(",")[0] for _, _, what in told(faults)]


# ---- of whom
def test_a_rule_that_does_not_compile_ends_the_check_of_no_other(tmp_path: Path) -> None:
    lost = "rule_name: a\nconditions: [{dataset: a}]\nexpect: {calendar: nowhere}\n" + DATED

    project = checked(tmp_path, rules__a=lost, rules__b=OTHER + STARTS % "nobody")

    assert words(project.faults) == ['no calendar is called "nowhere"; write business_days']
    assert words(project.warnings) == ["no job is called 'nobody'"]


@pytest.mark.parametrize("part", ["on_timeout", "on_quality_failure"])
def test_a_job_that_is_started_when_something_went_wrong_must_be_there_too(
    tmp_path: Path, part: str
) -> None:
    rule = TWO + DATED + f"{part}: [{{action_type: trigger_job, job_name: nobody}}]\n"

    project = checked(tmp_path, rule)

    assert "no job is called 'nobody'" in words(project.warnings)


def test_each_of_two_places_with_one_mistake_is_told(tmp_path: Path) -> None:
    both = "{action_type: trigger_job, job_name: nobody}"

    project = checked(tmp_path, TWO + DATED + f"actions:\n- {both}\n- {both}\n")

    assert words(project.warnings) == ["no job is called 'nobody'"] * 2


def test_of_two_documents_of_one_name_each_is_told_of_its_own_mistakes(tmp_path: Path) -> None:
    broken = OTHER + "colour: red\n" + STARTS % "nobody"

    project = checked(tmp_path, rules__a=OTHER + STARTS % "load", rules__b=broken)

    assert words(project.warnings) == ["no job is called 'nobody'"]
    assert words(project.faults) == [
        'rule "other" is written twice',
        'unknown key "colour"; remove it; known here',
    ]
    assert {one.file for one in (*project.faults, *project.warnings)} == {"rules/b.yaml"}


# ---- jobs that may be somewhere else
def test_an_empty_file_hides_no_job(tmp_path: Path) -> None:
    project = checked(tmp_path, TWO + STARTS % "nobody", jobs__more="# later\n")

    assert "no job is called 'nobody'" in words(project.warnings)


def test_where_a_job_has_no_name_none_is_called_unknown(tmp_path: Path) -> None:
    more = '" ": {kind: command, target: ["true"]}\n'

    project = checked(tmp_path, TWO + STARTS % "nobody", jobs__more=more)

    assert words(project.faults) == ["this job has no name; give it one"]
    assert words(project.warnings) == []


# ---- dates
@pytest.mark.parametrize(
    "match",
    [
        "correlation_logic: [{match_field: data.store}]\n",
        "correlation_logic: [{match_field: data.business_date}, {match_field: data.store}]\n",
    ],
)
def test_a_deadline_needs_the_business_date_and_no_further_match_field(
    tmp_path: Path, match: str
) -> None:
    project = checked(tmp_path, TWO + match + 'expect: {deadline: "06:00"}\n')

    assert "a gate can only be expected where the business date is the one match field" in (
        one.partition(";")[0] for one in words(project.faults)
    )


def test_a_window_from_the_business_date_is_fine_where_that_is_matched_by_itself(
    tmp_path: Path,
) -> None:
    window = "correlation_logic: [{time_window: 2h, operator: within, anchor: business_date}]\n"

    project = checked(tmp_path, TWO + window)

    assert words(project.faults) == []


# ---- ids
@pytest.mark.parametrize(
    ("first", "second", "faults"),
    [
        ("x-${business_date}-${sequence}", "x-${data.business_date}-${sequence}", 1),
        ("x-${business_date}-${sequence}", "x-{business_date}-{sequence}", 1),
        ("x-${rule}-${sequence}", "x-${rule}-${sequence}", 0),
        ("x-${business_process}-${sequence}", "x-${business_process}-${sequence}", 0),
    ],
)
def test_two_processes_share_their_ids_however_these_are_spelt_unless_they_tell_the_rule(
    tmp_path: Path, first: str, second: str, faults: int
) -> None:
    def named(name: str, template: str) -> str:
        context = f"context_normalization: {{global_correlation_id: '{template}'}}\n"
        head = f"rule_name: {name}\nbusiness_process: of_{name}\n"
        return f"{head}conditions: [{{dataset: {name}}}]\n{context}"

    project = checked(tmp_path, rules__a=named("a", first), rules__b=named("b", second))

    assert len(project.faults) == faults, told(project.faults)


# ---- conditions
def test_a_question_mark_is_a_pattern_too(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: [{event_type: 'deliver?d', dataset: a}]\n"

    project = checked(tmp_path, rule + DATED)

    assert words(project.warnings) == ["event types are compared whole here"]


def test_events_of_tidegate_itself_are_of_a_known_application(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: [{application: tidegate, event_type: x}]\n"

    assert words(checked(tmp_path, rule + DATED).faults) == []


def test_an_optional_input_that_can_never_be_there_does_not_keep_the_rule_shut(
    tmp_path: Path,
) -> None:
    lines = (
        "rule_name: daily\nconditions:\n- {dataset: a}\n"
        "- {dataset: b, optional: %s, data.n: '> 5', additional_conditions: [{data.n: '< 3'}]}\n"
    )

    never, there = (
        checked(tmp_path / name, lines % optional + DATED).faults[0].what
        for name, optional in (("one", "true"), ("two", "false"))
    )

    assert never.endswith("this input can never be there")
    assert there.endswith("this rule can never open")


@pytest.mark.parametrize(("optional", "many"), [("true", 1), ("false", 0)])
def test_one_required_input_keeps_the_optional_ones_from_being_enough(
    tmp_path: Path, optional: str, many: int
) -> None:
    rule = f"rule_name: daily\nconditions: [{{dataset: a, optional: true}}, {{dataset: b, optional: {optional}}}]\n"

    assert len(checked(tmp_path, rule + DATED).warnings) == many


@pytest.mark.parametrize(
    "second", ["{dataset: b, data.store: x}", "{dataset: b, data.store: y, optional: true}"]
)
def test_required_inputs_with_one_value_of_a_match_field_can_be_together(
    tmp_path: Path, second: str
) -> None:
    rule = f"rule_name: daily\nconditions: [{{dataset: a, data.store: x}}, {second}]\n"
    match = "correlation_logic: [{match_field: data.business_date}, {match_field: data.store}]\n"

    assert words(checked(tmp_path, rule + match).faults) == []


def test_a_condition_receives_an_expected_dataset_under_its_own_name(tmp_path: Path) -> None:
    rule = "rule_name: daily\nconditions: [{name: orders, event_type: x}]\n"
    lines = (
        "correlation_logic:\n- match_field: data.business_date\n"
        "- context.validation: {expected_datasets: [orders]}\n"
    )

    assert words(checked(tmp_path, rule + lines).faults) == []


def test_the_quality_of_one_condition_is_looked_at_for_slips(tmp_path: Path) -> None:
    rule = (
        "rule_name: daily\nconditions:\n"
        "- {dataset: a, additional_conditions: [{data.n: '> many'}]}\n"
    )

    assert words(checked(tmp_path, rule + DATED).warnings) == ['"> many" compares texts']


# ---- guesses
def source(name: str) -> Any:
    (found,) = sources_of({"conditions": [{"data.dataset_name": name}]})
    return found


def test_a_dataset_that_is_declared_is_no_slip_of_another() -> None:
    declared = {"orders": None, "orders_eu": None, "order": None}

    assert [list(odd_datasets(source(name), declared, set())) for name in declared] == [[], [], []]


def test_slips_are_looked_for_a_limited_number_of_times_among_a_limited_number() -> None:
    many = {f"name-{number}": None for number in range(GUESSED_AMONG_MAX)}
    asked = {str(number) for number in range(GUESSES_MAX - 1)}

    found = list(odd_datasets(source("ordesr"), {"orders": None}, set(asked)))
    beyond = list(odd_datasets(source("ordesr"), {"orders": None}, {*asked, "one more"}))
    among = list(odd_datasets(source("ordesr"), {"orders": None, **many}, set()))

    assert [len(one) for one in (found, beyond, among)] == [1, 0, 0]


def test_a_key_without_effect_that_is_written_empty_is_none() -> None:
    keys = ((("team",), "write owner"),)

    found = [list(unused(Document("rule", "a", {"team": one}), keys)) for one in (None, "x")]

    assert [len(one) for one in found] == [0, 1]


# ---- files, and what becomes of them
def test_files_beyond_their_number_are_not_read_and_this_is_said(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for number in range(FILES_MAX + 1):
        (tmp_path / "rules" / f"{number}.yaml").touch()

    gathered = gather(tmp_path, DOCUMENT_KINDS)

    assert len(gathered.files) == FILES_MAX
    (fault,) = gathered.faults
    assert fault.what.startswith("the project is over its limit of 10,000 files")
    assert not fault.warning


def test_a_project_with_a_fault_is_refused_as_a_whole(tmp_path: Path) -> None:
    project = checked(tmp_path, rules__a=OTHER, rules__b="rule_name: [\n")

    with pytest.raises(InputError) as raised:
        refuse_faults(project)

    assert [one.name for one in project.documents if one.kind == "rule"] == ["other"]
    assert raised.value.code == "document.invalid"
    assert raised.value.details["faults"]
    assert "rules/b.yaml:" in raised.value.message


def test_what_following_a_folder_would_change_is_told_of_what_is_followed_alone() -> None:
    def stored(number: int, name: str, *, active: bool = True) -> StoredDocument:
        return StoredDocument(DocId(number), "rule", name, 1, f'"{name}"', active)

    followed = Activation(
        1, Instant(0), b"",
        (stored(1, "same"), stored(2, "old", active=False), stored(3, "gone"), stored(4, "changed")),
    )  # fmt: skip
    drafts = [
        DocumentDraft("rule", name, digest(body.encode()), body)
        for name, body in (("same", '"same"'), ("old", '"old"'), ("changed", '"otherwise"'))
    ]

    changes = changes_of(drafts, followed)

    assert [(one.name, one.what) for one in changes] == [
        ("changed", "changed"), ("gone", "withdrawn"), ("old", "added"),
    ]  # fmt: skip
    assert changes_of([], None) == ()


def test_documents_are_stored_in_one_order(tmp_path: Path) -> None:
    drafts = drafts_of(checked(tmp_path, rules__z=OTHER, rules__a=TWO, jobs__all=JOBS))

    assert [(one.kind, one.name) for one in drafts] == [
        ("job", "load"), ("project", "project"), ("rule", "daily"), ("rule", "other"),
    ]  # fmt: skip
