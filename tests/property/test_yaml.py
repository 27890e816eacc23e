"""Laws of reading documents: what was written comes back, at its place, and nothing raises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import cast

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue, ValidationError

from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault, from_validation, render
from tidegate.kernel.place import Path, Span
from tidegate.kernel.scalar import Unfit, plain
from tidegate.kernel.textfile import read
from tidegate.kernel.yaml import parse

texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufeff", exclude_categories=["Cs"]),
    max_size=12,
)
LINE_ENDS = re.compile("[\x85\u2028\u2029]")
"""Line ends of YAML 1.1, which PyYAML writes as they are and cannot read back; to us they are faults."""
words = st.sampled_from(
    ["yes", "on", "02:00", "2024-01-15", "010", "null", "~", "true", "1e5", "<<", "=", "- a",
     "a: b", "{a}", "*a", "&a", "!a", "%a", "@a", "'", '"', " a", "a ", "\t", "a\nb", "a\n", ""]
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | words
)
values: st.SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | words, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts | words, values, min_size=1, max_size=4) | st.lists(
    values, min_size=1, max_size=4
)


WORDS = {
    "null": r"^(?:null|Null|NULL|~|)$",
    "bool": r"^(?:true|True|TRUE|false|False|FALSE)$",
    "int": r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$",
    "float": r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$",
    "merge": r"^<<$",
}
"""The plain words of YAML 1.2 as PyYAML wants to be told them."""


class Dumper(pyyaml.SafeDumper):
    """PyYAML, writing: it quotes what 1.1 and 1.2 would read as no text, and writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class Oracle(pyyaml.CSafeLoader):
    """PyYAML, reading with the words of 1.2 and no others."""


Oracle.yaml_implicit_resolvers = {}
for tag, pattern in WORDS.items():
    for side in (Oracle, Dumper):
        side.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), None)  # pyright: ignore[reportUnknownMemberType] # untyped upstream


@given(documents, st.booleans(), st.booleans())
def test_what_pyyaml_writes_comes_back(value: Json, flow: bool, wide: bool) -> None:
    text = pyyaml.dump(
        value,
        Dumper=Dumper,
        default_flow_style=flow,
        allow_unicode=wide and not LINE_ENDS.search(json.dumps(value, ensure_ascii=False)),
        sort_keys=False,
        width=30 if wide else 10_000,
    )

    found, faults = parse(text, "x.yaml")

    assert faults == ()
    assert same([document.value for document in found], [value])


@given(documents)
def test_both_scanners_read_the_same(value: Json) -> None:
    text = pyyaml.dump(value, Dumper=Dumper)

    assert parse(text, "x.yaml") == parse(text, "x.yaml", pure=True)


@given(values, st.sampled_from([None, 1, "\t"]))
def test_what_json_writes_comes_back(value: Json, indent: int | str | None) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

        found = read("x.json", text.encode())

        assert found.faults == ()
        assert same(found.documents[0].value, value)


@given(documents, st.booleans())
def test_every_value_and_key_has_a_place_that_holds_its_text(value: Json, flow: bool) -> None:
    wide = not LINE_ENDS.search(json.dumps(value, ensure_ascii=False))
    text = pyyaml.dump(value, Dumper=Dumper, default_flow_style=flow, allow_unicode=wide)

    (document,), _ = parse(text, "x.yaml")

    assert set(document.places) == set(paths(document.value))
    for path, place in document.places.items():
        assert inside(place.value, text)
        if place.key is not None:
            assert says(cut(text, place.key), path[-1])
        inner = at(document.value, path)
        if not isinstance(inner, dict | list):
            assert says(cut(text, place.value), inner)


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"a: \xed\xa0\x80")
@example(b"- " * 100)
@example(b"{a: [}: b")
def test_no_bytes_raise(data: bytes) -> None:
    for name in ("x.yaml", "x.json"):
        found = read(name, data)

        render(found.faults, {name: found.text}).encode()
        assert found.documents or found.faults
        for fault in found.faults:
            assert 0 <= fault.line <= found.text.count("\n") + 1


symbols = st.lists(
    st.sampled_from(
        ["a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", ",", ": ", "'", '"', "&x ", "*x", "<<: ",
         "---\n", "...\n", "? ", "!!str ", "|\n", "#", "\t", "1", "%YAML 1.1\n", "\\", "é"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(symbols)
def test_no_mixture_of_signs_raises_with_either_scanner(text: str) -> None:
    for pure in (False, True):
        found, faults = parse(text, "x.yaml", pure=pure)

        for document in found:
            assert set(paths(document.value)) <= set(document.places)
        render(faults, {"x.yaml": text})


@given(symbols)
def test_what_reads_without_a_fault_means_what_pyyaml_reads(text: str) -> None:
    found, faults = parse(text, "x.yaml")
    if faults or "YAML" in text:
        return

    read_by_pyyaml = [one for one in pyyaml.load_all(text, Loader=Oracle) if one is not None]

    assert [document.value for document in found] == read_by_pyyaml


# ---- words, against the grammar of the core schema stated a second time
CORE: list[tuple[re.Pattern[str], Callable[[str], Json]]] = [
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda word: int(word, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda word: int(word, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
]
NOT_JSON = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")


@given(st.text("0123456789abcdefox.-+eE_~", max_size=8) | words)
def test_a_word_means_what_the_core_schema_says(word: str) -> None:
    for pattern, meaning in CORE:
        if pattern.fullmatch(word):
            expected = meaning(word)
            if isinstance(expected, float) and expected - expected != 0.0:
                continue  # too large: tested below
            assert (plain(word), type(plain(word))) == (expected, type(expected))
            return
    if NOT_JSON.fullmatch(word):
        with pytest.raises(Unfit):
            plain(word)
    elif not re.fullmatch(r"[-+]?[0-9.]+[eE]\+?[0-9]{3,}", word):
        assert plain(word) == word


# ---- validation
class Leaf(BaseModel, extra="forbid", strict=True):
    name: str
    size: int = 1


class Tree(BaseModel, extra="forbid", strict=True):
    kind: str | list[int]
    leaf: Leaf | None = None
    leaves: list[Leaf | str] = []
    table: dict[str, Leaf | int] = {}


shapes = st.dictionaries(
    st.sampled_from(["kind", "leaf", "leaves", "table", "kin", "Leaf", "str"]),
    st.recursive(
        st.none() | st.integers(0, 2) | st.sampled_from(["a", "name"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "size", "Leaf", "str", "int"]), inner)
        ),
        max_leaves=8,
    ),
)


@given(shapes)
def test_a_wrong_document_has_a_fault_and_each_stands_in_its_text(
    value: dict[str, JsonValue],
) -> None:
    text = pyyaml.dump(value, Dumper=Dumper)
    (document,), _ = parse(text, "x.yaml")
    faults: list[Fault] = []
    try:
        Tree.model_validate_json(json.dumps(value))
        wrong = False
    except ValidationError as error:
        wrong = True
        faults = from_validation(error, document.places, "x.yaml", Tree)

    assert bool(faults) == wrong
    for fault in faults:
        assert inside(Span(fault.line, fault.column, fault.width), text)
        assert fault.what
    unknown = {key for key in value if key not in Tree.model_fields}
    assert unknown == {
        fault.what.split('"')[1]
        for fault in faults
        if fault.what.startswith("unknown") and fault.column == 1
    }


# ---- oracles
def same(one: Json, other: Json) -> bool:
    """Equal, and of equal types: 1, 1.0 and true are three things."""
    if type(one) is not type(other):
        # PyYAML and JSON write 1e+16 so that it reads as a float in YAML; no other pair is equal.
        return False
    if isinstance(one, dict):
        pairs = cast("dict[str, Json]", one)
        return pairs.keys() == other.keys() and all(same(pairs[key], other[key]) for key in pairs)
    if isinstance(one, list):
        return len(items(one)) == len(other) and all(map(same, items(one), other))
    return bool(one == other)


def paths(value: Json, path: Path = ()) -> list[Path]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Json]", value).items():
            found += paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(items(value)):
            found += paths(inner, (*path, index))
    return found


def items(value: Json) -> list[Json]:
    return cast("list[Json]", value)


def at(value: Json, path: Path) -> Json:
    for step in path:
        value = value[step]
    return cast("list[Json]", value)


def cut(text: str, span: Span) -> str:
    line = text.split("\n")[span.line - 1]
    return line[span.column - 1 : span.column - 1 + span.width]


def inside(span: Span, text: str) -> bool:
    lines = text.split("\n")
    return span.line <= len(lines) and span.column - 1 + span.width <= len(lines[span.line - 1])


def says(written: str, value: Json) -> bool:
    """Whether a piece of YAML, alone on its line, is the value; the first line of a long one may be."""
    if isinstance(value, str) and (not written or written[0] in "'\"|>?" or "\n" in value):
        # Quoted, folded or over several lines: its beginning is there, whatever the escapes.
        return True
    if isinstance(value, str) and len(written) < len(value):
        return value.startswith(written)
    return same(parse(f"- {written}", "x.yaml")[0][0].value[0], value)
