"""Inbox: everything that waits for a person: parked signals, refused deliveries, unmatched events."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.kernel.clock import format_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import UNKNOWN_SOURCE, UNMAPPED, Json
from tidegate.kernel.ids import Pos
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.services.look import LATEST, ReaderLook
from tidegate.services.orders import ReleaseParked

PREVIEW_MAX = 500
PLACE_DIGITS_MAX = 18


class Inbox:
    """Safe in every thread; reads only. `release_order` makes the order that hands a signal out again."""

    def __init__(self, reader: Reader, look: Callable[[], ReaderLook]) -> None:
        self._reader = reader
        self._look = look

    def listed(self, limit: int = 100) -> list[Json]:
        """Parked signals, then refused deliveries and unmatched events, newest first."""
        items: list[Json] = [
            {
                "id": f"{row.parking.pos}.{row.parking.engine}",
                "kind": "parked",
                "at": format_instant(row.at),
                "what": row.parking.error,
                "release": row.release,
            }
            for row in self._reader.parked()[:limit]
        ]
        for row in self._reader.rejects(LATEST, min(limit, PAGE_MAX)):
            reject = row.reject
            items.append(
                {
                    "id": f"r{row.id}",
                    "kind": "rejected",
                    "at": format_instant(reject.at),
                    "what": f"{reject.code}: {reject.message}",
                    "principal": reject.principal,
                    "body": reject.body[:PREVIEW_MAX].decode("utf-8", "replace"),
                }
            )
        for pos, event in self._look().strays(limit):
            why = "unknown source" if event.marks & UNKNOWN_SOURCE else "matches no rule"
            items.append(
                {
                    "id": f"e{pos}",
                    "kind": "unmatched" if not event.marks & UNMAPPED else "unmapped",
                    "at": format_instant(event.time),
                    "what": event.unmapped or why,
                    "event": {"id": event.id, "source": event.source, "type": event.type},
                }
            )
        return items

    def parked_ids(self) -> list[str]:
        return [f"{row.parking.pos}.{row.parking.engine}" for row in self._reader.parked()]


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
