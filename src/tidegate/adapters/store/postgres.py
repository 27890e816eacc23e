"""PostgresStore: the turn on PostgreSQL. One locked row makes it one at a time anywhere.

    take     BEGIN, lock `turn`, the clock, new keys, outcomes, later, due, cells   one round trip
             hits, cells under names that are new to us                             one, seldom
    load     further cells                                                          one each
    commit   all writes and COMMIT                                                  one
             NOTIFY, outside the turn: its lock is one for the whole server         one

Whoever holds the turn and stands still loses it: the server ends a transaction that is idle for 5 s
or lasts 8 s, and a replica that has waited 6 s ends the holder itself, if that is one of ours. An answer to COMMIT that was
lost is settled by taking the turn (then the lost try has ended, one way or the other) and looking
for the random id that each try writes into its log row.

No cells are kept between turns: another replica may write them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.meta import identity
from tidegate.adapters.store.names import Names
from tidegate.adapters.store.postgres_ask import Ask, Numbers, Texts
from tidegate.adapters.store.postgres_beside import BESIDE_LOCK_S, PostgresBeside
from tidegate.adapters.store.postgres_holder import patience
from tidegate.adapters.store.postgres_shift import shift_wakes
from tidegate.adapters.store.postgres_write import key_columns, writing
from tidegate.adapters.system import SystemClock, random_bytes
from tidegate.kernel.clock import Clock, Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import ConflictError, Defect, TransientError
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Cell, Key
from tidegate.ports.store import (
    STOP,
    Claim,
    EventKey,
    Hit,
    LogRow,
    RowFault,
    Stored,
    Taken,
    Wanted,
    Writes,
)

if TYPE_CHECKING:
    # The driver is optional: `open` says what to install where it is missing.
    from tidegate.adapters.store.postgres_link import Link

TURN_LOCK_S = 15
TAKE_MAX_S = TURN_LOCK_S + 2.0
"""How long taking the turn may last, the wait for it included."""
TURN_MAX_S = 8
"""A turn that lasts longer is undone by the server (PostgreSQL 17 and later)."""
HINT_MAX_S = 2.0
UNDEFINED_TABLE = "42P01"
SETTLE_MAX_S = 20.0
"""How long the database is asked what became of a COMMIT."""

log = logging.getLogger("tidegate.store")


class PostgresStore(PostgresBeside):
    def __init__(
        self, link: Link, beside: Link, codec: Codec, replica: str, clock: Clock, *, truce: bool
    ) -> None:
        super().__init__(beside, clock, truce=truce)
        self._link = link
        self._codec = codec
        self._clock = clock
        self._kinds = frozenset(kind.name for kind in codec.kinds)
        self._names = Names()
        self._taken: Taken | None = None
        self._closed = False
        self._pause = Event()  # never set; only its wait with a limit is used
        self._entered: Mapping[int, Hit] = {}  # event keys the open turn put into the index
        meta = Ask(sql.META)
        names = Ask(sql.NAMES)
        self._beside.trip(meta, names)
        self._replica = replica
        gone = Ask(sql.REPLICAS_GONE, replica)
        self._beside.trip(gone)
        self.unclean = bool(gone.rows)
        """A replica that wrote before did not close its store."""
        self._identity = identity(dict(meta.rows))
        self._names.adopt(names.rows)

    @classmethod
    def open(
        cls,
        url: str,
        codec: Codec,
        *,
        replica: str,
        clock: Clock | None = None,
        truce: bool = False,
    ) -> PostgresStore:
        """A store over a database that `migrate.upgrade` has prepared.

        With `truce` nothing that another replica holds is claimed in the first 40 s: a server
        begins so, for it may have been started because the database was away. Raises InputError
        (`config.invalid`) without the driver, ConflictError (`database.schema`), TransientError.
        """
        from tidegate.adapters.store.postgres_link import Link

        clock = SystemClock() if clock is None else clock
        link = Link(url, f"tidegate {replica}", clock, lock_s=TURN_LOCK_S)
        beside = Link(url, f"tidegate {replica} beside", clock, lock_s=BESIDE_LOCK_S)
        try:
            return cls(link, beside, codec, replica, clock, truce=truce)
        except TransientError as error:
            beside.drop()
            if error.details.get("sqlstate") == UNDEFINED_TABLE:
                raise ConflictError(
                    "database.schema", f"the database is not prepared: {error.message}",
                    fix="tidegate db upgrade",
                ) from error  # fmt: skip
            raise

    @property
    def epoch(self) -> str:
        return self._identity.epoch

    @property
    def hash_seed(self) -> int:
        return self._identity.hash_seed

    # ---- the turn
    def take(self, wanted: Wanted) -> Taken:
        assert self._taken is None, "a turn is taken already"
        self._link.connect()
        try:
            taken = self._take(wanted)
        except BaseException:
            self._link.undo()
            raise
        self._truce.notice_clock(taken.now)
        self._taken = taken
        return taken

    def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        assert self._taken is not None, "no turn is taken"
        with self._kept():
            self._learn(keys)
            columns, asked = key_columns(self._names, keys)
            cells = Ask(sql.CELLS, *columns)
            if asked:
                self._link.trip(cells, inside=True)
            return self._stored(cells, asked)

    def open_calls(self, cells: Sequence[CellId]) -> Sequence[tuple[CellId, str]]:
        assert self._taken is not None, "no turn is taken"
        ask = Ask(sql.OPEN_CALLS, Numbers(cells), STOP)
        with self._kept():
            self._link.trip(ask, inside=True)
        return [(cell, call) for cell, call in ask.rows]

    def commit(self, taken: Taken, writes: Writes) -> None:
        assert self._taken is taken, "this turn is not taken"
        attempt = random_bytes(16)
        with self._kept():
            self._learn(writes.unwoken)
            self._intern([cell.key for cell in writes.cells])
            asks = [
                *writing(taken, writes, names=self._names, entered=self._entered, attempt=attempt)
            ]
            if writes.shift_wakes_us:
                self._link.trip(*asks, inside=True)
                shift_wakes(self._link, self._codec, writes.shift_wakes_us)
                asks.clear()
            try:
                self._finish(*asks)
            except TransientError:
                if not self._was_committed(taken, writes, attempt):
                    raise
        self._taken = None
        self._hint()

    def abandon(self) -> None:
        self._taken = None
        self._link.undo()

    def row_at(self, pos: Pos) -> LogRow | None:
        ask = Ask(sql.ROW_AT, pos)
        with self._kept():
            self._link.trip(ask, inside=self._taken is not None)
        if not ask.rows:
            return None
        row = LogRow(*ask.rows[0])
        return row if pos < row.first + row.n else None

    def check(self) -> None:
        """A server that is away is noticed by the next trip."""

    def close(self, *, clean: bool = True) -> None:
        self._taken = None
        self._link.drop()
        if clean and not self._closed:
            with suppress(TransientError, RowFault):
                self._beside.trip(Ask(sql.REPLICA_LEAVES, self._replica), within_s=HINT_MAX_S)
        self._closed = True
        self._beside.drop()

    # ---- taking
    def _take(self, wanted: Wanted) -> Taken:
        turn, now = Ask(sql.TURN), self._now()
        keys, outcomes = _entering(wanted.keys), _ending(wanted.outcomes)
        later, due = Ask(sql.LATER, wanted.later_max), Ask(sql.DUE, wanted.due_max)
        columns, asked = key_columns(self._names, wanted.cells)
        cells = Ask(sql.CELLS, *columns)
        names = self._names_of(wanted.cells) if len(asked) < len(wanted.cells) else None
        asks = [
            Ask(sql.BEGIN), turn, now,
            *([keys] if wanted.keys else ()),
            *([outcomes] if wanted.outcomes else ()),
            *([later] if wanted.later_max else ()),
            *([due] if wanted.due_max else ()),
            *([cells] if asked else ()),
            *([names] if names is not None else ()),
        ]  # fmt: skip
        with patience(self._link) as waiting:
            self._link.trip(*asks, within_s=TAKE_MAX_S, waiting=waiting)
        ((n, next_pos, next_cell, next_later, at, activation, chain),) = turn.rows
        stored = dict(self._stored(cells, asked))
        hits = self._enter(wanted.keys, next_pos, {hash_ for (hash_,) in keys.rows})
        if names is not None and names.rows:
            self._names.adopt(names.rows)
            stored.update(self._more(set(wanted.cells).difference(asked)))
        due_keys = self._due(due, max(now.rows[0][0], at), stored)
        ended = {Claim(*row) for row in outcomes.rows}
        return Taken(
            n=n,
            next_pos=next_pos,
            next_cell=next_cell,
            next_later=next_later,
            at=at,
            now=now.rows[0][0],
            activation=activation,
            chain=chain,
            hits=hits,
            stale=[claim for claim in wanted.outcomes if claim not in ended],
            later=[(id_, body) for id_, body in later.rows],
            due=due_keys,
            cells=stored,
        )

    def _now(self) -> Ask:
        if self._link.times_turns:
            return Ask(sql.NOW_TIMED, f"{TURN_MAX_S}s")
        return Ask(sql.NOW)

    def _enter(self, keys: Sequence[EventKey], next_pos: int, new: set[int]) -> Mapping[int, Hit]:
        """Remember which keys entered the index; the others were there."""
        self._entered = {
            key.hash: Hit(Pos(next_pos + key.index), key.digest) for key in keys if key.hash in new
        }
        old = Numbers(key.hash for key in keys if key.hash not in new)
        if not old:
            return {}
        ask = Ask(sql.HITS, old)
        self._link.trip(ask, inside=True)
        return {hash_: Hit(pos, digest) for hash_, pos, digest in ask.rows}

    def _more(self, keys: Collection[Key]) -> Mapping[Key, Stored]:
        """Cells under names that we have just learned."""
        columns, asked = key_columns(self._names, list(keys))
        cells = Ask(sql.CELLS, *columns)
        if asked:
            self._link.trip(cells, inside=True)
        return self._stored(cells, asked)

    def _stored(self, cells: Ask, asked: Sequence[Key]) -> Mapping[Key, Stored]:
        """The cells of one answer; one of a kind we do not keep says nothing to us."""
        found: dict[Key, Stored] = {}
        for row in cells.rows:
            place: int = row[0]
            key = asked[place - 1]
            _, id_, doc, version, format_, body = row
            if key.kind in self._kinds:
                state = self._codec.decode(key, format_, body)
                found[key] = Stored(id_, Cell(state, doc, version))
        return found

    def _due(self, due: Ask, until: Instant, stored: dict[Key, Stored]) -> Sequence[Key]:
        """The due keys in order; their cells go to `stored`."""
        keys: list[Key] = []
        for wake_at, id_, kind, kind_text, day, scope, scope_text, name, *rest in due.rows:
            if wake_at > until:
                break  # the database's clock went on between two statements
            self._names.adopt(((kind, kind_text), (scope, scope_text)))
            key = Key(kind_text, Day(day), scope_text, name)
            keys.append(key)
            if key.kind in self._kinds:
                doc, version, format_, body = rest
                with suppress(Defect):  # whoever is woken by it loads it again, and is charged
                    state = self._codec.decode(key, format_, body)
                    stored[key] = Stored(id_, Cell(state, doc, version))
        return keys

    # ---- names
    def _names_of(self, keys: Iterable[Key]) -> Ask | None:
        """What to ask so that every name of these keys that exists is known; None: all are."""
        unknown = dict.fromkeys(
            text
            for key in keys
            for text in (key.kind, key.scope)
            if self._names.number(text) is None
        )
        return Ask(sql.NAMES_OF, Texts(unknown)) if unknown else None

    def _learn(self, keys: Iterable[Key]) -> None:
        ask = self._names_of(keys)
        if ask is not None:
            self._link.trip(ask, inside=True)
            self._names.adopt(ask.rows)

    def _intern(self, keys: Iterable[Key]) -> None:
        """Number every name these keys bring; should the turn fail, `_kept` forgets all names."""
        ask = self._names_of(keys)
        if ask is not None:
            self._link.trip(Ask(sql.NAMES_NEW, *ask.parameters), ask, inside=True)
            self._names.adopt(ask.rows)

    # ---- committing
    def _finish(self, *asks: Ask) -> None:
        commit = Ask(sql.COMMIT)
        with patience(self._link) as waiting:
            self._link.trip(*asks, commit, inside=True, waiting=waiting)
        if commit.tag != sql.COMMIT:
            # A transaction that had failed answers COMMIT with ROLLBACK.
            raise TransientError("store.unavailable", f"the database answered {commit.tag}")

    def _was_committed(self, taken: Taken, writes: Writes, attempt: bytes) -> bool:
        """What became of a COMMIT whose answer was lost. Raises TransientError: nobody knows."""
        began = self._clock.monotonic()
        pause_s = 0.05
        while True:
            try:
                return self._look_up(taken, writes, attempt)
            except TransientError as error:
                if self._clock.monotonic() - began > SETTLE_MAX_S:
                    raise TransientError(
                        "store.unavailable",
                        f"the database went away during COMMIT of turn {taken.n + 1} "
                        f"and is away still: {error.message}",
                        fix="send again; what was committed is recognised",
                    ) from error
            self._pause.wait(pause_s)
            pause_s = min(1.0, 2 * pause_s)

    def _look_up(self, taken: Taken, writes: Writes, attempt: bytes) -> bool:
        """With the turn in our hands the lost try has ended, one way or the other."""
        turn, found = Ask(sql.TURN), Ask(sql.SETTLE_LOG, attempt)
        if writes.log is None and writes.rejects:
            first = writes.rejects[0]
            found = Ask(sql.SETTLE_REJECT, first.at, first.code, first.body)
        with patience(self._link) as waiting:
            asks = Ask(sql.BEGIN), turn, found
            self._link.trip(*asks, within_s=TAKE_MAX_S, waiting=waiting)
        self._link.undo()
        log.warning(
            "the answer to COMMIT of turn %d was lost; it was %s",
            taken.n + 1, "committed" if found.rows else "undone",
        )  # fmt: skip
        return bool(found.rows)

    def _hint(self) -> None:
        """Wake the replicas that sleep. They would look by themselves within a second."""
        with suppress(TransientError, RowFault):
            self._link.trip(Ask(sql.NOTIFY), within_s=HINT_MAX_S)

    @contextmanager
    def _kept(self) -> Generator[None]:
        """The turn stays taken unless something goes wrong; then nothing of it is left."""
        try:
            yield
        except BaseException:
            self._taken = None
            self._names = Names()
            self._link.undo()
            raise


def _entering(keys: Sequence[EventKey]) -> Ask:
    return Ask(
        sql.KEYS,
        Numbers(key.hash for key in keys),
        Numbers(key.index for key in keys),
        Numbers(key.digest for key in keys),
    )


def _ending(outcomes: Sequence[Claim]) -> Ask:
    return Ask(
        sql.OUTCOMES,
        Numbers(claim.cell for claim in outcomes),
        Texts(claim.call for claim in outcomes),
        Numbers(claim.fence for claim in outcomes),
    )
