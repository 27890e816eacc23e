"""Search: the log as people ask it: the newest events, one event, everything under one id.

Rows carry a filter over ids, sources, types and correlation ids; it is scanned newest first, and
only rows that may hold what is asked for are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from tidegate.kernel import event as marks
from tidegate.kernel.clock import Instant, format_day, format_instant
from tidegate.kernel.cloudevent import OWN_SOURCE
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Adopted, Heard, Order, Outcome, Woke
from tidegate.ports.reader import Reader
from tidegate.ports.store import LogRow
from tidegate.services.books import Books
from tidegate.services.look import LATEST, Library, read_kept
from tidegate.services.record import CONFLICT, Foreign, Signals, decode_entries
from tidegate.services.transaction import CONFLICTS, RELEASED, tokens_of

ROWS_A_PAGE = 50
EVENTS_LOOKED_AT_MAX = 20_000
"""So many events are read for one page, about half a second; the page's cursor goes on from there."""
PAGES_MAX = 500
"""Pages of a question that is answered as a whole."""

RELEASED_MAX = 10_000
"""Of so many releases, the newest, is known who wanted them."""

_MARKS = {
    marks.NORMALISED: "normalised",
    marks.NAIVE_TIME: "naive_time",
    marks.ANCIENT: "ancient",
    marks.LONG_INTEGER: "long_integer",
    marks.UNKNOWN_SOURCE: "unknown_source",
    marks.UNMAPPED: "unmapped",
    marks.NO_TIME: "no_time",
}


class Wanted(Struct, frozen=True, kw_only=True):
    """What is looked for; everything given must fit."""

    token: str | None = None  # an id, a context id, a correlation id
    type: str | None = None
    source: str | None = None
    dataset: str | None = None
    own: bool = True  # also what Tidegate said itself

    def fits(self, event: Event) -> bool:
        return (
            (self.token is None or self.token in tokens_of(event))
            and (self.type is None or event.type == self.type)
            and (self.source is None or event.source == self.source)
            and (self.dataset is None or event.dataset == self.dataset)
        )

    def tokens(self) -> tuple[str, ...]:
        """One that the row's filter must hold; the rarest first."""
        found = (self.token, self.source, self.type)
        return tuple(one for one in found if one is not None)[:1]


class Found(Struct, frozen=True):
    pos: Pos
    at: Instant
    event: Event
    verdict: str
    principal: str | None = None
    activation: int = 0  # that was followed when it was decided


class Search:
    """Safe in every thread; reads only."""

    def __init__(
        self,
        reader: Reader,
        library: Library,
        signals: Signals,
        *,
        looked_at_max: int = EVENTS_LOOKED_AT_MAX,
    ) -> None:
        self._looked_at_max = looked_at_max
        self._reader = reader
        self._library = library
        self._signals = signals

    def newest(
        self, wanted: Wanted, *, before: Pos = LATEST, limit: int = 100
    ) -> tuple[list[Json], Pos | None]:
        """Events newest first, and the place to go on from; None when the log is through.

        A page may hold fewer than `limit`, or none, and still have a place to go on from: no filter
        knows datasets, because what an event's dataset is follows from today's mappings.
        """
        found, following = self._page(wanted, before, limit)
        return [printed(one) for one in found], following

    def whole(self, wanted: Wanted, limit: int) -> list[Json]:
        """The newest events that fit, from as many pages as it takes."""
        return [printed(one) for one in self.found(wanted, limit)]

    def followed(self) -> Books:
        """What is followed now, and what events are read under here."""
        return self._library.books()

    def found(self, wanted: Wanted, limit: int) -> list[Found]:
        """The newest events that fit, newest first."""
        found: list[Found] = []
        following: Pos | None = LATEST
        for _ in range(PAGES_MAX):
            if following is None or len(found) >= limit:
                break
            page, following = self._page(wanted, following, limit - len(found))
            found += page
        return found

    def at(self, places: Sequence[Pos]) -> list[Found]:
        """Events by place, newest first; places that are gone or hold none are left out."""
        books = self._library.books()
        wanted = sorted(set(places), reverse=True)
        found: list[Found] = []
        while wanted:
            rows = self._reader.rows(wanted[0], 1)
            if not rows:
                break
            first = rows[0].first
            mine = {pos for pos in wanted if first <= pos < first + rows[0].n}
            found += [one for one in self._events(rows[0], books) if one.pos in mine]
            wanted = [pos for pos in wanted[1:] if pos not in mine]
        return found

    def released(self) -> list[Found]:
        """Parked signals that a person had decided after all, newest first: who, and why."""
        return [
            one
            for one in self.found(Wanted(type=RELEASED), RELEASED_MAX)
            if one.event.source == OWN_SOURCE
        ]

    def conflicts(self, limit: int) -> list[Found]:
        """Events that came under a used id with other content, newest first."""
        books = self._library.books()
        found: list[Found] = []
        before = LATEST
        while True:
            rows = self._reader.find((CONFLICTS,), before, ROWS_A_PAGE)
            for row in rows:
                events = reversed(list(self._events(row, books)))
                found += [one for one in events if one.verdict == "conflict"]
            if len(found) >= limit or len(rows) < ROWS_A_PAGE:
                return found[:limit]
            before = rows[-1].first

    def _page(self, wanted: Wanted, before: Pos, limit: int) -> tuple[list[Found], Pos | None]:
        found: list[Found] = []
        books = self._library.books()
        looked_at = 0
        while rows := self._rows(wanted, before):
            for row in rows:
                for one in reversed(list(self._events(row, books))):
                    if one.pos < before and wanted.fits(one.event) and self._shown(one, wanted):
                        found.append(one)
                        if len(found) == limit:
                            return found, one.pos
                before = row.first
                looked_at += row.n
                if looked_at >= self._looked_at_max:
                    return found, before
        return found, None

    def after(self, pos: Pos, wanted: Wanted, limit: int = 100) -> tuple[list[Json], Pos]:
        """Events from a place on, oldest first, and the place to go on from."""
        found: list[Json] = []
        books = self._library.books()
        for row in self._reader.rows(pos, ROWS_A_PAGE):
            for one in self._events(row, books):
                if one.pos >= pos and wanted.fits(one.event) and self._shown(one, wanted):
                    found.append(printed(one))
                    if len(found) == limit:
                        return found, Pos(one.pos + 1)
            pos = Pos(row.first + row.n)
        return found, pos

    def _rows(self, wanted: Wanted, before: Pos) -> Sequence[LogRow]:
        tokens = wanted.tokens()
        if tokens:
            return self._reader.find(tokens, before, ROWS_A_PAGE)
        return self._reader.rows_before(before, ROWS_A_PAGE)

    def _events(self, row: LogRow, books: Books) -> Iterator[Found]:
        for offset, entry in enumerate(decode_entries(row.body)):
            pos = Pos(row.first + offset)
            if entry is None:
                continue
            if isinstance(entry, Foreign):
                event = read_kept(entry, books)
                if event is not None:
                    verdict = "conflict" if entry.verdict == CONFLICT else "accepted"
                    yield Found(pos, row.at, event, verdict, entry.principal, row.activation)
                continue
            signal = self._signals.decode(entry.signal)
            match signal:
                case Heard(event):
                    yield Found(pos, row.at, event, "said", activation=row.activation)
                case Order() | Adopted() | Woke() | Outcome():
                    continue

    def _shown(self, one: Found, wanted: Wanted) -> bool:
        return wanted.own or one.verdict != "said"


def printed(found: Found) -> dict[str, Json]:
    """An event of the log as JSON: raw attributes and what was read out of them."""
    event = found.event
    return {
        "pos": found.pos,
        "at": format_instant(found.at),
        "verdict": found.verdict,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": format_instant(event.time),
        "subject": event.subject,
        "application": event.application or None,
        "dataset": event.dataset,
        "business_date": format_day(event.day) if event.day is not None else None,
        "context_id": event.context_id,
        "correlation_id": event.extensions.get("correlationid"),
        "marks": [name for bit, name in _MARKS.items() if event.marks & bit],
        "unmapped": event.unmapped or None,
        "principal": found.principal,
        "data": event.data,
        "extensions": dict(event.extensions),
    }
