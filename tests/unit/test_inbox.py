"""What waits for a person: how it is listed, and what is kept of it."""

from __future__ import annotations

import pytest

from tidegate.kernel.clock import HOUR_US
from tidegate.kernel.errors import InputError
from tidegate.services.inbox import Inbox
from tidegate.testing.gates import delivery, project, rule
from tidegate.testing.world import World


def inbox(world: World) -> Inbox:
    return Inbox(world.reader, world.search)


def test_a_conflict_is_listed_and_shows_what_differs() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "x", n=1), delivery("a", "y", n=1))
    world.hear(delivery("a", "x", n=2))

    (listed,) = inbox(world).listed()
    shown = inbox(world).item(listed["id"])

    assert listed["kind"] == "conflict"
    assert listed["event"]["id"] == "x"
    assert "x before with other content" in listed["what"]
    assert shown["differs"] == [{"what": "data.n", "counted": 1, "sent": 2}]


def test_the_conflict_itself_can_be_searched() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "x", n=1))
    world.hear(delivery("a", "other"))
    world.hear(delivery("a", "x", n=2))

    trace = world.trace.trace("x")

    verdicts = [one["verdict"] for one in trace["events"] if one["id"] == "x"]
    assert verdicts == ["accepted", "conflict"]


def test_the_newest_come_first_whatever_they_are_and_the_limit_is_for_all() -> None:
    world = World(project(rule("a")))
    for number in range(5):
        world.hear(delivery("nobody", f"stray-{number}"))
        world.advance(HOUR_US)
        world.hear(b"{broken")
        world.advance(HOUR_US)

    found = inbox(world).listed(3)

    assert [one["kind"] for one in found] == ["rejected", "unmatched", "rejected"]
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    assert inbox(world).item(found[0]["id"])["body"] == "{broken"
    assert inbox(world).item(found[1]["id"])["event"]["id"] == "stray-4"


@pytest.mark.parametrize("id_", ["", "x", "r99", "e99", "c", "1.correlate", "e" + "9" * 40])
def test_what_is_not_in_the_inbox_is_unknown(id_: str) -> None:
    world = World(project(rule("a")))

    with pytest.raises(InputError) as raised:
        inbox(world).item(id_)

    assert raised.value.code == "inbox.unknown"


# ---- what became of the advice
def test_an_event_of_before_its_application_was_mapped_is_told_what_to_do_now() -> None:
    world = World(project(rule("a")))
    unread = delivery("a", "early")
    unread["data"] = {"table": "a", "day": "2025-11-20"}
    world.hear(unread)
    (before,) = inbox(world).listed()

    mapping = {
        "source_pattern": "/a",
        "context_id_mapping": "id",
        "dataset_mapping": "data.table",
        "business_date_mapping": "data.day",
    }
    context = {("context", "all"): {"context_mapping": {"app": mapping}}}
    world.activate(project(rule("a"), others=context))
    (after,) = inbox(world).listed()

    assert before["what"].startswith("unknown source /a: ")
    assert "data.dataset_name" in before["what"]
    assert after["kind"] == "unmatched"
    assert after["what"] == (
        "no rule heard it when it came, under activation 1; since then (activation 2) rule daily "
        "does: send it again under a new id"
    )


def test_a_stray_that_no_rule_hears_today_matches_no_rule() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("nobody", "x"))

    (listed,) = inbox(world).listed()

    assert listed["what"] == "unknown source /nobody"
