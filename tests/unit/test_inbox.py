"""What waits for a person: how it is listed, and what is kept of it."""

from __future__ import annotations

import pytest

from tidegate.kernel.clock import HOUR_US
from tidegate.kernel.errors import InputError
from tidegate.services.engines import ENGINES
from tidegate.services.inbox import PREVIEW_MAX, Inbox, release_order
from tidegate.services.search import Wanted
from tidegate.testing.broken import broken, mark
from tidegate.testing.gates import delivery, forget, project, rule
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


def test_a_stray_of_an_application_that_nobody_maps_is_told_from_one_that_no_rule_wants() -> None:
    world = World(project(rule("a")))
    unread = delivery("a", "early", source="/who")
    unread["data"] = {"table": "a"}

    world.hear(unread, delivery("b", "other", source="/b"))

    assert {one["event"]["id"]: one["kind"] for one in inbox(world).listed()} == {
        "early": "unmapped",
        "other": "unmatched",
    }


def test_a_rule_that_is_withdrawn_hears_nothing_though_its_gates_go_on() -> None:
    world = World(project(rule("a"), rule("b", rule_name="other")))
    world.hear(delivery("c", "x"))
    world.activate(project(rule("a"), rule("c", "d", rule_name="other")))
    (since,) = inbox(world).listed()

    world.hear(delivery("c", "y"))  # its gate waits for d
    world.activate(project(rule("a")))
    (withdrawn,) = inbox(world).listed()

    assert "rule other does: send it again" in since["what"]
    assert withdrawn["what"] == "unknown source /c"


def test_an_event_that_a_rule_heard_is_not_to_be_sent_again() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a", "x"))
    forget(world)
    world.hear(delivery("a", "x"))

    (listed,) = inbox(world).listed()

    assert listed["what"] == "rule daily heard it, and no gate had use for it"


def test_what_counts_in_a_gate_is_not_in_the_inbox() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("nobody", "stray"), delivery("a", "x"))
    (counts,) = world.search.found(Wanted(token="x"), 1)

    with pytest.raises(InputError) as raised:
        inbox(world).item(f"e{counts.pos}")

    assert raised.value.code == "inbox.unknown"


# ---- all sorts together
def test_parked_signals_stand_before_what_is_newer() -> None:
    def act(how: str) -> None:
        raise ValueError(how)

    world = World(project(rule("a")), engines=(*ENGINES, broken(act)))
    world.hear(mark("m", "no"))
    world.advance(HOUR_US)
    world.hear(b"{broken")

    found = inbox(world).listed()

    assert [one["kind"] for one in found] == ["parked", "rejected"]
    assert found[0]["id"] in inbox(world).parked_ids()
    assert inbox(world).item(found[0]["id"])["event"]["id"] == "m"
    assert [one["kind"] for one in inbox(world).listed(1)] == ["parked"]


def test_a_list_shows_the_beginning_of_a_body_and_an_item_all_of_it() -> None:
    world = World(project(rule("a")))
    body = b"{broken" + b"x" * 2 * PREVIEW_MAX
    world.hear(body)

    (listed,) = inbox(world).listed()

    assert len(listed["body"]) == PREVIEW_MAX
    assert inbox(world).item(listed["id"])["body"] == body.decode()


def test_a_refused_delivery_that_is_gone_is_not_another_one() -> None:
    world = World(project(rule("a")))
    world.hear(b"{broken")
    (listed,) = inbox(world).listed()

    with pytest.raises(InputError) as raised:
        inbox(world).item(f"r{int(listed['id'][1:]) + 1}")

    assert raised.value.code == "inbox.unknown"


@pytest.mark.parametrize("id_", ["12", "12.", ".correlate", "r1", "x.correlate", "9" * 40 + ".run"])
def test_what_can_be_released_is_a_place_and_an_engine(id_: str) -> None:
    with pytest.raises(InputError) as raised:
        release_order(id_)

    assert raised.value.code == "inbox.unknown"
    assert (release_order("12.run").pos, release_order("12.run").engine) == (12, "run")


def test_what_was_refused_is_known_by_its_source_and_id_where_they_can_be_read() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "late", time="2099-01-01T00:00:00Z"))
    world.hear(b'{"id": "unclosed"')

    broken, late = inbox(world).listed()

    assert "event" not in broken
    assert late["event"]["id"] == "late"
    assert [one["id"] for one in inbox(world).refused("late")] == [late["id"]]
    assert inbox(world).refused("unclosed") == []
