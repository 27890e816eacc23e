"""Step: the shape every engine has.

    signal --route--> needs --host loads--> view --reduce--> Step --host commits--> cells, effects, events

An engine is a module, not a class: it has no state of its own. Pure: no clock, no I/O, no
randomness, no iteration over sets; the same signals give the same steps for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from tidegate.kernel.clock import NO_DAY, Day, Instant
from tidegate.kernel.document import Document, DocumentKind, Finding
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import DocId, Pos

TEXT_MAX = 512  # bytes of a key part, a call, or any other text of a step that becomes a column


# ---- cells: what lasts
class Key(Struct, frozen=True, order=True, array_like=True, cache_hash=True, gc=False):
    """Names one cell for ever; `name` is a path, so `x1/Map.7` belongs to `x1`.

    Parts that come from outside are encoded with `ids.segment` first.
    """

    kind: str
    day: Day
    scope: str  # name of the document the cell follows
    name: str = ""

    def child(self, part: str) -> Key:
        """The key of a part of this cell; `part` is one path segment."""
        assert part, "a part has a name"
        assert "/" not in part, "escape names from outside with ids.segment"
        return Key(self.kind, self.day, self.scope, f"{self.name}/{part}")

    def line(self) -> tuple[Key, ...]:
        """This key and its ancestors, nearest first."""
        if "/" not in self.name:
            return (self,)
        parts = self.name.split("/")
        return tuple(
            Key(self.kind, self.day, self.scope, "/".join(parts[:n]))
            for n in range(len(parts), 0, -1)
        )


class Durable(Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """Base of every cell's state; a tree of values, so the collector of cycles need not look at it.

    What lists show and when to wake are part of it, so they cannot disagree with it. Fields are
    only appended, with defaults; never reordered, retyped or removed.
    """

    status: int = 0  # the noun's own IntEnum; CARE_MIN and above is late or waits for a person
    wake_at: Instant | None = None


CARE_MIN = 100
S = TypeVar("S", bound=Durable)
B = TypeVar("B")
Body_co = TypeVar("Body_co", bound=Struct, covariant=True)


class Cell(Struct, Generic[S], frozen=True, gc=False):
    """A state as the host hands it out; one that is not stored is the blank `S()` under version 0."""

    state: S
    doc: DocId = DocId(0)  # 0 on a blank cell whose scope names no active document
    version: int = 0


class Kind(Struct, frozen=True, kw_only=True):
    """One sort of cell: how it is called, decoded, and which document (the key's scope) it follows."""

    name: str
    state: type[Durable]
    part: type[Durable] | Callable[[str], type[Durable]] | None = None
    """State of its descendants; a function of the last segment where there are several sorts."""
    follows: str | None = None
    statuses: Mapping[int, str] = {}  # what lists print for a status
    format: int = 1
    upgrade: Callable[[list[Json]], list[Json]] | None = None  # raw array of format - 1 to this one
    shift: Callable[[Any, int], Durable] | None = None
    """Of a state that waits: instants of the clock that move with `wake_at` when a jump is accepted."""

    def holds(self, key: Key) -> type[Durable]:
        """The type of state under this key."""
        if "/" not in key.name:
            return self.state
        assert self.part is not None, f"a {self.name} has no parts"
        if isinstance(self.part, type):
            return self.part
        return self.part(key.name.rpartition("/")[2])


# ---- signals: what happens
class Done(Struct, frozen=True, tag=True, array_like=True):
    """The work outside succeeded."""

    output: Json = None


class Failed(Struct, frozen=True, tag=True, array_like=True):
    """The work outside failed; `error` is an ASL error name such as `States.Timeout`."""

    error: str
    cause: str = ""


class Heard(Struct, frozen=True, tag=True, gc=False):
    """A fact, from outside or said by an engine in an earlier turn."""

    event: Event


class Order(Struct, Generic[Body_co], frozen=True, tag=True):
    """An instruction; the type of `body` decides which engine obeys; `actor` is the person who gave it."""

    body: Body_co
    actor: str | None = None
    reason: str | None = None


class Adopted(Struct, frozen=True, tag=True):
    """An activation made `doc` the version to follow; one for each document that changed."""

    kind: str
    name: str
    doc: DocId | None  # None: withdrawn


class Woke(Struct, frozen=True, tag=True):
    """This cell's `wake_at` has come."""

    key: Key


class Outcome(Struct, frozen=True, tag=True, omit_defaults=True):
    """What came of the effect `call` of this cell."""

    key: Key
    call: str
    result: Done | Failed
    starts: int = 1  # how often a task was begun; after a loss of its server it is begun again


Routed: TypeAlias = Heard | Order[Struct] | Adopted  # the engine says whom it concerns
Signal: TypeAlias = Routed | Woke | Outcome  # the other two name their cell


# ---- effects: work outside, after the commit, under the key (database epoch, cell id, call)
class CallTask(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Do a piece of work; `call` is unique in its cell for ever: "Validate.2.1" = state, visit, attempt."""

    call: str
    resource: str
    payload: Json = None
    timeout_s: int
    due_at: Instant | None = None  # not before; None: at once


class StopTask(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Stop the work that `call` of this cell began; an outcome says at most what it had written."""

    call: str


class SendNotice(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Tell one receiver; `replaces` names an earlier call whose message this one edits in place."""

    call: str
    channel: str
    receiver: str
    body: Json
    replaces: str | None = None
    attempts_max: int = 5


class WriteRecord(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Write a tracking record through the chain of `locations`."""

    call: str
    locations: tuple[str, ...]
    record: Json


Effect: TypeAlias = CallTask | StopTask | SendNotice | WriteRecord


# ---- answers: what a reducer can say
class Need(Struct, frozen=True, gc=False):
    """Cells decided together; from `reduce`: "show me these as well" (the signal again, thrice at most)."""

    keys: tuple[Key, ...]


class Put(Struct, frozen=True, gc=False):
    """The cell's next state, with the work and the journal entry that belong to it."""

    key: Key
    state: Durable
    effects: tuple[Effect, ...] = ()
    journal: Json = None
    doc: DocId | None = None  # follow another version from now on


class Say(Struct, frozen=True, gc=False):
    """A fact for the log; everyone hears it in the next turn."""

    type: str
    subject: str
    data: Mapping[str, Json] = {}
    correlation_id: str | None = None


class Step(Struct, frozen=True, kw_only=True, gc=False):
    """All that follows from one signal for one need; committed whole or not at all."""

    puts: tuple[Put, ...] = ()
    drops: tuple[Key, ...] = ()
    orders: tuple[Struct, ...] = ()  # bodies; the host adds the actor of the root signal
    says: tuple[Say, ...] = ()
    reply: Json = None  # to whoever gave the order, after the commit


class Refusal(Struct, frozen=True):
    """An order that changes nothing, and why; `code` stands in kernel/errors."""

    code: str
    message: str
    fix: str = ""


Answer: TypeAlias = Step | Need | Refusal
NOTHING = Step()


# ---- what an engine may look at
class View(Protocol):
    """The cells of one need at one instant; `now` is one for the whole turn and never goes back."""

    @property
    def now(self) -> Instant: ...
    @property
    def pos(self) -> Pos:
        """The place of the root signal in the log."""
        ...

    @property
    def keys(self) -> tuple[Key, ...]: ...
    def __contains__(self, key: Key, /) -> bool: ...
    def cell(self, key: Key, state: type[S], /) -> Cell[S]: ...


class Look(Protocol):
    """A reader's view for `explain`: any cell, and the evidence behind it."""

    @property
    def now(self) -> Instant: ...
    def cell(self, key: Key, state: type[S], /) -> Cell[S]: ...
    def events(self, places: Iterable[Pos], /) -> tuple[Event, ...]:
        """Events by place; places that are gone or hold none are left out."""
        ...

    def parts(self, key: Key, /) -> tuple[Key, ...]:
        """The keys of all cells below this one."""
        ...

    def siblings(self, key: Key, days: int, /) -> tuple[Key, ...]:
        """Keys of the same kind and scope within so many days."""
        ...

    def strays(self, limit: int, /) -> tuple[tuple[Pos, Event], ...]:
        """Accepted events that touched nothing, newest first."""
        ...

    def rejects(self, limit: int, /) -> tuple[Json, ...]:
        """Deliveries refused at the door, newest first: {id, at, principal, code, message, body}."""
        ...


# ---- explanations
Verdict: TypeAlias = Literal["met", "not_met", "waiting", "quarantined"]


class Compared(Struct, frozen=True):
    """One value held against what was wanted, as texts a person reads."""

    what: str
    wanted: str
    seen: str
    met: bool


class Seen(Struct, frozen=True):
    """The event a verdict stands on."""

    pos: Pos
    source: str
    id: str
    time: Instant


class Clause(Struct, frozen=True):
    """One condition, its verdict, the evidence, and the values compared."""

    text: str
    verdict: Verdict
    evidence: Seen | None = None
    compared: tuple[Compared, ...] = ()


class Miss(Struct, frozen=True):
    """An event that almost matched, and what differed."""

    text: str
    evidence: Seen
    compared: tuple[Compared, ...] = ()


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a cell stands where it stands, and what happens next."""

    status: str
    sentence: str
    clauses: tuple[Clause, ...] = ()
    nearest_misses: tuple[Miss, ...] = ()
    next_at: Instant | None = None
    next_what: str | None = None


# ---- engines
class Engine(Protocol[B]):
    """One verb of the product; `B`, its book, is what it compiled from the documents."""

    @property
    def name(self) -> str: ...
    @property
    def kinds(self) -> tuple[Kind, ...]: ...
    @property
    def orders(self) -> tuple[type[Struct], ...]: ...  # the bodies it obeys; no two share one
    @property
    def documents(self) -> tuple[DocumentKind, ...]: ...  # the documents it owns

    def check(self, documents: Mapping[DocId, Document], /) -> Iterable[Finding]:
        """Faults and warnings that need several documents; each alone has passed its model."""
        ...

    def compile(self, documents: Mapping[DocId, Document], /) -> B:
        """Active and lingering versions to one book; done once per activation."""
        ...

    def route(self, signal: Routed, book: B, /) -> Iterable[Need]:
        """Whom may it concern: too many is harmless, too few is a defect. Each need is reduced on its own."""
        ...

    def reduce(self, signal: Signal, view: View, book: B, /) -> Answer:
        """What follows. Total: raises only by defect."""
        ...

    def explain(self, key: Key, look: Look, book: B, /) -> Explanation:
        """Why is this cell where it is?"""
        ...


__all__ = [
    "CARE_MIN", "NOTHING", "NO_DAY", "TEXT_MAX", "Adopted", "Answer", "B", "CallTask", "Cell",
    "Clause", "Compared", "Day", "DocId", "Document", "DocumentKind", "Done", "Durable", "Effect",
    "Engine", "Event", "Explanation", "Failed", "Finding", "Heard", "Instant", "Json", "Key",
    "Kind", "Look", "Miss", "Need", "Order", "Outcome", "Pos", "Put", "Refusal", "Routed", "S",
    "Say", "Seen", "SendNotice", "Signal", "Step", "StopTask", "Verdict", "View", "Woke",
    "WriteRecord",
]  # fmt: skip
