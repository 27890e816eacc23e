"""Reading the log: rows by place, and search through the filters; inside the caller's snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from tidegate.adapters.store import schema
from tidegate.kernel.bloom import may_hold
from tidegate.ports.store import LogRow

FILTERS_AT_ONCE = 256
"""Filters of log rows looked through between two statements: about 200 kB."""

_LOG = schema.log.c
_ROW = select(
    _LOG.first, _LOG.n, _LOG.at, _LOG.activation, _LOG.chain, _LOG.release, _LOG.functions,
    _LOG.body,
)  # fmt: skip


def rows(connection: Connection, first: int, limit: int) -> Sequence[LogRow]:
    holder = select(func.max(_LOG.first)).where(_LOG.first <= first).scalar_subquery()
    asked = (
        _ROW.where(_LOG.first >= func.coalesce(holder, 0), _LOG.first + _LOG.n > first)
        .order_by(_LOG.first)
        .limit(limit)
    )
    return [LogRow(*row) for row in connection.execute(asked)]


def rows_before(connection: Connection, before: int, limit: int) -> Sequence[LogRow]:
    asked = _ROW.where(_LOG.first < before).order_by(_LOG.first.desc()).limit(limit)
    return [LogRow(*row) for row in connection.execute(asked)]


def find(
    connection: Connection, tokens: Sequence[str], before: int, limit: int
) -> Sequence[LogRow]:
    places = _search(connection, tokens, before, limit)
    asked = _ROW.where(_LOG.first.in_(places)).order_by(_LOG.first.desc())
    return [LogRow(*row) for row in connection.execute(asked)]


def _search(
    connection: Connection, tokens: Sequence[str], before: int, limit: int
) -> Sequence[int]:
    """First places of rows whose filter may hold a token, newest first; no body is read for it."""
    row = schema.log_filter.c
    found: list[int] = []
    while len(found) < limit:
        filters = connection.execute(
            select(row.first, row.bits)
            .where(row.first < before)
            .order_by(row.first.desc())
            .limit(FILTERS_AT_ONCE)
        ).all()
        if not filters:
            break
        before = filters[-1].first
        found += [
            first for first, bits in filters if any(may_hold(bits, token) for token in tokens)
        ]
    return found[:limit]
