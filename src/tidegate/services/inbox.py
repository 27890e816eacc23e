"""Inbox: what waits for a person: parked signals, refused deliveries, conflicts, unmatched events."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.kernel.clock import format_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import UNMAPPED, Json, unread
from tidegate.kernel.ids import Pos
from tidegate.kernel.value import is_map
from tidegate.ports.reader import PAGE_MAX, ParkedRow, Reader, RejectRow
from tidegate.services.asking import rules_of
from tidegate.services.look import LATEST
from tidegate.services.orders import ReleaseParked
from tidegate.services.recognised import attributes
from tidegate.services.search import Found, Search, Wanted, printed

PREVIEW_MAX = 500
_NOT_COMPARED = frozenset({"pos", "at", "verdict", "principal", "marks"})
"""What two copies of one event never share."""
PLACE_DIGITS_MAX = 18


class Inbox:
    """Safe in every thread; reads only. `release_order` makes the order that hands a signal out again."""

    def __init__(self, reader: Reader, search: Search) -> None:
        self._reader = reader
        self._search = search

    def listed(self, limit: int = 100) -> list[Json]:
        """At most so many: parked signals, then everything else, newest first."""
        parked = [_parked(row) for row in self._reader.parked()]
        size = min(limit, PAGE_MAX)
        others = [
            *(_rejected(row) for row in self._reader.rejects(LATEST, size)),
            *(self._unheard(one) for one in self._search.at(self._reader.strays(LATEST, size))),
            *(_conflict(one) for one in self._search.conflicts(size)),
        ]
        others.sort(key=lambda item: item["at"], reverse=True)
        return [*parked, *others][:limit]

    def item(self, id_: str) -> dict[str, Json]:
        """One item with all that is kept of it. Raises InputError (`inbox.unknown`)."""
        for row in self._reader.parked():
            if _parked_id(row) == id_:
                return {**_parked(row), "event": self._event(row.parking.pos)}
        kind, number = id_[:1], id_[1:]
        if number.isascii() and number.isdigit() and len(number) <= PLACE_DIGITS_MAX:
            if kind == "r":
                for one in self._reader.rejects(int(number) + 1, 1):
                    if one.id == int(number):
                        return _rejected(one, whole=True)
            if kind in ("e", "c"):
                found = self._search.at([Pos(int(number))])
                if found and found[0].verdict == "conflict":
                    return {**_conflict(found[0]), "differs": self._differs(found[0])}
                if found and found[0].pos in self._reader.strays(Pos(found[0].pos + 1), 1):
                    return {**self._unheard(found[0]), "event": printed(found[0])}
        for said in self._search.released() if "." in id_ else ():
            if said.event.subject == id_:
                return self._released(said)
        raise InputError(
            "inbox.unknown",
            f"nothing in the inbox is called {id_[:80]!r}",
            fix="`tidegate inbox list` shows what is there",
        )

    def _released(self, found: Found) -> dict[str, Json]:
        """What is in the inbox no more: who had it decided, and why."""
        data = found.event.data
        by, reason = data["by"] or "somebody", data["reason"]
        return {
            "id": found.event.subject,
            "kind": "released",
            "at": format_instant(found.at),
            "what": f"released by {by}: {reason}" if reason else f"released by {by}",
            "by": data["by"],
            "reason": reason,
            "event": self._event(Pos(data["pos"])),
        }

    def _event(self, pos: Pos) -> Json:
        found = self._search.at([pos])
        return printed(found[0]) if found else None

    def _differs(self, later: Found) -> list[Json]:
        """Where the event of a conflict differs from the one that counts."""
        wanted = Wanted(token=later.event.id, source=later.event.source)
        counted = [one for one in self._search.found(wanted, PAGE_MAX) if one.verdict == "accepted"]
        if not counted:
            return []
        return list(_differences(printed(counted[-1]), printed(later)))

    def _unheard(self, found: Found) -> dict[str, Json]:
        event = found.event
        return {
            "id": f"e{found.pos}",
            "kind": "unmatched" if not event.marks & UNMAPPED else "unmapped",
            "at": format_instant(found.at),
            "what": self._why_unheard(found),
            "event": {"id": event.id, "source": event.source, "type": event.type},
        }

    def _why_unheard(self, found: Found) -> str:
        """As it would be today; what it was when it came may have been mended since."""
        event, books = found.event, self._search.followed()
        matches = rules_of(books).matcher.of(event).values()
        heard = next((one.rule for one in matches if one.rule.active), None)
        if heard is not None and found.activation < books.activation:
            return (
                f"no rule heard it when it came, under activation {found.activation}; since then "
                f"(activation {books.activation}) rule {heard.name} does: send it again under a new id"
            )
        if heard is not None:
            return f"rule {heard.name} heard it, and no gate had use for it"
        return unread(event) or "matches no rule"

    def refused(self, token: str) -> list[Json]:
        """The newest refused deliveries that call themselves by this id."""
        found = [_rejected(row) for row in self._reader.rejects(LATEST, PAGE_MAX)]
        return [one for one in found if one.get("event", {}).get("id") == token]

    def parked_ids(self) -> list[str]:
        return [_parked_id(row) for row in self._reader.parked()]


# ---- items
def _parked_id(row: ParkedRow) -> str:
    return f"{row.parking.pos}.{row.parking.engine}"


def _parked(row: ParkedRow) -> dict[str, Json]:
    return {
        "id": _parked_id(row),
        "kind": "parked",
        "at": format_instant(row.at),
        "what": row.parking.error,
        "release": row.release,
    }


def _rejected(row: RejectRow, *, whole: bool = False) -> dict[str, Json]:
    reject = row.reject
    body = reject.body if whole else reject.body[:PREVIEW_MAX]
    about = attributes(reject.body)
    return {
        "id": f"r{row.id}",
        "kind": "rejected",
        "at": format_instant(reject.at),
        "what": f"{reject.code}: {reject.message}",
        "principal": reject.principal,
        "body": body.decode("utf-8", "replace"),
        **({"event": about} if about is not None else {}),
    }


def _conflict(found: Found) -> dict[str, Json]:
    event = found.event
    return {
        "id": f"c{found.pos}",
        "kind": "conflict",
        "at": format_instant(found.at),
        "what": f"{event.source} sent {event.id} before with other content; this one counts for nothing",
        "principal": found.principal,
        "event": {"id": event.id, "source": event.source, "type": event.type},
    }


def _differences(before: Json, after: Json, where: str = "") -> Iterator[Json]:
    """Each value that differs, by its path."""
    if is_map(before) and is_map(after):
        for name in sorted({*before, *after} - _NOT_COMPARED):
            path = f"{where}.{name}" if where else name
            yield from _differences(before.get(name), after.get(name), path)
    elif before != after:
        yield {"what": where, "counted": before, "sent": after}


def release_order(id_: str) -> ReleaseParked:
    """Raises InputError (`inbox.unknown`)."""
    pos, _, engine = id_.partition(".")
    if not (pos.isascii() and pos.isdigit() and len(pos) <= PLACE_DIGITS_MAX and engine):
        raise InputError(
            "inbox.unknown",
            f"{id_[:80]!r} is no parked signal",
            fix="`tidegate inbox list` shows what is parked, such as 1204.correlate",
        )
    return ReleaseParked(pos=Pos(int(pos)), engine=engine)
