"""Beside a gate whose stored state cannot be read: answers hold the others, and name that one."""

from __future__ import annotations

import msgspec
import pytest

from tidegate.kernel.clock import parse_day
from tidegate.kernel.errors import Defect
from tidegate.kernel.event import Json
from tidegate.services.readiness import Readiness
from tidegate.testing.gates import DATE, delivery, match, project, rule
from tidegate.testing.memory import MemoryStore
from tidegate.testing.world import World

DAY = parse_day(DATE)
BY_STORE = [match("data.business_date"), match("data.store")]


def spoil(world: World, part: str) -> None:
    """The state of the one gate with this in its name is overwritten."""
    assert isinstance(world.store, MemoryStore)
    cells = world.store.tables.cells
    (key,) = [one for one in cells if one.kind == "gate" and part in one.name]
    cells[key] = msgspec.structs.replace(cells[key], body=b"\xc1")


def stores() -> World:
    """A gate for the east, and one for the west that cannot be read."""
    world = World(project(rule("a", "b", correlation_logic=BY_STORE)))
    for store in ("east", "west"):
        world.hear(delivery("a", f"a-{store}", store=store))
    spoil(world, "west")
    return world


def named(answer: Json) -> list[tuple[str, bool]]:
    return [(one["code"], "west" in one["detail"]) for one in answer["unreadable"]]


def test_explain_of_the_date_answers_for_the_other_gate() -> None:
    answer = stores().asking.explain_rule("daily", DAY).answer

    assert "east" in answer["gate"]
    assert answer["others"] == []
    assert named(answer) == [("cell.unreadable", True)]


def test_explain_of_a_date_of_which_nothing_can_be_read_says_that() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    spoil(world, "")

    with pytest.raises(Defect) as raised:
        world.asking.explain_rule("daily", DAY)

    assert raised.value.code == "cell.unreadable"


def test_explain_names_an_earlier_round_that_cannot_be_read() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"), delivery("a", "a2"))
    spoil(world, "/")

    answer = world.asking.explain_rule("daily", DAY).answer

    assert answer["gate"] == f"daily~~{DATE}~~002"
    assert "opened_before" not in answer
    assert [one["code"] for one in answer["unreadable"]] == ["cell.unreadable"]


def test_readiness_says_that_of_one_gate_nothing_is_known() -> None:
    world = World(project(rule("a", correlation_logic=BY_STORE), rule("c", rule_name="other")))
    for store in ("east", "west"):
        world.hear(delivery("a", f"a-{store}", store=store))
    world.hear(delivery("c"))
    spoil(world, "west")
    readiness = Readiness(world.asking, world.library)

    hers, others = readiness.of("a", DAY), readiness.of("c", DAY)

    assert hers["status"] == "unknown"
    assert any("east" in one and one.endswith("a received") for one in hers["reasons"])
    assert any("west" in one and "a received" not in one for one in hers["reasons"])
    assert (others["status"], len(others["reasons"])) == ("ready", 1)


def test_trace_answers_for_the_others() -> None:
    world = stores()
    (east,) = world.asking.gates().items

    answer = world.trace.trace(east["correlation_id"])

    assert [one["key"]["data.store"] for one in answer["gates"]] == ["east"]
    assert named(answer) == [("cell.unreadable", True)]


def test_trace_of_what_counted_for_a_gate_that_cannot_be_read_shows_the_event() -> None:
    answer = stores().trace.trace("a-west")

    assert [one["id"] for one in answer["events"]] == ["a-west"]
    assert answer["gates"] == []
    assert named(answer) == [("cell.unreadable", True)]
