"""What the store does beside the turn on SQLite: effects, documents, suspects, replicas.

One process writes, so nobody competes for an effect; fences and owners are kept all the same,
because a performer may be late and because the file may be written by another process tomorrow.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tidegate.adapters.store import beside_sql as sql
from tidegate.adapters.store.sqlite_connection import translate
from tidegate.adapters.store.sqlite_files import Files
from tidegate.adapters.store.turn_sql import Value, insert, padded
from tidegate.kernel.clock import Instant
from tidegate.kernel.ids import DocId, Pos
from tidegate.ports.store import (
    LEASE_US,
    Activation,
    Claim,
    Claimed,
    DocumentDraft,
    RowFault,
    StoredDocument,
)


class SqliteBeside:
    """The writes beside the turn, on the connection of the one thread that writes."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._files = Files(path)

    def check(self) -> None:
        self._files.check()

    # ---- effects
    def claim(
        self, now: Instant, owner: str, limit: int, but: Collection[int] = ()
    ) -> Sequence[Claimed]:
        lease_until = Instant(now + LEASE_US)
        with self._guarded():
            self._files.check()
            first, second = (*but, *(0, 0)[len(but) :])  # 0 is no kind
            values = (lease_until, owner, now, first, second, limit)
            rows = self._connection.execute(sql.CLAIM, values).fetchall()
        return [
            Claimed(cell, call, kind, fence, tries, handle, body, lease_until)
            for cell, call, kind, fence, tries, handle, body in rows
        ]

    def renew(self, now: Instant, owner: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        flat: list[Value] = [value for one in claims for value in (one.cell, one.call, one.fence)]
        lease_until = Instant(now + LEASE_US)
        ours: set[Claim] = set()
        with self._guarded(), self._transaction():
            for statement, values in padded(sql.RENEW, flat):
                rows = self._connection.execute(statement, [*values, lease_until, owner])
                ours.update(Claim(*row) for row in rows)
        return [claim for claim in claims if claim in ours]

    def defer(self, claim: Claim, visible_at: Instant, handle: str | None, tries: int) -> bool:
        return self._changes(
            sql.DEFER, (visible_at, handle, tries, claim.cell, claim.call, claim.fence)
        )

    def end_stop(self, claim: Claim) -> bool:
        return self._changes(sql.END_STOP, (claim.cell, claim.call, claim.fence))

    def take_over(self, owner: str) -> None:
        self._changes(sql.TAKE_OVER, (owner,))

    def next_wake(self) -> Instant | None:
        found: Instant | None = self._value(sql.NEXT_WAKE)
        return found

    def next_visible(self) -> Instant | None:
        found: Instant | None = self._value(sql.NEXT_VISIBLE)
        return found

    def has_later(self) -> bool:
        return bool(self._value(sql.HAS_LATER))

    # ---- documents
    def activation(self, number: int) -> Activation | None:
        with self._guarded():
            found = self._connection.execute(sql.ACTIVATION, (number,)).fetchone()
            if found is None:
                return None
            documents = self._connection.execute(sql.ACTIVATION_DOCUMENTS, (number,)).fetchall()
        at, functions = found
        return Activation(
            number,
            at,
            functions,
            tuple(
                StoredDocument(DocId(id_), kind, name, n, body, bool(active))
                for id_, kind, name, n, body, active in documents
            ),
        )

    def add_activation(
        self, now: Instant, functions: bytes, drafts: Sequence[DocumentDraft]
    ) -> Activation:
        with self._guarded(), self._transaction():
            followed = {self._version(draft) for draft in drafts}
            number = 1 + self._value(sql.LAST_ACTIVATION)
            self._connection.execute(sql.INSERT_ACTIVATION, (number, now, functions))
            flat = [value for id_ in sorted(followed) for value in (number, id_)]
            insert(self._connection, sql.INSERT_ACTIVATION_DOCUMENTS, flat)
        added = self.activation(number)
        assert added is not None, "an activation that was committed is there"
        return added

    def _version(self, draft: DocumentDraft) -> DocId:
        """The newest version of this document; a new one when its digest differs."""
        newest = self._connection.execute(sql.NEWEST_VERSION, (draft.kind, draft.name)).fetchone()
        id_, n, digest = newest or (DocId(0), 0, None)
        if digest == draft.digest:
            return DocId(id_)
        if "\0" in draft.body or "\0" in draft.name:
            raise RowFault(f"document {draft.name[:80]!r} holds a NUL")
        new = DocId(1 + self._value(sql.LAST_DOCUMENT))
        self._connection.execute(
            sql.INSERT_DOCUMENT, (new, draft.kind, draft.name, n + 1, draft.digest, draft.body)
        )
        return new

    def is_parked(self, pos: Pos, engine: str) -> bool:
        with self._guarded():
            found = self._connection.execute(sql.IS_PARKED, (pos, engine)).fetchone()
        return found is not None

    # ---- what was being decided when a host died
    def note_suspect(self, root: bytes, now: Instant) -> None:
        self._changes(sql.NOTE_SUSPECT, (root, now))

    def clear_suspects(self, roots: Sequence[bytes]) -> None:
        with self._guarded(), self._transaction():
            for statement, values in padded(sql.CLEAR_SUSPECTS, roots):
                self._connection.execute(statement, values)

    def count_deaths(self) -> Mapping[bytes, int]:
        with self._guarded():
            return dict(self._connection.execute(sql.COUNT_DEATHS).fetchall())

    # ---- replicas
    def see_replica(
        self, replica: str, release: str, activation: int, functions: bytes, now: Instant
    ) -> None:
        self._changes(sql.SEE_REPLICA, (replica, release, activation, functions, now))

    def others_since(self, replica: str, since: Instant) -> int:
        found: int = self._value(sql.OTHERS_SINCE, (replica, since))
        return found

    # ---- one statement
    def _changes(self, statement: str, values: Sequence[Value]) -> bool:
        """Run a write of one statement; did it change a row?"""
        with self._guarded():
            self._files.check()
            return self._connection.execute(statement, values).rowcount > 0

    def _value(self, statement: str, values: Sequence[Value] = ()) -> Any:
        with self._guarded():
            (value,) = self._connection.execute(statement, values).fetchone()
            return value

    # ---- all or nothing
    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        """Several statements as one write; `_guarded` around it undoes them."""
        self._files.check()
        self._connection.execute("BEGIN IMMEDIATE")
        yield
        self._connection.execute("COMMIT")

    @contextmanager
    def _guarded(self) -> Generator[None, None, None]:
        """Nothing half-done stays. Raises TransientError `store.unavailable`, RowFault."""
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self._undo()
            fault = translate(error, self._path)
            self._doubt(row_fault=isinstance(fault, RowFault))
            raise fault from error
        except BaseException as error:
            self._undo()
            self._doubt(row_fault=isinstance(error, RowFault))
            raise

    def _undo(self) -> None:
        # SQLite has often rolled back by itself; what cannot be rolled back now is on the next open.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _doubt(self, *, row_fault: bool) -> None:
        """Something failed; whoever keeps memory of the database forgets it here."""
