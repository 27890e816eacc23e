"""Shift: a person accepted a clock jump, and everything that waits waits so much longer.

The instant stands in the state and in its column; both are moved, within the turn that is open.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask, Blobs, Numbers
from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect
from tidegate.kernel.step import Key

if TYPE_CHECKING:
    from tidegate.adapters.store.postgres_link import Link

SHIFT_ROWS = 1_000


def shift_wakes(link: Link, codec: Codec, shift_us: int) -> None:
    """As many round trips as it takes. Cells of kinds this release does not keep stay as they are."""
    if link.times_turns:
        link.trip(Ask(sql.UNTIMED), inside=True)
    last = 0
    while True:
        waiting = Ask(sql.WAITING, last, SHIFT_ROWS)
        link.trip(waiting, inside=True)
        if not waiting.rows:
            return
        last = waiting.rows[-1][0]
        link.trip(_shifted(waiting, codec, shift_us), inside=True)


def _shifted(waiting: Ask, codec: Codec, shift_us: int) -> Ask:
    kinds = {kind.name for kind in codec.kinds}
    ids, instants, formats, bodies = Numbers(), Numbers(), Numbers(), Blobs()
    for id_, kind, day, scope, name, format_, body, wake_at in waiting.rows:
        if kind not in kinds:
            continue
        key, later = Key(kind, Day(day), scope, name), Instant(wake_at + shift_us)
        with suppress(Defect):  # what cannot be read is woken then, and is parked
            state = codec.shifted(key, codec.decode(key, format_, body), shift_us)
            format_, body = codec.encode(key, state)
        ids.append(id_)
        instants.append(later)
        formats.append(format_)
        bodies.append(body)
    return Ask(sql.SHIFTED, ids, instants, formats, bodies)
