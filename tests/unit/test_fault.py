from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic import create_model as model_of

from tidegate.kernel.fault import (
    SHOWN_MAX,
    Fault,
    fault_at,
    from_validation,
    ordered,
    render,
    summary,
)
from tidegate.kernel.place import Path, Span
from tidegate.kernel.shape import shape_of
from tidegate.kernel.spelling import LISTED_MAX, did_you_mean, listed, nearest
from tidegate.kernel.validation import ERRORS_MAX
from tidegate.kernel.yaml import parse


class Base(BaseModel, extra="forbid", strict=True):
    pass


def told(model: type[BaseModel], text: str, path: Path = ()) -> list[str]:
    """`line:column: what; fix` of everything wrong with a document."""
    (document,), _ = parse(text, "x.yaml")
    body = document.value
    for step in path:
        body = body[step]
    try:
        model.model_validate_json(msgspec.json.encode(body))
    except ValidationError as error:
        faults = ordered(from_validation(error, document.places, "x.yaml", model, path))
        return [fault.headline().removeprefix("x.yaml:") for fault in faults]
    return []


def field(kind: Any, text: str) -> str:
    """What is said of `a: text` where `a` is of a kind."""
    (only,) = told(model_of("Model", __base__=Base, a=(kind, ...)), f"a: {text}")
    return only.partition(": ")[2]


# ---- one value
@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (bool, "yes", 'a is the text "yes"; fix: write true ("yes" is text in YAML 1.2)'),
        (bool, "off", 'a is the text "off"; fix: write false ("off" is text in YAML 1.2)'),
        (bool, '"true"', 'a is the text "true"; fix: write true without quotes'),
        (bool, "maybe", 'a is the text "maybe"; fix: write true or false'),
        (bool, "1", "a is the number 1; fix: write true or false"),
        (bool, "", "a is empty; fix: write true or false, or remove the key"),
        (int, '"3"', 'a is the text "3"; fix: write 3 without quotes'),
        (int, "x", 'a is the text "x"; fix: write a whole number such as 3'),
        (int, "3.5", "a is the number 3.5; fix: write a whole number such as 3"),
        (float, '"-2.5"', 'a is the text "-2.5"; fix: write -2.5 without quotes'),
        (float, "1.2.3", 'a is the text "1.2.3"; fix: write a number such as 1.0'),
        (str, "1.10", 'a is the number 1.10; fix: write it in quotes: "1.10"'),
        (str, "007", 'a is the number 007; fix: write it in quotes: "007"'),
        (str, "True", 'a is True; fix: write it in quotes: "True"'),
        (str, "[x]", "a is a list; fix: write text"),
        (str, "{x: 1}", "a is a mapping; fix: write text"),
        (str, "{x}", 'a is a mapping; fix: text that begins with { needs quotes: "{x}"'),
        (str, "null", "a is empty; fix: write text, or remove the key"),
        (list[str], "x", 'a is the text "x"; fix: write a list: ["x"]'),
        (list[int], "5", "a is the number 5; fix: write a list: [5]"),
        (list[str], "{b: c}", 'a is a mapping; fix: write a list: put "- " before the first key'),
        (dict[str, int], "x", 'a is the text "x"; fix: write key: value pairs, indented below it'),
        (str | list[str], "5", "a is the number 5; fix: write text or a list"),
        (str | list[str], "{x}", 'a is a mapping; fix: text that begins with { needs quotes: "{x}"'),
        (int | Literal["all"], "1.5", "a is the number 1.5; fix: write a whole number or all"),
        (int | Literal["all"], "al", 'a is the text "al"; fix: did you mean "all"?'),
        (Literal["low", "high"], "hgih", 'a: "hgih" is none of low, high; fix: did you mean "high"?'),
        (Literal["low", "high"], "zzz", 'a: "zzz" is none of low, high; fix: write one of these'),
        (Literal["low", "high"], "5", "a: the number 5 is none of low, high; fix: write one of these"),
        (Literal["low", "high"], "", "a is empty; fix: write one of low, high"),
        (Literal["on"], "off", 'a is the text "off"; fix: write on'),
        (Annotated[int, Field(ge=1)], "0", "a is the number 0; fix: write at least 1"),
        (Annotated[int, Field(gt=1)], "1", "a is the number 1; fix: write more than 1"),
        (Annotated[int, Field(le=9)], "10", "a is the number 10; fix: write at most 9"),
        (Annotated[float, Field(lt=1)], "1.0", "a is the number 1.0; fix: write less than 1"),
        (Annotated[int, Field(multiple_of=5)], "3", "a is the number 3; fix: write a multiple of 5"),
        (Annotated[str, Field(min_length=2)], "x", 'a is the text "x"; fix: write at least 2 char'),
        (Annotated[str, Field(min_length=1)], '""', "a is an empty text; fix: write at least 1 char"),
        (Annotated[str, Field(max_length=2)], "xyz", "a has 3 characters; fix: write at most 2 char"),
        (Annotated[list[int], Field(min_length=1)], "[]", "a is empty; fix: write at least 1 item"),
        (Annotated[list[int], Field(max_length=1)], "[1, 2]", "a has 2 items; fix: write at most 1 i"),
        (Annotated[str, Field(pattern="^a$")], "b", 'a: "b" does not fit; fix: write text that mat'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_said_in_words_of_its_author(kind: Any, text: str, said: str) -> None:
    assert field(kind, text).startswith(said)


def test_a_long_value_is_cut() -> None:
    assert field(int, "x" * 500) == (
        f'a is the text "{"x" * 37}..."; fix: write a whole number such as 3'
    )


class Priority(StrEnum):
    LOW = "low"
    HIGH = "high"


def test_an_enumeration_is_a_choice() -> None:
    assert field(Priority, "hihg").startswith('a: "hihg" is none of low, high; fix: did you mean')


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("not a duration|write 1d", 'a: "5x" is not a duration; fix: write 1d'),
        ("no such thing|write 1d", 'a: "5x" is no such thing; fix: write 1d'),
        ("unknown storage|write 1d", "a: unknown storage; fix: write 1d"),
        ("'5x' is not a duration; write 1d", "a: '5x' is not a duration; fix: write 1d"),
        ("wrong", "a: wrong"),
    ],
)
def test_a_validator_says_what_is_wrong_and_how_to_mend_it(message: str, said: str) -> None:
    def refuse(_value: object) -> object:
        raise ValueError(message)

    assert field(Annotated[str, BeforeValidator(refuse)], "5x") == said


def test_what_pydantic_says_of_rarer_faults_is_passed_on() -> None:
    assert field(Annotated[bytes, Field(max_length=1)], "xyz").startswith("a: data should have")


# ---- keys
class Job(Base):
    action_type: Literal["trigger_job"]
    job_name: str
    parameters: dict[str, int] = {}


class Note(Base):
    action_type: Literal["notify"]
    channel: str
    message: str


class Rule(Base):
    rule_name: str
    window_hours: int = 24
    owner: str | None = None
    actions: list[Annotated[Job | Note, Field(discriminator="action_type")]] = []
    fallback: list[Job | Note] = []
    by_name: dict[str, Job] = {}


def test_an_unknown_key_is_pointed_at_and_its_like_is_proposed() -> None:
    assert told(Rule, "rule_name: a\nwindowHours: 3") == [
        '2:1: unknown key "windowHours"; fix: did you mean "window_hours"?'
    ]


def test_an_unknown_key_that_is_like_nothing_shows_what_is_known() -> None:
    assert told(Rule, "rule_name: a\nzzz: 3") == [
        '2:1: unknown key "zzz"; fix: remove it; '
        "known here: window_hours, owner, actions, fallback, by_name"
    ]


def test_a_key_at_the_wrong_depth_is_sent_home() -> None:
    assert told(Rule, "rule_name: a\nchannel: slack") == [
        '2:1: unknown key "channel"; fix: it belongs under actions, under fallback; '
        "check the indentation"
    ]
    text = "rule_name: a\nactions:\n- {action_type: trigger_job, job_name: x, owner: me}"
    assert told(Rule, text) == [
        '3:43: unknown key "owner"; fix: it belongs at the top; check the indentation'
    ]


def test_a_missing_key_is_told_where_it_would_stand() -> None:
    assert told(Rule, "window_hours: 3") == [
        '1:1: "rule_name" is missing; fix: add rule_name (text)'
    ]
    assert told(Rule, "rule_name: a\nby_name:\n  x:\n    action_type: trigger_job") == [
        '3:3: "job_name" is missing; fix: add job_name (text)'
    ]


def test_a_misspelt_key_is_not_missing_as_well() -> None:
    assert told(Rule, "rulename: a") == [
        '1:1: unknown key "rulename"; fix: did you mean "rule_name"?'
    ]


def test_a_wrong_key_of_a_mapping_is_pointed_at() -> None:
    kind = dict[Annotated[str, Field(pattern="^[a-z]+$")], int]
    model = model_of("Model", __base__=Base, a=(kind, ...))

    assert told(model, "a:\n  b: 1\n  C: 2") == [
        '3:3: the key: "C" does not fit; fix: write text that matches ^[a-z]+$'
    ]


def test_paths_are_those_of_the_document_not_of_the_body() -> None:
    assert told(Rule, "daily:\n  rule_name: 5\n", ("daily",)) == [
        '2:14: rule_name is the number 5; fix: write it in quotes: "5"'
    ]


def test_what_is_beyond_the_limit_is_counted() -> None:
    model = model_of("Model", __base__=Base, a=(list[int], ...))

    found = told(model, f"a: [{'x, ' * (ERRORS_MAX + 7)}]")

    assert len(found) == ERRORS_MAX + 1
    assert (
        found[0] == "1:1: 7 more faults of this document are not told; fix: mend the others first"
    )


# ---- unions
def test_of_tagged_alternatives_only_the_named_one_speaks() -> None:
    text = "rule_name: a\nactions:\n- action_type: notify\n  channel: 5\n"

    assert told(Rule, text) == [
        '3:3: "message" is missing; fix: add message (text)',
        '4:12: channel is the number 5; fix: write it in quotes: "5"',
    ]


@pytest.mark.parametrize("key", ["actions", "fallback"])
def test_a_misspelt_tag_is_one_fault(key: str) -> None:
    text = f"rule_name: a\n{key}:\n- action_type: notfy\n  channel: x\n"

    assert told(Rule, text) == [
        '3:16: action_type: "notfy" is none of trigger_job, notify; fix: did you mean "notify"?'
    ]


def test_a_missing_tag_is_one_fault() -> None:
    assert told(Rule, "rule_name: a\nactions:\n- channel: x") == [
        '3:3: "action_type" is missing; fix: add action_type (one of trigger_job, notify)'
    ]


def test_of_plain_alternatives_the_nearest_speaks() -> None:
    text = "rule_name: a\nfallback:\n- action_type: notify\n  channel: 5\n  message: x\n"

    assert told(Rule, text) == ['4:12: channel is the number 5; fix: write it in quotes: "5"']


def test_the_alternative_that_knows_the_word_is_meant_however_much_it_lacks() -> None:
    assert told(Rule, "rule_name: a\nfallback:\n- action_type: notify\n") == [
        '3:3: "channel" is missing; fix: add channel (text)',
        '3:3: "message" is missing; fix: add message (text)',
    ]


def test_an_alternative_knows_its_own_keys_alone() -> None:
    text = "rule_name: a\nfallback:\n- {action_type: notify, channel: x, message: y, job_nam: z}"

    assert told(Rule, text) == ['3:49: unknown key "job_nam"; fix: remove it']


class One(Base):
    name: str
    x: int


class Other(Base):
    name: int
    y: int


class Large(Base):
    name: str
    y: int
    z: int


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (One | Other, "{}", ['"name" is missing; fix: add name (text or a whole number)']),
        (
            One | Large,
            "{}",
            [
                '"name" is missing; fix: add name (text)',
                '"x" is missing; fix: add x (a whole number)',
            ],
        ),
        (One | Large, "{name: a, y: b, z: 1}", ['y is the text "b"; fix: write a whole number']),
        (One | Large, "{name: a, y: 1}", ['"z" is missing; fix: add z (a whole number)']),
    ],
)
def test_of_alternatives_without_a_word_the_nearest_speaks(
    kind: Any, text: str, said: list[str]
) -> None:
    model = model_of("Model", __base__=Base, a=(kind, ...))

    found = [one.partition(": ")[2] for one in told(model, f"a: {text}")]

    assert len(found) == len(said)
    assert all(one.startswith(wanted) for one, wanted in zip(found, said, strict=True))


def test_what_is_no_alternative_at_all_is_one_fault() -> None:
    assert told(Rule, "rule_name: a\nfallback: [5]") == [
        "2:12: fallback[0] is the number 5; fix: write key: value pairs"
    ]


def test_an_alternative_of_the_right_sort_is_preferred() -> None:
    kind = Literal["never"] | Annotated[str, Field(pattern="^[0-9]+d$")] | int

    assert field(kind, "x") == 'a: "x" does not fit; fix: write text that matches ^[0-9]+d$'


def test_a_document_of_another_sort_is_one_fault() -> None:
    assert told(Rule, "- a") == ["1:1: the document is a list; fix: write key: value pairs"]


def test_a_model_without_a_schema_still_has_its_faults() -> None:
    class Opaque:
        pass

    model = model_of(
        "Model", __base__=Base, a=(Annotated[Opaque, PlainValidator(lambda value: value)], None)
    )
    model.model_config["arbitrary_types_allowed"] = True

    assert told(model, "b: 1")[0].startswith('1:1: unknown key "b"')


def test_a_shape_knows_what_a_key_takes() -> None:
    shape = shape_of(Rule)

    assert shape.wanted("rule_name") == "text"
    assert shape.wanted("actions") == "a list"
    assert shape.wanted("nothing") == ""
    assert shape.at("actions").at(0).at("notify").known() == ("action_type", "channel", "message")
    assert shape.at("by_name").at("any").known() == ("action_type", "job_name", "parameters")


# ---- spelling
def test_the_nearest_word_is_found_whatever_its_case_and_dashes() -> None:
    assert nearest("rule-Name", ["name", "rule_name"]) == "rule_name"
    assert nearest("rule_name", []) is None
    assert nearest("x", ["rule_name"]) is None
    assert nearest("mon", ["sunday", "monday"]) == "monday"
    assert nearest("tas", ["task_one", "task_two"]) is None
    assert nearest("x" * 10_000, ["x" * 10_000]) is None


def test_a_guess_is_a_question() -> None:
    assert did_you_mean("rul", ["rule"]) == 'did you mean "rule"?'
    assert did_you_mean("zzz", ["rule"], "remove it") == "remove it"


def test_long_lists_say_how_much_they_leave_out() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(str(number) for number in range(LISTED_MAX + 3)).endswith("11 and 3 more")


# ---- printing
def test_faults_are_printed_by_file_and_place_each_once() -> None:
    second = fault_at("b.yaml", Span(1, 1, 1), "second")
    first = fault_at("a.yaml", Span(10, 1, 1), "first", "mend it")
    earlier = fault_at("a.yaml", Span(9, 1, 1), "earlier", warning=True)

    text = render([second, first, earlier, second], {"a.yaml": "\n" * 8 + "abc\ndef\n"})

    assert text == (
        "a.yaml:9:1: warning: earlier\n   9 | abc\n     | ^\n\n"
        "a.yaml:10:1: first; fix: mend it\n  10 | def\n     | ^\n\n"
        "b.yaml:1:1: second\n"
    )


def test_a_fault_of_a_whole_file_has_no_line() -> None:
    fault = fault_at("rules", None, "not read", "remove it")

    assert render([fault], {}) == "rules: not read; fix: remove it\n"


def test_a_caret_stands_under_wide_and_odd_characters() -> None:
    line = "顧客: \tx\x1b[0m"

    _, shown, caret, _ = render([Fault("a", 1, 6, 1, "here")], {"a": line}).split("\n")

    assert shown == "   1 | 顧客: →x�[0m"
    assert caret == "     | " + " " * 7 + "^"  # the first two characters take four columns


@pytest.mark.parametrize("column", [1, 50, 150, 300, 400])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    line = "".join(chr(97 + number % 26) for number in range(400))

    _, shown, caret, _ = render([Fault("a", 1, column, 1, "here")], {"a": line}).split("\n")

    assert len(shown) <= len("   1 | ") + SHOWN_MAX + 6
    assert shown[caret.index("^")] == line[column - 1]


def test_a_long_piece_of_a_long_line_is_cut_with_it() -> None:
    _, shown, caret, _ = render([Fault("a", 1, 300, 300, "here")], {"a": "x" * 1000}).split("\n")

    assert len(shown) <= len("   1 | ") + SHOWN_MAX + 6
    assert len(caret) <= len(shown)


def test_a_place_outside_of_its_text_is_printed_without_a_line() -> None:
    assert render([Fault("a", 7, 1, 1, "here")], {"a": "one line"}) == "a:7:1: here\n"
    assert "^" in render([Fault("a", 1, 99, 5, "here")], {"a": "one line"})


def test_texts_from_outside_cannot_break_the_line_or_the_terminal() -> None:
    fault = fault_at("a", Span(1, 1, 1), "bad\nvalue \x1b[2J", "fix\rit")

    assert fault.headline() == "a:1:1: bad value �[2J; fix: fix it"


def test_a_summary_counts() -> None:
    fault, warning = Fault("a", 1, 1, 1, "x"), Fault("b", 1, 1, 1, "y", warning=True)

    assert summary([]) == "no faults"
    assert summary([fault]) == "1 fault in 1 file"
    assert summary([fault, warning, warning]) == "1 fault and 1 warning in 2 files"
