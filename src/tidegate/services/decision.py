"""Decision: all roots of a turn decided, with what fails parked and the rest as bytes.

First all roots at once. If a part fails, one root at a time: only what fails in that order is
parked. Deciding is pure, so trying again costs milliseconds and unchanged it would fail again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import NO_DAY, Day, Instant, parse_day
from tidegate.kernel.cloudevent import OWN_SOURCE
from tidegate.kernel.codec import Codec, pack
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Effect, Heard, Key, Order, Refusal, Say
from tidegate.ports.store import Stored
from tidegate.services.draft import Draft, Part, PartFailed, Staged
from tidegate.services.record import Signals
from tidegate.services.turn import (
    EVERY,
    PART_SECONDS_MAX,
    TURN_NEEDS_MAX,
    Decider,
    Load,
    Root,
    Seat,
)

CELL_BYTES_MAX = 1 << 20
BIG_CELL_BYTES_MAX = 16 << 20
BIG_KINDS = frozenset({"execution"})
SAID_BYTES_MAX = 1 << 20
ROOT_SECONDS_MAX = 6.0
"""Of one signal in all engines; less than PostgreSQL lets a turn last."""

OpenCalls: TypeAlias = Callable[[Sequence[CellId]], Collection[tuple[CellId, str]]]
_ENCODE = msgspec.msgpack.Encoder(order="sorted").encode


class PutCell(Struct, frozen=True, gc=False):
    key: Key
    staged: Staged
    format: int
    body: bytes


class Journal(Struct, frozen=True, gc=False):
    key: Key
    version: int
    pos: Pos
    format: int
    body: bytes


class Decision(Struct, frozen=True, kw_only=True):
    """What a turn's roots lead to, in the order in which it is written."""

    puts: tuple[PutCell, ...]  # by (root, seat) of their first put: ids are given in this order
    drops: tuple[tuple[Key, Stored], ...]
    effects: tuple[tuple[Key, Effect], ...]
    stops: tuple[tuple[Key, str], ...]
    journal: tuple[Journal, ...]
    later: tuple[bytes, ...]  # signals, encoded
    replies: Mapping[int, Json | Refusal]  # by index of the root
    refusals: Mapping[Part, Refusal]
    parked: Mapping[Part, str]
    touched: frozenset[int]  # roots that put or dropped something


class Deciding(Struct, frozen=True, kw_only=True):
    """Everything deciding depends on besides the roots."""

    seats: Sequence[Seat[Any]]
    active: Mapping[tuple[str, str], DocId]
    codec: Codec
    signals: Signals
    load: Load
    open_calls: OpenCalls
    consumed: Collection[tuple[CellId, str]] = ()  # effects that outcomes of this turn end
    meter: Callable[[], float] | None = None  # seconds; None in a replay, which knows no limits
    one_by_one: bool = False  # somebody among them is known to be guilty


def decide(
    roots: Sequence[Root], by: Deciding, now: Instant, parked: dict[Part, str] | None = None
) -> Decision:
    """Decide all roots; `parked` names parts that are not to be tried at all.

    Those that fail are added to it, so the caller has them also when the store went away meanwhile.
    Raises TransientError when it does, Crowded when fewer roots must be taken; nothing else.
    """
    known = {} if parked is None else parked
    if by.one_by_one:
        return _one_by_one(roots, by, now, known)
    began = by.meter() if by.meter else 0.0
    # Of a single root each part is timed at once; among many only when some part took too long.
    alone = by.meter if len(roots) == 1 else None
    needs_max = None if by.meter is None else TURN_NEEDS_MAX
    decider = Decider(roots, by.seats, by.active, by.load, now, meter=alone, needs_max=needs_max)
    try:
        draft = Draft()
        decider.cascade(range(len(roots)), draft, known)
        decision = _settle(draft, by, now, roots, known)
        if by.meter is None or by.meter() - began <= (
            PART_SECONDS_MAX if alone is None else ROOT_SECONDS_MAX
        ):
            return decision
    except PartFailed:
        pass
    return _one_by_one(roots, by, now, known)


def _one_by_one(
    roots: Sequence[Root], by: Deciding, now: Instant, parked: dict[Part, str]
) -> Decision:
    decider = Decider(roots, by.seats, by.active, by.load, now, by.meter)
    draft = Draft()
    for index in range(len(roots)):
        while True:
            trial = draft.fork()
            began = by.meter() if by.meter else 0.0
            try:
                decider.cascade((index,), trial, parked)
                _settle(trial, by, now, roots, parked, only=index)
            except PartFailed as failed:
                parked[failed.part] = failed.error
                continue
            if by.meter and by.meter() - began > ROOT_SECONDS_MAX:
                parked[index, EVERY] = f"limit.time: deciding it took over {ROOT_SECONDS_MAX:g} s"
                continue
            draft = trial
            break
    return _settle(draft, by, now, roots, parked)


def _settle(
    draft: Draft,
    by: Deciding,
    now: Instant,
    roots: Sequence[Root],
    parked: Mapping[Part, str],
    only: int | None = None,
) -> Decision:
    """Encode everything; what cannot be encoded is charged to the part that staged it."""
    _check_calls(draft, by, only)
    staged, later = list(draft.cells.items()), draft.later
    if only is not None:
        staged = [item for item in staged if item[1].part[0] == only]
    else:
        staged.sort(key=_rank_of)
    if any(before[0] > after[0] for before, after in pairwise(later)):
        later = sorted(later, key=_root_of)
    return Decision(
        puts=_cells(staged, by.codec),
        drops=tuple((key, stored) for key, (stored, _) in draft.drops.items()),
        effects=tuple((key, effect) for (key, _), (effect, _) in draft.effects.items()),
        stops=tuple(draft.stops),
        journal=tuple(
            _journal(key, version, pos, entry, part)
            for key, version, pos, entry, part in draft.journal
            if only in (None, part[0])
        ),
        later=_later(later, by.signals, now, roots, only),
        replies=draft.replies,
        refusals=draft.refusals,
        parked=parked,
        touched=frozenset(draft.touched),
    )


def _rank_of(item: tuple[Key, Staged]) -> tuple[int, int]:
    return item[1].rank


def _root_of(item: tuple[int, Say | Order[Any], Part]) -> int:
    return item[0]


def _check_calls(draft: Draft, by: Deciding, only: int | None) -> None:
    """No call is opened twice, and no cell goes while work is open for it."""
    asking: dict[CellId, list[tuple[str | None, Part]]] = {}
    for (key, call), (effect, part) in draft.effects.items():
        stored = draft.cells[key].stored
        if only in (None, part[0]):
            _encodable(effect, part)
            if stored is not None:
                asking.setdefault(stored.id, []).append((call, part))
    for stored, part in draft.drops.values():
        if only in (None, part[0]):
            asking.setdefault(stored.id, []).append((None, part))
    if not asking:
        return
    for cell, call in by.open_calls(tuple(asking)):
        if (cell, call) in by.consumed:
            continue
        for wanted, part in asking.get(cell, ()):
            if wanted in (None, call):
                what = "is open already" if wanted else "was open when its cell was dropped"
                raise PartFailed(part, f"defect: call {call} {what}")


def _encodable(effect: Effect, part: Part) -> None:
    try:
        size = len(_ENCODE(effect))
    except (TypeError, ValueError, OverflowError) as error:
        raise PartFailed(part, f"defect: effect {effect.call} cannot be stored: {error}") from error
    if size > CELL_BYTES_MAX:
        raise PartFailed(part, f"limit.cell: effect {effect.call} has {size} bytes")


def _cells(staged: Sequence[tuple[Key, Staged]], codec: Codec) -> tuple[PutCell, ...]:
    puts: list[PutCell] = []
    encode = codec.encode
    for key, cell in staged:
        try:
            format_, body = encode(key, cell.state)
        except (TypeError, ValueError, OverflowError) as error:
            raise PartFailed(cell.part, f"defect: {key} cannot be stored: {error}") from error
        if len(body) > CELL_BYTES_MAX:
            limit = BIG_CELL_BYTES_MAX if key.kind in BIG_KINDS else CELL_BYTES_MAX
            if len(body) > limit:
                raise PartFailed(cell.part, f"limit.cell: {key} has {len(body)} bytes of {limit}")
        puts.append(PutCell(key, cell, format_, body))
    return tuple(puts)


def _journal(key: Key, version: int, pos: Pos, entry: Json, part: Part) -> Journal:
    try:
        bit, body = pack(_ENCODE(entry))
    except (TypeError, ValueError, OverflowError) as error:
        raise PartFailed(part, f"defect: a journal entry of {key} is no JSON: {error}") from error
    return Journal(key, version, pos, 1 | bit, body)


def _later(
    later: Sequence[tuple[int, Say | Order[Any], Part]],
    signals: Signals,
    now: Instant,
    roots: Sequence[Root],
    only: int | None,
) -> tuple[bytes, ...]:
    encoded: list[bytes] = []
    numbers: dict[Pos, int] = {}
    for index, said, part in later:
        if only is not None and index != only:
            continue
        root = roots[index]
        pos = root.pos if root.place is None else root.place
        number = numbers[pos] = numbers.get(pos, -1) + 1
        try:
            signal = said if isinstance(said, Order) else Heard(own_event(said, pos, number, now))
            body = signals.encode(signal)
        except (TypeError, ValueError, OverflowError) as error:
            raise PartFailed(part, f"defect: {said!r:.80} cannot be stored: {error}") from error
        if len(body) > SAID_BYTES_MAX:
            raise PartFailed(part, f"limit.cell: {said!r:.80} has {len(body)} bytes")
        encoded.append(body)
    return tuple(encoded)


def own_event(say: Say, pos: Pos, number: int, now: Instant) -> Event:
    """What an engine says, as an event; its id follows from its cause, so a replay says the same."""
    extensions: dict[str, Json] = {}
    if say.correlation_id is not None:
        extensions["correlationid"] = say.correlation_id
    day: Day | None = None
    written = say.data.get("business_date")
    if isinstance(written, str):
        try:
            day = parse_day(written)
        except ValueError:
            day = None
    if day is not None and day != NO_DAY:
        extensions["businessdate"] = written
    dataset = say.data.get("dataset_name")
    return Event(
        id=f"{pos}.{number}",
        source=OWN_SOURCE,
        type=say.type,
        time=now,
        subject=say.subject,
        data=say.data,
        extensions=extensions,
        application=OWN_SOURCE,
        dataset=dataset if isinstance(dataset, str) else None,
        day=day,
        context_id=say.correlation_id,
    )
