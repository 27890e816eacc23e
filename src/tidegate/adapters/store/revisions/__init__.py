"""Revisions: how a database of an older schema becomes one of the next, oldest first.

A new database is made from `schema.py` and needs none. A change of the schema raises
`meta.SCHEMA_NEWEST` and adds a file here, `r0002.py` for version 2, with Alembic operations in two
functions, both forward only:

    pre     what the old release can live with: new tables, nullable columns, indexes
    post    what only the new one can: columns filled and tightened, old ones dropped

    REVISIONS = (Revision(2, r0002.pre, r0002.post),)
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Revision(Struct, frozen=True):
    """The way to one version of the schema from the one before."""

    number: int
    pre: Callable[[], None]
    post: Callable[[], None] | None = None


REVISIONS: tuple[Revision, ...] = ()
