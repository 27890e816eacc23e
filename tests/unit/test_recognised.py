"""What a refused delivery says of itself is read as far as it can be."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from tidegate.kernel.clock import format_day
from tidegate.kernel.event import Json
from tidegate.services.recognised import attributes, business_date
from tidegate.testing.gates import delivery, project, rule
from tidegate.testing.world import World

TIMED: Json = {
    "name": "warehouse",
    "context_mapping": {
        "warehouse": {
            "source_pattern": "/*",
            "business_date_mapping": "business_day(time, -1)",
        }
    },
}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"id": "x", "source": "/a", "type": "t"}', {"id": "x", "source": "/a", "type": "t"}),
        (b'{"id": 7, "source": "", "type": "t"}', {"id": None, "source": None, "type": "t"}),
        (b'{"id": "x", "data": NaN}', {"id": "x", "source": None, "type": None}),
        (
            rb'{"id": "x\ud800", "type": "\u00e9"}',
            {"id": "x\\ud800", "source": None, "type": "\u00e9"},
        ),
        (b'{"id": 7}', None),
        (b'{"id": "x"', None),
        (b"[1]", None),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_attributes_are_those_that_can_be_read(body: bytes, wanted: Json) -> None:
    assert attributes(body) == wanted


def test_its_date_is_read_by_the_mappings_whatever_its_time() -> None:
    world = World(project(rule("a")))
    sent = encode(delivery("a", business_date="2025-11-20", time="2099-01-01T00:00:00Z"))

    found = business_date(sent, world.search.followed().read)

    assert found is not None
    assert format_day(found) == "2025-11-20"


def test_a_date_that_hangs_on_its_time_is_unknown() -> None:
    world = World(project(rule("a"), others={("context", "warehouse"): TIMED}))

    sent = encode(delivery("a", time="2099-01-01T00:00:00Z"))

    found = business_date(sent, world.search.followed().read)

    assert found is None


def test_the_plain_field_counts_where_nothing_can_be_mapped() -> None:
    read = World(project(rule("a"))).search.followed().read

    found = business_date(b'{"data": {"business_date": "2025-11-20"}}', read)

    assert found is not None
    assert format_day(found) == "2025-11-20"
    assert business_date(b'{"data": {"business_date": "soon"}}', read) is None
    assert business_date(b"{broken", read) is None
