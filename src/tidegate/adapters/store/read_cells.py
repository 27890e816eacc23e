"""Statements of cell lists, for both dialects; every one of them goes by an index of `cell`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    asc,
    desc,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from tidegate.adapters.store import schema
from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.ids import CellId, DocId
from tidegate.kernel.step import CARE_MIN, Key

_CELL, _NAME = schema.cell.c, schema.name.c
_BELOW, _PAST = "/", "0"  # neighbours: what lies below `x` is between `x/` and `x0`


class Filter(Struct, frozen=True, kw_only=True):
    """Which cells of a list; kind and scope by their numbers."""

    kind: int
    scope: int | None
    scope_name: str | None
    statuses: Sequence[int]
    days: tuple[Day, Day] | None
    name: str | None
    after: Key | None
    newest_first: bool = False


def one(kind: int, day: Day, scope: int, name: str) -> Select[CellId, DocId, int, int, bytes]:
    """The cell of a key: (id, doc, version, format, state)."""
    return select(_CELL.id, _CELL.doc, _CELL.version, _CELL.format, _CELL.state).where(
        _CELL.kind == kind, _CELL.day == day, _CELL.scope == scope, _CELL.name == name
    )


def page(asked: Filter, limit: int) -> Select[CellId, Day, str, str]:
    """One page without its states: (id, day, scope, name), by (day, scope, name).

    The index alone answers it, and what is sorted is small: days come in order from the index, only
    within a day scopes are put in the order of their texts. One scope needs no sorting at all.
    """
    mine = (_CELL.kind == asked.kind, *_filters(asked))
    order = desc if asked.newest_first else asc
    if asked.scope is not None:
        text = literal(asked.scope_name, String).label("text")
        found = select(_CELL.id, _CELL.day, text, _CELL.name).where(
            _CELL.scope == asked.scope, *mine
        )
        return found.order_by(order(_CELL.day), order(_CELL.name)).limit(limit)
    found = select(_CELL.id, _CELL.day, _NAME.text, _CELL.name).join_from(
        schema.cell, schema.name, _NAME.id == _CELL.scope
    )
    ordered = (order(_CELL.day), order(_NAME.text), order(_CELL.name))
    return found.where(*mine).order_by(*ordered).limit(limit)


def states(ids: Sequence[CellId]) -> Select[CellId, Instant, DocId, int, int, bytes]:
    """(id, changed_at, doc, version, format, state), in no order."""
    return select(
        _CELL.id, _CELL.changed_at, _CELL.doc, _CELL.version, _CELL.format, _CELL.state
    ).where(_CELL.id.in_(ids))


def last_day(kind: int, until: Day | None) -> Select[Day | None]:
    """The greatest day not after `until`, from the index alone."""
    found = select(func.max(_CELL.day)).where(_CELL.kind == kind)
    return found if until is None else found.where(_CELL.day <= until)


def counts(kind: int) -> Select[str, int, int]:
    """(scope, status, how many)."""
    counted = (
        select(_CELL.scope, _CELL.status, func.count().label("many"))
        .where(_CELL.kind == kind)
        .group_by(_CELL.scope, _CELL.status)
        .subquery()
    )
    return select(_NAME.text, counted.c.status, counted.c.many).join_from(
        counted, schema.name, _NAME.id == counted.c.scope
    )


def _filters(asked: Filter) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if asked.days is not None:
        first, last = asked.days
        filters += [_CELL.day == first] if first == last else [_CELL.day.between(first, last)]
    if asked.statuses:
        filters.append(_CELL.status.in_(asked.statuses))
        if min(asked.statuses) >= CARE_MIN:
            # Said as a literal: only so the planner sees that the partial index holds them all.
            filters.append(_CELL.status >= literal_column(str(CARE_MIN)))
    if asked.name is not None:
        filters += _named(asked.name)
    if asked.after is not None:
        beyond = _before if asked.newest_first else _after
        filters += beyond(asked.after, asked.scope_name)
    return filters


def _named(name: str) -> list[ColumnElement[bool]]:
    """One range of the index from the name to the end of what lies below it, and nothing between."""
    return [
        _CELL.name >= name,
        _CELL.name < name + _PAST,
        (_CELL.name == name) | (_CELL.name >= name + _BELOW),
    ]


def _after(after: Key, scope: str | None) -> list[ColumnElement[bool]]:
    """Keys after this one; the plain bound of the day lets the index begin there."""
    if scope is None:
        place = tuple_(_CELL.day, _NAME.text, _CELL.name)
        return [_CELL.day >= after.day, place > (after.day, after.scope, after.name)]
    if after.scope < scope:
        return [_CELL.day >= after.day]
    if after.scope > scope:
        return [_CELL.day > after.day]
    return [
        _CELL.day >= after.day,
        tuple_(_CELL.day, _CELL.name) > (after.day, after.name),
    ]


def _before(before: Key, scope: str | None) -> list[ColumnElement[bool]]:
    """The same in the reverse order."""
    if scope is None:
        place = tuple_(_CELL.day, _NAME.text, _CELL.name)
        return [_CELL.day <= before.day, place < (before.day, before.scope, before.name)]
    if before.scope > scope:
        return [_CELL.day <= before.day]
    if before.scope < scope:
        return [_CELL.day < before.day]
    return [
        _CELL.day <= before.day,
        tuple_(_CELL.day, _CELL.name) < (before.day, before.name),
    ]
