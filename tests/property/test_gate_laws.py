"""Gate laws: what must hold for every order, repetition, crash and mixture of events.

The oracles below say the rules a second time, as plainly as they can be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tidegate.kernel.clock import HOUR_US, MINUTE_US, Instant, format_instant
from tidegate.testing.world import START, World

INPUTS = ("a", "b", "c")
WINDOW_HOURS = 24
DAYS = ("2025-11-20", "2025-11-21")


class Delivery(Struct, frozen=True):
    dataset: str
    minute: int  # event time, minutes after START - 48 h
    count: int
    date: str = DAYS[0]
    id: str = ""

    def event(self) -> dict[str, Any]:
        time = Instant(START - 48 * HOUR_US + self.minute * MINUTE_US)
        return {
            "specversion": "1.0",
            "id": self.id or f"{self.dataset}-{self.date}-{self.minute}-{self.count}",
            "source": f"/{self.dataset}",
            "type": "delivered",
            "time": format_instant(time),
            "data": {"dataset_name": self.dataset, "business_date": self.date, "n": self.count},
        }


def documents(**changes: Any) -> dict[tuple[str, str], Any]:
    rule: dict[str, Any] = {
        "rule_name": "all_three",
        "conditions": [{"event_type": "delivered", "data.dataset_name": name} for name in INPUTS],
        "additional_conditions": [{"n": "> 0"}],
        "correlation_logic": [{"match_field": "data.business_date", "operator": "equals"}],
        "actions": [{"action_type": "trigger_job", "job_name": "job"}],
    }
    return {
        ("rule", "all_three"): rule | changes,
        ("job", "job"): {"kind": "command", "target": "true"},
    }


WINDOWED: dict[str, Any] = {
    "correlation_logic": [
        {"match_field": "data.business_date", "operator": "equals"},
        {"time_window": f"{WINDOW_HOURS}h", "operator": "within"},
    ]
}
one_each = st.tuples(
    *(
        st.builds(
            Delivery,
            dataset=st.just(name),
            minute=st.integers(0, 47 * 60),
            count=st.sampled_from([0, 1, 9, 9, 9]),
        )
        for name in INPUTS
    )
)
deliveries = st.builds(
    Delivery,
    dataset=st.sampled_from([*INPUTS, "unrelated"]),
    minute=st.integers(0, 20 * 60),
    count=st.sampled_from([0, 5, 7, 8]),
    date=st.sampled_from(DAYS),
)
histories = st.lists(deliveries, max_size=14)


def play(history: Sequence[Delivery], **changes: Any) -> World:
    world = World(documents(**changes))
    for one in history:
        world.hear(one.event())
    return world


def statuses(world: World) -> dict[str, str]:
    return {gate["key"]["data.business_date"]: gate["status"] for gate in world.gates()}


# ---- oracles
def verdict_of(each: Sequence[Delivery]) -> str:
    """One delivery per input: bad data holds it back, a wide span keeps it waiting."""
    if any(one.count <= 0 for one in each):
        return "quarantined"
    minutes = [one.minute for one in each]
    return "open" if max(minutes) - min(minutes) <= WINDOW_HOURS * 60 else "waiting"


def rounds_of(history: Sequence[Delivery]) -> dict[str, int]:
    """Good deliveries only: a round is complete when each input came since the last one."""
    opened: dict[str, int] = dict.fromkeys(DAYS, 0)
    here: dict[str, set[str]] = {date: set() for date in DAYS}
    counted: set[str] = set()
    for one in history:
        id_ = one.event()["id"]
        if one.dataset not in INPUTS or id_ in counted:
            continue
        counted.add(id_)
        here[one.date].add(one.dataset)
        if here[one.date] == set(INPUTS):
            opened[one.date] += 1
            here[one.date] = set()
    return opened


# ---- laws
@given(one_each, st.permutations(range(3)), st.permutations(range(3)))
@settings(max_examples=150, deadline=None)
def test_the_order_of_arrival_never_changes_the_result(
    each: tuple[Delivery, ...], order: list[int], other: list[int]
) -> None:
    first = play([each[n] for n in order], **WINDOWED)
    second = play([each[n] for n in other], **WINDOWED)

    assert statuses(first) == statuses(second) == {DAYS[0]: verdict_of(each)}
    assert len(first.tasks()) == int(verdict_of(each) == "open")


@given(histories)
@settings(max_examples=100, deadline=None)
def test_delivering_everything_twice_changes_nothing(history: list[Delivery]) -> None:
    once, twice = play(history), play([one for one in history for _ in range(2)])

    assert once.gates() == twice.gates()
    assert len(once.tasks()) == len(twice.tasks())


@given(st.lists(deliveries, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_complete_set_of_good_deliveries_opens_one_round_and_starts_one_job(
    history: list[Delivery],
) -> None:
    good = [one for one in history if one.count > 0]

    world = play(good)

    opened: dict[str, int] = dict.fromkeys(DAYS, 0)
    for gate in world.gates(status="open"):
        opened[gate["key"]["data.business_date"]] += 1
    assert opened == rounds_of(good)
    assert len(world.tasks()) == sum(opened.values())
    ids = [gate["correlation_id"] for gate in world.gates(status="open")]
    assert len(set(ids)) == len(ids)


@given(histories)
@settings(max_examples=60, deadline=None)
def test_bad_data_never_opens_a_gate(history: list[Delivery]) -> None:
    world = play(history)

    for gate in world.gates(status="open"):
        assert [one["status"] for one in gate["inputs"]] == ["received"] * len(INPUTS)


@given(histories, st.integers(0, 14))
@settings(max_examples=60, deadline=None)
def test_a_crash_and_a_second_delivery_of_everything_change_nothing(
    history: list[Delivery], crash: int
) -> None:
    straight = play(history)
    world = play(history[:crash])
    world.restart()
    for one in history:
        world.hear(one.event())

    assert _told(world) == _told(straight)
    assert len(world.tasks()) == len(straight.tasks())
    assert world.verify().differences == []


@given(histories)
@settings(max_examples=60, deadline=None)
def test_the_log_decides_the_same_again(history: list[Delivery]) -> None:
    world = play(history, **WINDOWED)

    report = world.verify()

    assert report.differences == []
    assert report.cells == sum(len(world.reader.cells(kind.name)) for kind in world.codec.kinds)


@given(one_each)
@settings(max_examples=60, deadline=None)
def test_a_correction_clears_the_quarantine(each: tuple[Delivery, ...]) -> None:
    world = play(each)
    latest = max(one.minute for one in each) + 1
    for one in each:
        if one.count <= 0:
            world.hear(Delivery(one.dataset, latest, 3).event())

    assert statuses(world) == {DAYS[0]: "open"}
    assert len(world.tasks()) == 1


def _told(world: World) -> list[Any]:
    """Gates without the places of their evidence."""
    return [
        {name: value for name, value in gate.items() if name != "opened_at"}
        for gate in world.gates()
    ]
