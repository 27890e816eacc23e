from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.value import (
    MISSING,
    canonical,
    digest,
    getter,
    is_list,
    is_map,
    kind,
    parse_path,
    shown,
    text,
)

SCOPE: dict[str, Json] = {
    "source": "/crm",
    "data": {"x": {"y": 1, "z": None}, "rows": [{"n": 5}, {"n": 6}], "0": "zero"},
}
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source", "/crm"),
        ("data.x", {"y": 1, "z": None}),
        ("data.x.y", 1),
        ("data.x.z", None),
        ("data.rows.1.n", 6),
        ("data.0", "zero"),
        ("nothing", MISSING),
        ("data.nothing", MISSING),
        ("data.x.y.z", MISSING),
        ("source.x", MISSING),
        ("source.0", MISSING),
        ("data.rows.2.n", MISSING),
        ("data.rows.n", MISSING),
        ("data.x.y.__class__", MISSING),
        ("data.keys", MISSING),
        ("data.rows.99999999999999999999", MISSING),
    ],
)
def test_a_path_reads_maps_by_name_and_lists_by_position(path: str, value: Json) -> None:
    assert getter(parse_path(path))(SCOPE) == value


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a. b", " a", "a" * 513])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_path(path)

    assert caught.value.code == "expression.invalid"


@given(st.lists(st.sampled_from(["data", "x", "y", "rows", "0", "1", "n", "source"]), min_size=1))
def test_a_getter_reads_what_plain_steps_read(segments: list[str]) -> None:
    value: Json = SCOPE
    for segment in segments:
        if is_list(value):
            at = int(segment) if segment.isdigit() else 99
            value = value[at] if at < len(value) else MISSING
        else:
            value = value.get(segment, MISSING) if is_map(value) else MISSING

    assert getter(tuple(segments))(SCOPE) is value


@given(values)
def test_the_canonical_form_is_json_and_does_not_depend_on_the_order_of_keys(value: Json) -> None:
    turned = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    assert json.loads(canonical(value)) == value
    assert canonical(turned) == canonical(value)
    assert digest(turned) == digest(value)


def test_a_whole_number_and_its_fraction_have_two_forms_but_one_text() -> None:
    assert canonical(1) != canonical(1.0)
    assert text(1) == text(1.0) == "1"


@given(st.integers(-(2**63), 2**63 - 1))
def test_equal_numbers_have_equal_texts(number: int) -> None:
    fraction = float(number)

    if -(2.0**63) <= fraction < 2.0**63:
        assert text(fraction) == text(int(fraction))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_text(number: float) -> None:
    assert float(text(number)) == number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a, b", "a, b"),
        (["CRM", "ERP"], "CRM,ERP"),
        ([1, 2.5, True, None], "1,2.5,true,null"),
        ([["a", "b"], {"k": 1}], '["a","b"],{"k":1}'),
        ([], ""),
        ({"b": 1, "a": "x"}, '{"a":"x","b":1}'),
        (True, "true"),
        (None, "null"),
        (0.98, "0.98"),
        (1e20, "1e+20"),
        (-0.0, "0"),
    ],
)
def test_a_value_inside_a_text(value: Json, written: str) -> None:
    assert text(value) == written


@pytest.mark.parametrize(
    ("value", "limit", "written"),
    [
        ("abc", 80, '"abc"'),
        ("abcdef", 8, '"abcdef"'),
        ("abcdef", 7, '"abcde…'),
        ([1, 2], 80, "[1,2]"),
        ("\ud800", 80, '"?"'),
        (["\ud800"], 80, "<list>"),
        (MISSING, 80, "nothing"),
        (object(), 80, "<object>"),
    ],
)
def test_a_value_in_a_message_is_json_and_short(value: Json, limit: int, written: str) -> None:
    assert shown(value, limit) == written


def test_kinds_are_words_people_use() -> None:
    each: list[Json] = [None, True, 1, 1.5, "", [], {}, MISSING]

    kinds = [kind(value) for value in each]

    assert kinds == ["null", "boolean", "number", "number", "text", "list", "map", "missing"]
