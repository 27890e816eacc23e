"""Draft: everything one transaction will write, while it is being decided.

Staging checks the protocol of a step (spec: what may be put and dropped) before any SQL is written;
what breaks it raises `Limit`, and the part that did it is parked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from msgspec import Struct, field

from tidegate.kernel.clock import Instant
from tidegate.kernel.ids import DocId, Pos
from tidegate.kernel.step import (
    TEXT_MAX,
    CallTask,
    Cell,
    Durable,
    Effect,
    Key,
    Kind,
    Order,
    Put,
    Refusal,
    S,
    Say,
    Signal,
    Step,
    StopTask,
    Woke,
)
from tidegate.ports.store import Stored

PUTS_MAX = 5_000

Part: TypeAlias = tuple[int, str]
"""A root's index and the name of the engine that heard it."""


class PartFailed(Exception):
    """An engine could not decide its part."""

    def __init__(self, part: Part, error: str) -> None:
        super().__init__(error)
        self.part = part
        self.error = error


class Limit(Exception):
    """A step is over a limit or breaks the protocol; the message begins with the code."""


class Staged(Struct, frozen=True, gc=False):
    """A cell as this turn leaves it."""

    state: Durable
    doc: DocId
    version: int
    stored: Stored | None  # what it replaces; None when it begins
    part: Part
    rank: tuple[int, int]  # root and seat of its first put: the order ids are given in


class Sight(Struct, gc=False):
    """The view of one need."""

    now: Instant
    pos: Pos
    keys: tuple[Key, ...]
    cells: Mapping[Key, Cell[Any]]

    def __contains__(self, key: Key, /) -> bool:
        return key in self.cells

    def cell(self, key: Key, state: type[S], /) -> Cell[S]:
        found: Cell[S] = self.cells[key]
        if type(found.state) is not state:
            raise Limit(f"defect: {key} holds no {state.__name__}")
        return found


class Draft(Struct):
    """What is staged so far, and who staged it."""

    cells: dict[Key, Staged] = field(default_factory=dict[Key, Staged])
    drops: dict[Key, tuple[Stored, Part]] = field(default_factory=dict[Key, tuple[Stored, Part]])
    """Stored cells that go; a key may stand here and in `cells`: it was begun anew."""
    effects: dict[tuple[Key, str], tuple[Effect, Part]] = field(
        default_factory=dict[tuple[Key, str], tuple[Effect, Part]]
    )
    stops: dict[tuple[Key, str], Part] = field(default_factory=dict[tuple[Key, str], Part])
    journal: list[tuple[Key, int, Pos, Any, Part]] = field(
        default_factory=list[tuple[Key, int, Pos, Any, Part]]
    )
    later: list[tuple[int, Say | Order[Struct], Part]] = field(
        default_factory=list[tuple[int, Say | Order[Struct], Part]]
    )
    replies: dict[int, Any] = field(default_factory=dict[int, Any])
    refusals: dict[Part, Refusal] = field(default_factory=dict[Part, Refusal])
    touched: set[int] = field(default_factory=set[int])
    orders: dict[int, int] = field(default_factory=dict[int, int])

    def fork(self) -> Draft:
        """A copy to try one more root on."""
        return Draft(
            dict(self.cells),
            dict(self.drops),
            dict(self.effects),
            dict(self.stops),
            list(self.journal),
            list(self.later),
            dict(self.replies),
            dict(self.refusals),
            set(self.touched),
            dict(self.orders),
        )


class Stage(Struct):
    """Where a step lands: the draft, what was loaded, and which versions new cells follow."""

    draft: Draft
    loaded: Mapping[Key, Stored | None]
    active: Mapping[tuple[str, str], DocId]  # (document kind, name) to the active version

    def shown(self, key: Key, kinds: Mapping[str, Kind]) -> Cell[Any]:
        """The cell as the next reducer sees it."""
        staged = self.draft.cells.get(key)
        if staged is not None:
            return Cell(staged.state, staged.doc, staged.version)
        stored = self.loaded.get(key)
        if stored is not None and key not in self.draft.drops:
            return stored.cell
        kind = kinds.get(key.kind)
        if kind is None:
            raise Limit(f"defect: no {key.kind} is kept here")
        if "/" not in key.name:
            return Cell(
                _blank(kind.state), self.active.get((kind.follows or "", key.scope), _NO_DOC)
            )
        return Cell(_blank(kind.holds(key)), self._doc_of(key, kind))

    def step(
        self,
        step: Step,
        signal: Signal,
        sight: Sight,
        kinds: Mapping[str, Kind],
        part: Part,
        rank: int,
        fresh: dict[Key, Part],
    ) -> None:
        """Stage a whole step. Raises Limit."""
        if len(step.puts) + len(step.drops) > PUTS_MAX:
            raise Limit(f"limit.puts: {len(step.puts)} puts of {PUTS_MAX}")
        for key in step.drops:
            if key not in sight.cells:
                raise Limit(f"defect: {key} was dropped but not needed")
            self._drop(key, part)
        for put in step.puts:
            self._put(put, sight, kinds, part, rank, fresh)
        self.draft.touched.add(part[0])
        if type(signal) is Woke and signal.key not in step.drops:
            staged = self.draft.cells.get(signal.key)
            wake_at = staged.state.wake_at if staged is not None else sight.now
            if wake_at is not None and wake_at <= sight.now:
                raise Limit(f"defect: {signal.key} would wake for ever")

    def _drop(self, key: Key, part: Part) -> None:
        if any(owner == key for owner, _ in self.draft.effects):
            raise Limit(f"defect: {key} was dropped with an effect of this turn")
        staged = self.draft.cells.pop(key, None)
        stored = staged.stored if staged is not None else self.loaded.get(key)
        if stored is not None:
            self.draft.drops[key] = (stored, part)

    def _put(
        self,
        put: Put,
        sight: Sight,
        kinds: Mapping[str, Kind],
        part: Part,
        rank: int,
        fresh: dict[Key, Part],
    ) -> None:
        key, state, draft = put.key, put.state, self.draft
        kind = kinds.get(key.kind)
        if kind is None or type(state) is not (
            kind.state if "/" not in key.name else kind.holds(key)
        ):
            raise Limit(f"defect: {key} cannot hold a {type(state).__name__}")
        staged = draft.cells.get(key)
        shown = sight.cells.get(key)
        if shown is None:
            self._may_begin(key, staged, sight, part, fresh)
        if staged is not None:
            doc = put.doc or staged.doc
            draft.cells[key] = Staged(
                state, doc, staged.version + 1, staged.stored, part, staged.rank
            )
        else:
            # A tombstone's successor begins anew: a new id, version 1.
            stored = None if key in draft.drops else self.loaded.get(key)
            if stored is None:
                check_text(key.scope)
                check_text(key.name)
                version = 1
            else:
                version = stored.cell.version + 1
            doc = put.doc or (shown.doc if shown is not None else self._doc_of(key, kind))
            draft.cells[key] = Staged(state, doc, version, stored, part, (part[0], rank))
        if kind.follows and not doc:
            raise Limit(f"defect: {key} follows no document")
        for effect in put.effects:
            self._effect(key, effect, part)
        if put.journal is not None:
            draft.journal.append((key, draft.cells[key].version, sight.pos, put.journal, part))

    def _may_begin(
        self, key: Key, staged: Staged | None, sight: Sight, part: Part, fresh: dict[Key, Part]
    ) -> None:
        """A cell that was not needed may only be a new part of one that was."""
        if not any(ancestor in sight.cells for ancestor in key.line()[1:]):
            raise Limit(f"defect: {key} was neither needed nor is part of a needed cell")
        if staged is not None:
            raise Limit(f"defect: {key} exists and was not needed")
        fresh[key] = part

    def _effect(self, key: Key, effect: Effect, part: Part) -> None:
        check_text(effect.call)
        place = (key, effect.call)
        if isinstance(effect, StopTask):
            if self.draft.effects.pop(place, None) is None:
                self.draft.stops[place] = part
            return
        if place in self.draft.effects:
            raise Limit(f"defect: {key} calls {effect.call} twice")
        if isinstance(effect, CallTask) and effect.timeout_s <= 0:
            raise Limit(f"defect: {key} calls {effect.call} and gives it no time")
        self.draft.effects[place] = (effect, part)

    def _doc_of(self, key: Key, kind: Kind) -> DocId:
        """The version a new cell follows: its nearest ancestor's, else the active one of its scope."""
        for ancestor in key.line()[1:] if "/" in key.name else ():
            staged = self.draft.cells.get(ancestor)
            if staged is not None:
                return staged.doc
            stored = self.loaded.get(ancestor)
            if stored is not None and ancestor not in self.draft.drops:
                return stored.cell.doc
        return self.active.get((kind.follows or "", key.scope), _NO_DOC)


_NO_DOC = DocId(0)


@cache
def _blank(state: type[Durable]) -> Durable:
    """A state is never changed, so one blank of each type is enough."""
    return state()


def check_text(text: str) -> None:
    """A text that becomes a column. Raises Limit."""
    if len(text) <= TEXT_MAX and text.isascii() and "\0" not in text:
        return
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise Limit(f"limit.text: {text[:40]!r} is no valid Unicode") from error
    if size > TEXT_MAX or "\0" in text:
        raise Limit(f"limit.text: {text[:40]!r} has {size} bytes of {TEXT_MAX}, or a NUL")
