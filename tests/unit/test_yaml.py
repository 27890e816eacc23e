from __future__ import annotations

import pytest

from tidegate.kernel import jsonplaces
from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault
from tidegate.kernel.place import Lines, Parsed, Path, Span, locate
from tidegate.kernel.textfile import FILE_MAX_BYTES, read
from tidegate.kernel.yaml import (
    ALIAS_NODES_MAX,
    DEPTH_MAX,
    FAULTS_MAX,
    NODES_MAX,
    SYNTAX_FAULTS_MAX,
    parse,
)

BOTH = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])


def one(text: str, *, pure: bool = False) -> Parsed:
    documents, faults = parse(text, "x.yaml", pure=pure)
    assert faults == ()
    (document,) = documents
    return document


def value(text: str) -> Json:
    return one(text).value


def faults(text: str, *, pure: bool = False) -> list[str]:
    return [said(fault) for fault in parse(text, "x.yaml", pure=pure)[1]]


def said(fault: Fault) -> str:
    return f"{fault.line}:{fault.column}: {fault.what}"


# ---- what words mean
@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("02:00", "02:00"),
        ("12:30:00", "12:30:00"),
        ("2024-01-15", "2024-01-15"),
        ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+7", 7),
        ("-0", 0),
        ("1_000", "1_000"),
        ("1.0", 1.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-x", "-x"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ('"true"', "true"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("00000000000000000000000000007", 7),
        ("١", "١"),
    ],
)
@BOTH
def test_a_word_means_what_yaml_1_2_says(text: str, meaning: Json, *, pure: bool) -> None:
    document = one(f"a: {text}", pure=pure)

    assert document.value == {"a": meaning}
    assert type(document.value["a"]) is type(meaning)


def test_an_empty_value_is_null_and_has_a_place() -> None:
    document = one("a:\nb: 1")

    assert document.value == {"a": None, "b": 1}
    assert document.places["a",].value == Span(1, 3, 0)


@pytest.mark.parametrize(
    ("word", "what"),
    [
        (".nan", "is no number that JSON can carry"),
        ("-.inf", "is no number that JSON can carry"),
        ("1e999", "is too large for a number"),
        ("18446744073709551616", "is an integer beyond 64 bits"),
        ("-9223372036854775809", "is an integer beyond 64 bits"),
        ("9" * 5000, "is an integer beyond 64 bits"),
        ("0x" + "f" * 17, "is an integer beyond 64 bits"),
    ],
)
def test_a_number_that_json_cannot_carry_is_a_fault(word: str, what: str) -> None:
    assert faults(f"a: {word}") == [f"1:4: {word[:40]} {what}"]


@pytest.mark.parametrize("tag", ["!!binary", "!!set", "!mine", "!!python/name:os.system", "!!seq"])
def test_a_tag_outside_the_core_schema_is_a_fault(tag: str) -> None:
    assert faults(f"a: {tag} x") == [f"1:4: the tag {tag} is not read"]


def test_a_tag_that_does_not_agree_with_its_value_is_a_fault() -> None:
    assert faults("a: !!int x") == ['1:4: "x" does not agree with its tag !!int']
    assert faults("a: !!map [1]") == ["1:4: the tag !!map is not read"]
    assert faults("a: !!map {b: 1}") == []


# ---- several documents
def test_documents_of_one_file_have_places_of_their_own() -> None:
    documents, wrong = parse("a: 1\n---\n# nothing here\n---\nb: 2\n", "x.yaml")

    assert wrong == ()
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]
    assert documents[1].places["b",].key == Span(5, 1, 1)


@BOTH
def test_after_a_syntax_fault_reading_goes_on_with_the_next_document(*, pure: bool) -> None:
    text = 'a: 1\n---\nb: [\n---\nc: 3\n---\nd: "x\n---\ne: 5\n'

    documents, wrong = parse(text, "x.yaml", pure=pure)

    assert [document.value for document in documents] == [{"a": 1}, {"c": 3}, {"e": 5}]
    assert [said(fault) for fault in wrong] == [
        "3:4: the [ that opens here is never closed",
        "7:4: the quote that opens here is never closed",
    ]


def test_places_after_a_syntax_fault_are_those_of_the_file() -> None:
    text = "a: @\n---\nb: two\nc: {{ ds }}\n"

    (document,), wrong = parse(text, "x.yaml")

    assert document.places["b",].value == Span(3, 4, 3)
    assert [(fault.line, fault.column) for fault in wrong] == [(1, 4), (4, 5)]
    assert wrong[1].fix == 'write "{{ ds }}"'


def test_what_a_syntax_fault_follows_is_no_document() -> None:
    assert parse("a: 1\n---\nrule_name:daily\nb: 2\n", "x.yaml")[0] == parse("a: 1", "x.yaml")[0]


def test_what_ended_by_dots_is_a_document_whatever_follows() -> None:
    documents, wrong = parse("a: 1\n...\n@\n", "x.yaml")

    assert [document.value for document in documents] == [{"a": 1}]
    assert len(wrong) == 1


def test_only_so_many_syntax_faults_are_told() -> None:
    told = faults("---\n@\n" * (SYNTAX_FAULTS_MAX + 5))

    assert len(told) == SYNTAX_FAULTS_MAX + 1
    assert told[-1].endswith("nothing from here on was read")


def test_a_directive_of_yaml_1_1_changes_nothing_and_is_said() -> None:
    documents, (warning,) = parse("%YAML 1.1\n---\na: yes", "x.yaml")

    assert documents[0].value == {"a": "yes"}
    assert warning.warning
    assert warning.line == 1


# ---- keys
@BOTH
def test_a_key_written_twice_is_a_fault_and_the_last_counts(*, pure: bool) -> None:
    documents, wrong = parse("a: 1\nb: 2\na: 3\n", "x.yaml", pure=pure)

    assert documents[0].value == {"a": 3, "b": 2}
    assert [said(fault) for fault in wrong] == ['3:1: "a" is written twice, first on line 1']


@pytest.mark.parametrize("key", ["404", "1.5", "true", "~", "null", ".nan", "0x1F"])
def test_a_key_that_is_no_text_is_a_fault_and_read_as_written(key: str) -> None:
    documents, wrong = parse(f"{key}: x", "x.yaml")

    assert documents[0].value == {key: "x"}
    assert [said(fault) for fault in wrong] == [f"1:1: the key {key} is no text"]
    assert wrong[0].fix == f'write it in quotes: "{key}"'


def test_a_collection_as_a_key_is_a_fault() -> None:
    documents, wrong = parse("? [a, b]\n: c\nd: e\n", "x.yaml")

    assert documents[0].value == {"d": "e"}
    assert [said(fault) for fault in wrong] == ["1:3: a list or mapping cannot be a key"]


@pytest.mark.parametrize("text", ["name: {{ ds }}", "name: {{ ds }}-report"])
def test_a_template_without_quotes_is_told_as_such(text: str) -> None:
    (fault,) = parse(text, "x.yaml")[1]

    assert fault.what == "a template without quotes is read as a mapping"
    assert fault.fix == 'write "{{ ds }}"'


def test_a_missing_key_is_a_fault() -> None:
    assert faults("{: x}") == ["1:2: a key is missing before the colon"]


# ---- anchors and merges
def test_an_alias_repeats_its_anchor_with_the_places_of_it() -> None:
    document = one("base: &b {x: 1, y: [2]}\nuse: *b\n")

    assert document.value["use"] == {"x": 1, "y": [2]}
    assert document.places["use",].value == Span(2, 6, 2)
    assert document.places["use", "y", 0] == document.places["base", "y", 0]


def test_an_alias_can_be_a_key() -> None:
    assert value("&k a: 1\nb: {*k : 2}") == {"a": 1, "b": {"a": 2}}


@BOTH
def test_merged_keys_stand_below_the_written_ones(*, pure: bool) -> None:
    text = "a: &a {x: 1, y: {z: 2}}\nb: &b {y: 3, w: 4}\nc:\n  <<: [*a, *b]\n  x: 0\n"

    document = one(text, pure=pure)

    assert document.value["c"] == {"x": 0, "y": {"z": 2}, "w": 4}
    assert document.places["c", "y", "z"] == document.places["a", "y", "z"]
    assert document.places["c", "w"] == document.places["b", "w"]
    assert document.places["c", "x"].value == Span(5, 6, 1)


def test_a_merge_of_a_written_mapping_keeps_its_places() -> None:
    document = one("a:\n  <<: {x: 1}\n  y: 2\n")

    assert document.value == {"a": {"y": 2, "x": 1}}
    assert document.places["a", "x"].value == Span(2, 11, 1)


def test_only_mappings_merge() -> None:
    assert faults("a:\n  <<: [1]\n") == ["2:7: << merges mappings only"]
    assert value('a: {"<<": 1}') == {"a": {"<<": 1}}


def test_an_alias_without_its_anchor_is_a_fault() -> None:
    assert faults("a: *b") == ["1:4: no anchor &b stands above"]
    assert faults("a: &b 1\n---\na: *b") == ["3:4: no anchor &b stands above"]
    assert faults("a: &b [*b]") == ["1:8: *b lies within &b"]


@pytest.mark.parametrize("join", ["[{}]", "{{<<: [{}]}}"], ids=["alias", "merge"])
def test_aliases_stand_for_so_many_values_only(join: str) -> None:
    nine = ", ".join(["*{0}"] * 9)
    lines = ["a: &a {q: 1, w: 2, e: 3, r: 4, t: 5}"]
    lines += [
        f"{name}: &{name} " + join.replace("{}", nine).replace("{{", "{").replace("}}", "}")
        for name in "bcdefg"
    ]
    text = "\n".join(
        line.replace("*{0}", f"*{chr(ord(line[0]) - 1)}") if line[0] != "a" else line
        for line in lines
    )

    told = faults(text)

    assert len(told) == 1
    assert f"more than {ALIAS_NODES_MAX:,} values" in told[0]


def test_as_many_values_as_are_allowed_may_be_repeated() -> None:
    ones = ", ".join("1" * 99)  # with the list itself a hundred values
    repeats = ALIAS_NODES_MAX // 100

    assert faults(f"a: &a [{ones}]\nb: [{'*a, ' * repeats}]") == []
    assert len(faults(f"a: &a [{ones}]\nb: [{'*a, ' * repeats} *a]")) == 1


# ---- limits
@pytest.mark.parametrize("opener", ["[", "- ", "{a: ", "? "])
@BOTH
def test_depth_is_limited(opener: str, *, pure: bool) -> None:
    (told,) = faults(opener * (DEPTH_MAX + 1), pure=pure)

    assert told.endswith(f"nested deeper than {DEPTH_MAX} levels")


def test_the_deepest_allowed_document_is_read() -> None:
    assert one("[" * DEPTH_MAX + "]" * DEPTH_MAX).value


def test_a_file_of_brackets_ends_nothing_but_its_reading() -> None:
    assert len(faults("[" * 300_000)) == 1


def test_the_number_of_values_is_limited() -> None:
    (told,) = faults("[" + "1," * NODES_MAX + "]")

    assert told.endswith(f"more than {NODES_MAX:,} values")


def test_only_so_many_faults_of_a_file_are_told() -> None:
    told = faults("a: 1\n" * (FAULTS_MAX + 10))

    assert len(told) == FAULTS_MAX + 1
    assert told[-1] == f"{FAULTS_MAX + 2}:1: 1,000 faults; nothing from here on was read"
    assert len(json_faults("{" + '"a": 1,' * (FAULTS_MAX + 10))) == FAULTS_MAX + 1


def test_the_size_of_a_file_is_limited() -> None:
    assert read("x.yaml", b"#" * FILE_MAX_BYTES).faults[0].warning
    (fault,) = read("x.yaml", b"#" * (FILE_MAX_BYTES + 1)).faults
    assert fault.what == "the file is larger than 4 MiB"


# ---- places
def test_places_count_lines_and_columns_from_one() -> None:
    document = one("rule_name: daily\nconditions:\n  - event_type: a\n    data.x: [1, two]\n")
    places = document.places

    assert places[()].value == Span(1, 1, 16)
    assert places["rule_name",].key == Span(1, 1, 9)
    assert places["rule_name",].value == Span(1, 12, 5)
    assert places["conditions",].value == Span(3, 3, 15)
    assert places["conditions", 0].value == Span(3, 5, 13)
    assert places["conditions", 0, "data.x", 1].value == Span(4, 17, 3)


def test_a_value_of_several_lines_ends_with_its_first() -> None:
    document = one("a: |\n  first\n  second\nb: [1,   \n  2]\n")

    assert document.places["a",].value == Span(1, 4, 1)
    assert document.places["b",].value == Span(4, 4, 3)


def test_lines_end_with_line_feeds_alone() -> None:
    document = one("a: x\r\nb: 1\r\n")

    assert document.places["a",].value == Span(1, 4, 1)
    assert document.places["b",].value == Span(2, 4, 1)


def test_a_number_keeps_how_it_was_written() -> None:
    places = one("a: 1.10\nb: 010\nc: '3'\nd: null").places

    assert [places[key,].raw for key in "abcd"] == ["1.10", "010", "", "null"]


def test_a_span_knows_its_neighbours() -> None:
    lines = Lines("one two")

    assert lines.span(0, 3).overlaps(lines.span(2, 5))
    assert not lines.span(0, 3).overlaps(lines.span(4, 7))
    assert not Span(1, 1, 3).overlaps(Span(2, 1, 3))


# ---- files
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"a: caf\xe9", "the byte 0xE9 is no UTF-8"),
        (b"a: \xc3", "the byte 0xC3 is no UTF-8"),
        ("a: 1".encode("utf-16"), "the file is UTF-16"),
        (b"a: \x00", "the character U+0000 cannot stand in YAML"),
        (b"a: \x1b[31m", "the character U+001B cannot stand in YAML"),
        ("a: 'x\u2028y'".encode(), "the character U+2028 cannot stand in YAML"),
        (b"a: \xc2\x85", "the character U+0085 cannot stand in YAML"),
        (b"a: 1\rb: 2\r", "a carriage return without a line feed"),
        ("a: 1\ufeff".encode(), "the character U+FEFF cannot stand in YAML"),
        (b"", "the file holds no document"),
        (b"# only a comment\n---\n", "the file holds no document"),
    ],
)
def test_a_file_that_is_no_text_is_a_fault(data: bytes, what: str) -> None:
    found = read("x.yaml", data)

    assert [fault.what for fault in found.faults] == [what]
    assert found.documents == ()


def test_a_byte_order_mark_at_the_beginning_is_nothing() -> None:
    assert read("x.yaml", b"\xef\xbb\xbfa: 1").documents[0].value == {"a": 1}


# ---- JSON
def json_faults(text: str) -> list[str]:
    return [said(fault) for fault in jsonplaces.parse(text, "x.json")[1]]


def test_json_has_places_too() -> None:
    text = (
        '{\n\t"StartAt": "Load",\n\t"States": {"Load": {"End": true, "n": [1, -2.5e1, null]}}\n}\n'
    )

    (document,) = read("m.asl.json", text.encode()).documents

    states = {"Load": {"End": True, "n": [1, -25.0, None]}}
    assert document.value == {"StartAt": "Load", "States": states}
    assert document.places["StartAt",].value == Span(2, 13, 6)
    assert document.places["States", "Load", "End"].key == Span(3, 22, 5)
    assert document.places["States", "Load", "n", 1].raw == "-2.5e1"
    assert document.places[()].value == Span(1, 1, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,}', "1:8: a comma before the closing }"),
        ("[1,]", "1:3: a comma before the closing ]"),
        ('{"a": 1 "b": 2}', "1:9: a comma is missing before this"),
        ("{a: 1}", "1:2: a key without double quotes"),
        ("{'a': 1}", "1:2: JSON knows no single quotes"),
        ('{"a": 1} 2', "1:10: something stands after the end of the value"),
        ('{"a": [1, 2}', '1:12: "}" closes nothing'),
        ('{"a": [1,\n 2', "1:7: the [ that opens here is never closed"),
        ("{", "1:1: the { that opens here is never closed"),
        ('{"a" 1}', "1:6: a colon is missing after the key"),
        ('{"a":}', "1:6: a value is missing here"),
        ("[1,,2]", "1:4: a value is missing here"),
        ('{"a": True}', "1:7: JSON has no True"),
        ('{"a": NaN}', "1:7: NaN is no JSON value"),
        ('{"a": 01}', "1:7: 01 is no JSON value"),
        ('{"a": "x\ny"}', "1:7: the quote that opens here is never closed on its line"),
        ('{"a": "\t"}', "1:8: the character U+0009 cannot stand in a JSON text"),
        ('{"a": "\\d"}', '1:8: "\\d" means nothing in a JSON text'),
        ('{"a": "\\u12"}', '1:8: "\\u" means nothing in a JSON text'),
        ('{"a": "\\ud800"}', "1:7: half a surrogate pair"),
        ("// hi\n{}", "1:1: JSON has no comments"),
        ('{"a": 1e999}', "1:7: 1e999 is too large for a number"),
        ('{"a": 99999999999999999999}', "1:7: 99999999999999999999 is an integer beyond 64 bits"),
        ('{"a": 1, "a": 2}', '1:10: "a" is written twice, first on line 1'),
        ("[" * (DEPTH_MAX + 1), f"1:{DEPTH_MAX + 1}: nested deeper than {DEPTH_MAX} levels"),
        ("[" + "1," * NODES_MAX, f"1:{2 * NODES_MAX}: more than {NODES_MAX:,} values"),
    ],
)
def test_a_fault_of_json_is_told_with_its_place(text: str, told: str) -> None:
    assert json_faults(text) == [told]


def test_surrogate_pairs_of_json_are_one_character() -> None:
    assert jsonplaces.parse('"\\ud83d\\ude00"', "x.json")[0][0].value == "😀"


def test_the_place_of_what_does_not_exist_is_that_of_what_holds_it() -> None:
    places = one("a:\n  b: 1\n").places
    path: Path = ("a", "b", "c", 3)

    assert locate(places, path) == places["a", "b"]
    assert locate({}, path).value == Span(1, 1, 0)
