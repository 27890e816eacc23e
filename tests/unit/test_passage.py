"""A character of a value is found where the file writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.passage import passage
from tidegate.kernel.place import Span
from tidegate.testing.checked import TWO, checked, told

MESSAGE = "actions:\n- action_type: send_notification\n  message: "


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("|\n    hello\n\n    for ${busines_date} end\n", "10:11"),
        (">-\n    hello\n    for ${busines_date} end\n", "9:11"),
        ('"a \\"q\\" \\u00e4 ${busines_date}"\n', "7:30"),
        ("'it''s ${busines_date}'\n", "7:21"),
        ("hello\n    there ${busines_date}\n", "8:13"),
        ('"hello\n    there \\\n    ${busines_date}"\n', "9:7"),
        ("|\n    for ${business_date +} end\n", "8:26"),
        ('"a \\"q\\" ${business_date +}"\n', "7:38"),
        ("'it''s ${business_date +}'\n", "7:36"),
        ('"hello\n    there ${business_date +}"\n', "8:28"),
    ],
)
def test_a_fault_inside_a_text_stands_where_it_is_however_it_is_written(
    tmp_path: Path, written: str, at: str
) -> None:
    rule = TWO + MESSAGE + written

    (fault,) = told(checked(tmp_path, rule).faults)

    assert fault[0] == at
    assert "1:" not in fault[2]


def test_a_fault_inside_a_text_of_json_stands_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "d.json").write_text(
        '{"rule_name": "d", "conditions": [{"dataset": "a"}],\n'
        '"actions": [{"action_type": "send_notification", "message": "a\\n\\"b\\" ${busines_date}"}]}'
    )

    (fault,) = checked(tmp_path).faults

    assert (fault.line, fault.column, fault.width) == (2, 73, 12)


@given(st.text(), st.integers(0, 30), st.booleans())
def test_every_character_of_a_json_text_is_found(value: str, at: int, ascii_only: bool) -> None:
    file = f'{{"a":\n {json.dumps(value, ensure_ascii=ascii_only)}}}'

    found = passage(file, Span(2, 2, 1), value, at)

    if at < len(value) and not value[at].isspace() and found is not None:
        line = file.split("\n")[1]
        head = line[1 : found.column - 1]
        before = json.loads(f'{head}"') if head else ""
        assert before == value[:at]


def test_nothing_is_claimed_where_file_and_value_differ() -> None:
    assert passage("message: other", Span(1, 10, 5), "something", 3) is None
    assert passage("message: short", Span(1, 10, 5), "short", 9) is None
    assert passage("", Span(1, 1, 0), "short", 0) is None
