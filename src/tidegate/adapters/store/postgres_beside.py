"""What the store does beside the turn: effects, documents, suspects, replicas.

On a connection of its own, so that each write lasts whatever becomes of a turn that is open. No
write here waits for the turn: claims and renewals pass by rows that the turn has locked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask, Blobs, Numbers, Texts
from tidegate.adapters.store.postgres_truce import Truce
from tidegate.kernel.clock import Clock, Instant
from tidegate.kernel.ids import Pos
from tidegate.ports.store import (
    LEASE_US,
    Activation,
    Claim,
    Claimed,
    DocumentDraft,
    StoredDocument,
)

if TYPE_CHECKING:
    # The driver is optional: whoever opens a store has it.
    from tidegate.adapters.store.postgres_link import Link

BESIDE_LOCK_S = 5
_DOCUMENTS_LOCK = 0x7469646567617466  # one replica writes documents, the others wait


class PostgresBeside:
    def __init__(self, link: Link, clock: Clock, *, truce: bool) -> None:
        self._beside = link
        self._truce = Truce(clock, begins=truce)

    # ---- effects
    def claim(
        self, now: Instant, owner: str, limit: int, but: Collection[int] = ()
    ) -> Sequence[Claimed]:
        """As the port says; in a truce nothing that another replica holds."""
        self._beside.connect()
        self._truce.notice(self._beside.connections)
        lease_until = Instant(now + LEASE_US)
        ask = Ask(sql.CLAIM, now, owner, self._truce.over, Numbers(but), limit, lease_until)
        self._trip(ask)
        return [
            Claimed(cell, call, kind, fence, tries, handle, body, lease_until)
            for _, cell, call, kind, fence, tries, handle, body in sorted(ask.rows)
        ]

    def renew(self, now: Instant, owner: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        if not claims:
            return []
        ask = Ask(
            sql.RENEW,
            Numbers(claim.cell for claim in claims),
            Texts(claim.call for claim in claims),
            Numbers(claim.fence for claim in claims),
            owner,
            Instant(now + LEASE_US),
        )
        self._trip(ask)
        ours = {Claim(*row) for row in ask.rows}
        return [claim for claim in claims if claim in ours]

    def defer(self, claim: Claim, visible_at: Instant, handle: str | None, tries: int) -> bool:
        ask = Ask(sql.DEFER, visible_at, handle, tries, claim.cell, claim.call, claim.fence)
        self._trip(ask)
        return ask.count > 0

    def end_stop(self, claim: Claim) -> bool:
        ask = Ask(sql.END_STOP, claim.cell, claim.call, claim.fence)
        self._trip(ask)
        return ask.count > 0

    def next_wake(self) -> Instant | None:
        found: Instant | None = self._value(sql.NEXT_WAKE)
        return found

    def next_visible(self) -> Instant | None:
        found: Instant | None = self._value(sql.NEXT_VISIBLE)
        return found

    def has_later(self) -> bool:
        found: bool = self._value(sql.HAS_LATER)
        return found

    def take_over(self, owner: str) -> None:
        """Nothing proves that the other owners have gone: their leases end by themselves."""

    # ---- documents
    def activation(self, number: int) -> Activation | None:
        asked, documents = Ask(sql.ACTIVATION, number), Ask(sql.ACTIVATION_DOCUMENTS, number)
        self._trip(asked, documents)
        if not asked.rows:
            return None
        at, functions = asked.rows[0]
        return Activation(
            number,
            at,
            functions,
            tuple(StoredDocument(*row) for row in documents.rows),
        )

    def add_activation(
        self, now: Instant, functions: bytes, drafts: Sequence[DocumentDraft]
    ) -> Activation:
        newest, numbers = Ask(sql.DOCUMENTS_NEWEST), Ask(sql.NUMBERS)
        self._trip(Ask(sql.BEGIN), Ask(sql.DOCUMENTS_LOCK, _DOCUMENTS_LOCK), newest, numbers)
        ((last_document, last_activation),) = numbers.rows
        known = {(kind, name): (n, id_, digest) for kind, name, n, id_, digest in newest.rows}
        number = last_activation + 1
        followed: set[int] = set()
        new: list[tuple[int, DocumentDraft, int]] = []
        for draft in drafts:
            n, id_, digest = known.get((draft.kind, draft.name), (0, 0, None))
            if digest != draft.digest:
                n, id_ = n + 1, last_document + len(new) + 1
                new.append((id_, draft, n))
                known[draft.kind, draft.name] = n, id_, draft.digest
            followed.add(id_)
        self._trip(
            _documents_new(new),
            Ask(sql.ACTIVATION_NEW, number, now, functions),
            Ask(sql.ACTIVATION_DOCUMENTS_NEW, number, Numbers(sorted(followed))),
            Ask(sql.COMMIT),
        )
        added = self.activation(number)
        assert added is not None, "an activation that was committed is there"
        return added

    def is_parked(self, pos: Pos, engine: str) -> bool:
        ask = Ask(sql.IS_PARKED, pos, engine)
        self._trip(ask)
        return bool(ask.rows)

    # ---- what was being decided when a host died
    def note_suspect(self, root: bytes, now: Instant) -> None:
        self._trip(Ask(sql.SUSPECT, root, now))

    def clear_suspects(self, roots: Sequence[bytes]) -> None:
        self._trip(Ask(sql.SUSPECTS_CLEARED, Blobs(roots)))

    def count_deaths(self) -> Mapping[bytes, int]:
        ask = Ask(sql.DEATHS)
        self._trip(ask)
        return dict(ask.rows)

    # ---- replicas
    def see_replica(
        self, replica: str, release: str, activation: int, functions: bytes, now: Instant
    ) -> None:
        self._trip(Ask(sql.REPLICA, replica, release, activation, functions, now))

    def others_since(self, replica: str, since: Instant) -> int:
        found: int = self._value(sql.OTHERS, replica, since)
        return found

    # ---- asking
    def _trip(self, *asks: Ask) -> None:
        self._beside.trip(*asks)
        self._truce.notice(self._beside.connections)

    def _value(self, statement: str, *parameters: object) -> Any:
        ask = Ask(statement, *parameters)
        self._trip(ask)
        return ask.rows[0][0]


def _documents_new(new: Sequence[tuple[int, DocumentDraft, int]]) -> Ask:
    return Ask(
        sql.DOCUMENTS_NEW,
        Numbers(id_ for id_, _, _ in new),
        Texts(draft.kind for _, draft, _ in new),
        Texts(draft.name for _, draft, _ in new),
        Numbers(n for _, _, n in new),
        Blobs(draft.digest for _, draft, _ in new),
        Texts(draft.body for _, draft, _ in new),
    )
