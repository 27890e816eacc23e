"""Events as Python programs hand them over."""

from __future__ import annotations

import pytest

from tidegate.kernel.errors import InputError
from tidegate.services.handed import raw_event


@pytest.mark.parametrize("several", [{"a", "b"}, frozenset({"a", "b"}), set[str]()])
def test_a_set_whose_order_changes_from_process_to_process_is_refused(several: object) -> None:
    event = {"specversion": "1.0", "id": "e1", "data": {"tables": [{"keys": several}]}}

    with pytest.raises(InputError) as raised:
        raw_event(event)

    assert raised.value.code == "usage"
    assert raised.value.message.startswith("data.tables[0].keys is a set")
    assert raised.value.fix == "give a list: sorted(...)"


def test_lists_and_tuples_are_written_in_their_order() -> None:
    assert raw_event({"data": [("b", "a"), ["c"]]}) == b'{"data":[["b","a"],["c"]]}'
