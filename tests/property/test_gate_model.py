"""Gates against the model: any rule, any stream, any cut into batches, crashes and repetitions.

The oracle, `testing/gate_model`, knows nothing of the engine and works everything out anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tidegate.kernel.clock import HOUR_US, Instant, format_instant, parse_instant
from tidegate.testing.gate_model import GateModel, Sent, Shown, Wanted, Written, played
from tidegate.testing.gates import close, condition, match, project, release, rule, unheard, window
from tidegate.testing.world import START, World

DATES = ("2025-11-20", "2025-11-21")
MIDNIGHTS = {date: (parse_instant(f"{date}T00:00:00Z")[0] - START) // HOUR_US for date in DATES}
BAD, GOOD, LARGE = 0, 1, 9


class Repeat(Struct, frozen=True):
    """Everything sent so far is sent again."""


class Crash(Struct, frozen=True):
    unclean: bool


class Release(Struct, frozen=True):
    """All that is held back of some gate's current round."""

    gate: int


class Close(Struct, frozen=True):
    gate: int


Happening: TypeAlias = tuple[Sent, ...] | int | Repeat | Crash | Release | Close


# ---- what there may be
def rule_of(random: Random, **fixed: Any) -> Written:
    inputs = [Wanted("a", "a"), Wanted("b", "b")]
    if random.random() < 0.5:
        inputs.append(Wanted("c", "c", optional=random.random() < 0.5))
    if random.random() < 0.25:
        inputs.append(Wanted("large", "a", optional=random.random() < 0.7, above=5))
    drawn: dict[str, Any] = {
        "inputs": tuple(inputs),
        "by_region": random.random() < 0.3,
        "window": random.choice([None, 1, 3, 24]),
        "anchor": random.choice(["event_time", "arrival", "business_date"]),
        "keep": random.choice(["latest", "first"]),
        "redelivery": random.choice(["new_round", "refire", "ignore"]),
        "late": random.choice(["inbox", "ignore", "new_round"]),
        "close_after": random.choice([1, 12, 720]),
    }
    return Written(**(drawn | fixed))


def event_of(random: Random) -> Sent:
    """Few values, so that repetitions, ties and exact ends of windows are frequent."""
    date = random.choice([*[DATES[0]] * 12, DATES[1], None])
    return Sent(
        id=random.choice("stuvwxyz"),
        source=random.choice(["/s", "/t", "/u"]),
        dataset=random.choice(["other", *"abcabcabc"]),
        time=random.choice([-33, -10, -9, -9, -8, -8, -7, -6, 0]),
        rows=random.choice([BAD, *[GOOD] * 5, LARGE]),
        date=date,
        midnight=MIDNIGHTS[date or DATES[0]],
        region=random.choice([*["DE"] * 8, "FR", None]),
    )


def stream_of(random: Random, most: int) -> tuple[Sent, ...]:
    """The same source and id is always the same event; else it would be a conflict."""
    sent = [event_of(random) for _ in range(random.randint(1, most))]
    first: dict[tuple[str, str], Sent] = {}
    return tuple(first.setdefault((one.source, one.id), one) for one in sent)


def history_of(random: Random, others: Sequence[Callable[[Random], Happening]]) -> list[Happening]:
    """A stream in batches, and other things between them."""
    history: list[Happening] = []
    for batch in parts_of(random, stream_of(random, 24)):
        history.append(batch)
        if random.random() < 0.5:
            history.append(random.choice(others)(random))
    return history


def parts_of(random: Random, stream: tuple[Sent, ...]) -> Iterator[tuple[Sent, ...]]:
    start = 0
    while start < len(stream):
        end = start + random.randint(1, 4)
        yield stream[start:end]
        start = end


def some_hours(random: Random) -> Happening:
    return random.choice([1, 2, 3, 6, 24])


def some_repetition(random: Random) -> Happening:
    del random
    return Repeat()


def some_crash(random: Random) -> Happening:
    return Crash(random.random() < 0.5)


def some_release(random: Random) -> Happening:
    return Release(random.randrange(4))


def some_close(random: Random) -> Happening:
    return Close(random.randrange(4))


FAULTS = (some_hours, some_repetition, some_crash)
ORDERS = (some_hours, some_release, some_close)
seeds = st.integers(0, 2**32 - 1)


# ---- the product, played
def documents(written: Written) -> dict[tuple[str, str], Any]:
    conditions = [
        condition(
            one.dataset,
            name=one.name,
            optional=one.optional,
            **({} if one.above is None else {"data.rows": f"> {one.above}"}),
        )
        for one in written.inputs
    ]
    lines = [match("data.business_date")]
    if written.window is not None:
        lines = window(f"{written.window}h" if written.window else "0s", written.anchor)
    if written.by_region:
        lines.append(match("data.region"))
    return project(
        rule(
            conditions=conditions,
            additional_conditions=[{"rows": f"> {written.rows_above}"}],
            correlation_logic=lines,
            keep=written.keep,
            redelivery=written.redelivery,
            late=written.late,
            close_after=f"{written.close_after}h",
        )
    )


def raw(sent: Sent) -> dict[str, Any]:
    data = {"dataset_name": sent.dataset, "business_date": sent.date, "rows": sent.rows}
    data["region"] = sent.region
    return {
        "specversion": "1.0",
        "id": sent.id,
        "source": sent.source,
        "type": "delivered",
        "time": format_instant(Instant(START + sent.time * HOUR_US)),
        "data": {name: value for name, value in data.items() if value is not None},
    }


def shown(world: World) -> list[Shown]:
    found = [
        Shown(
            tuple(gate["key"].values()),
            gate["round"],
            gate["status"],
            tuple(
                (one["name"], one["status"], one["event"] and one["event"]["id"])
                for one in gate["inputs"]
            ),
            gate["opened_at"] and (parse_instant(gate["opened_at"])[0] - START) // HOUR_US,
        )
        for gate in world.gates()
    ]
    return sorted(found, key=lambda one: (one.values, one.round))


def play(written: Written, history: Sequence[Happening]) -> tuple[World, GateModel]:
    world, model = World(documents(written)), GateModel(written)
    sent: list[Sent] = []
    for one in history:
        match one:
            case int():
                world.advance(one * HOUR_US)
                model.wait(one)
            case Repeat():
                for other in sent:
                    world.hear(raw(other))
                    model.hear(other)
            case Crash(unclean):
                world.restart(unclean=unclean)
            case Release(number) | Close(number):
                _order(world, model, one, number)
            case _:
                world.hear(*(raw(other) for other in one))
                for other in one:
                    model.hear(other)
                sent += one
    assert not world.reader.parked()
    return world, model


def _order(world: World, model: GateModel, order: Release | Close, number: int) -> None:
    gates = [gate for gate in shown(world) if gate.round == len(model.gates[gate.values])]
    if not gates:
        return
    values = gates[number % len(gates)].values
    id_ = next(
        gate["id"]
        for gate in world.gates()
        if tuple(gate["key"].values()) == values and gate["round"] == len(model.gates[values])
    )
    act, done = (release, model.release) if isinstance(order, Release) else (close, model.close)
    obeyed = isinstance(act(world, id_), dict)
    assert obeyed == done(values)


# ---- laws
def assert_the_same(world: World, model: GateModel) -> None:
    assert shown(world) == model.shown()
    assert len(world.tasks()) == model.count("opened")
    for what in ("opened", "overdue", "closed", "quarantined"):
        assert len(world.events(f"tidegate.gate.{what}")) == model.count(what), what
    assert unheard(world) == model.unheard
    opened = [event.data["gate"] for event in world.events("tidegate.gate.opened")]
    assert len(set(opened)) == len(opened), "a gate opens once a round"
    ids = {gate["correlation_id"] for gate in world.gates()}
    assert ids == {"-".join(["daily", *one.values, f"{one.round:03}"]) for one in model.shown()}


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_a_stream_makes_the_gates_the_model_makes(seed: int) -> None:
    random = Random(seed)

    world, model = play(rule_of(random), history_of(random, FAULTS))

    note(f"opened: {min(model.count('opened'), 3)}")
    note(f"statuses: {sorted({one.status for one in model.shown()})}")
    assert_the_same(world, model)
    assert world.verify().differences == []


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_what_people_order_makes_the_gates_the_model_makes(seed: int) -> None:
    random = Random(seed)

    world, model = play(rule_of(random), history_of(random, ORDERS))

    assert_the_same(world, model)


@given(seeds)
@settings(max_examples=80, deadline=None)
def test_how_a_stream_is_cut_into_batches_changes_nothing(seed: int) -> None:
    random = Random(seed)
    written, stream = rule_of(random), stream_of(random, 20)

    at_once, _ = play(written, [stream])
    in_parts, model = play(written, list(parts_of(random, stream)))

    assert at_once.gates() == in_parts.gates()
    assert_the_same(in_parts, model)
    assert len(at_once.tasks()) == len(in_parts.tasks())


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_one_delivery_of_each_input_comes_to_the_same_in_every_order(seed: int) -> None:
    """Late or on time, good or bad: what is kept, not when it came, decides.

    `late` other than inbox lets the first that came decide what is late, and an opened gate takes
    optional inputs whatever their time: of those there is no such law.
    """
    random = Random(seed)
    written = rule_of(random, inputs=tuple(Wanted(name, name) for name in "abc"), late="inbox")
    each = [_delivery_of(name, event_of(random)) for name in "abc"]

    world, _ = play(written, [(sent,) for sent in random.sample(each, 3)])

    model = played(written, each)
    assert [(one.values, one.status, one.inputs) for one in shown(world)] == [
        (one.values, one.status, one.inputs) for one in model.shown()
    ]


def _delivery_of(name: str, sent: Sent) -> Sent:
    return Sent(
        id=name,
        source=f"/{name}",
        dataset=name,
        time=sent.time,
        rows=sent.rows,
        date=DATES[0],
        midnight=MIDNIGHTS[DATES[0]],
        region="DE",
    )
