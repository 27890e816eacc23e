"""Schema: every table once, for both dialects.

Names, keys and indexes are the same on SQLite and PostgreSQL; types, storage and what only one of
them has (`key_bucket`, `log_turn`) are said here too. Nothing is an identity or a sequence: places,
cells and `later` are numbered from `turn`, every other table by its largest number and one.

Instants are integers, microseconds since 1970 UTC; days are days since 1970. A change here needs a
revision (see `migrate.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

_T = TypeVar("_T")

metadata = MetaData()

# STRICT tables of SQLite know only INTEGER, TEXT and BLOB; the names below become those.
_Number = BigInteger().with_variant(Integer(), "sqlite")
_Small = SmallInteger().with_variant(Integer(), "sqlite")
# Code points decide the order of texts, on PostgreSQL too: lists and pages are the same on both.
_Text = Text().with_variant(Text(collation="C"), "postgresql")
_Bytes = LargeBinary()


def _must(name: str, type_: TypeEngine[_T]) -> Column[_T]:
    return Column(name, type_, nullable=False, autoincrement=False)


def _may(name: str, type_: TypeEngine[_T]) -> Column[_T]:
    return Column(name, type_, nullable=True, autoincrement=False)


def _table(
    name: str,
    *items: SchemaItem,
    with_rowid: bool = True,
    postgres: Mapping[str, float] | None = None,
) -> Table:
    """A table; `postgres` are storage parameters there."""
    return Table(
        name,
        metadata,
        *items,
        sqlite_strict=True,
        sqlite_with_rowid=with_rowid,
        postgresql_with=postgres,
    )


# ---- the turn and the log
turn = _table(
    "turn",
    _must("one", _Number),
    _must("n", _Number),
    _must("next_pos", _Number),
    _must("next_cell", _Number),
    _must("next_later", _Number),
    _must("at", _Number),
    _must("activation", _Number),
    _must("chain", _Bytes),
    PrimaryKeyConstraint("one"),
    CheckConstraint("one = 1"),
    postgres={"fillfactor": 10},
)

log = _table(
    "log",
    _must("first", _Number),
    _must("n", _Number),
    _must("at", _Number),
    _must("activation", _Number),
    _must("turn", _Bytes),  # a random id per try: a lost answer to COMMIT is settled with it
    _must("chain", _Bytes),
    _must("release", _Text),
    _must("functions", _Bytes),
    _must("body", _Bytes),  # zstd(msgpack([entry, ...])); the entry at place p is body[p - first]
    PrimaryKeyConstraint("first"),
)
Index("log_turn", log.c.turn, unique=True).ddl_if(dialect="postgresql")

log_filter = _table(
    "log_filter",
    _must("first", _Number),
    _may("time_min", _Number),
    _may("time_max", _Number),
    _must("bits", _Bytes),
    PrimaryKeyConstraint("first"),
)

event_key = _table(
    "event_key",
    _must("hash", _Number),
    _must("pos", _Number),
    _must("digest", _Number),
    PrimaryKeyConstraint("hash"),
)

key_bucket = _table(
    "key_bucket",
    _must("bucket", _Number),
    _must("pos", _Number),  # the bucket's keys up to this place are in event_key
    PrimaryKeyConstraint("bucket"),
)

# ---- cells
name = _table(
    "name",
    _must("id", _Number),
    _must("text", _Text),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("text"),
)

cell = _table(
    "cell",
    _must("id", _Number),
    _must("kind", _Number),
    _must("day", _Number),
    _must("scope", _Number),
    _must("name", _Text),
    _must("doc", _Number),
    _must("version", _Number),
    _must("format", _Small),
    _must("status", _Small),
    _may("wake_at", _Number),
    _must("changed_at", _Number),
    _must("state", _Bytes),
    PrimaryKeyConstraint("id"),
    postgres={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
)
# The day comes first: new gates share pages.
Index("cell_key", cell.c.kind, cell.c.day, cell.c.scope, cell.c.name, unique=True)
_WAITING = text("wake_at IS NOT NULL")
Index("cell_wake", cell.c.wake_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
_CARE = text("status >= 100")
Index(
    "cell_care",
    cell.c.kind,
    cell.c.status,
    cell.c.day,
    sqlite_where=_CARE,
    postgresql_where=_CARE,
)

journal = _table(
    "journal",
    _must("cell", _Number),
    _must("version", _Number),
    _must("pos", _Number),
    _must("format", _Small),
    _must("body", _Bytes),
    PrimaryKeyConstraint("cell", "version"),
    with_rowid=False,
)

effect = _table(
    "effect",
    _must("cell", _Number),
    _must("call", _Text),
    _must("kind", _Number),
    _must("visible_at", _Number),
    _must("fence", _Number),
    _must("tries", _Number),
    _may("owner", _Text),
    _may("handle", _Text),
    _must("body", _Bytes),
    PrimaryKeyConstraint("cell", "call"),
    postgres={"fillfactor": 60, "autovacuum_vacuum_scale_factor": 0.02},
    with_rowid=False,
)
Index("effect_visible", effect.c.visible_at)

later = _table(
    "later",
    _must("id", _Number),
    _must("body", _Bytes),
    PrimaryKeyConstraint("id"),
    postgres={"autovacuum_vacuum_scale_factor": 0.02},
)

# ---- what waits for a person, and what was being decided
parked = _table(
    "parked",
    _must("pos", _Number),
    _must("engine", _Text),
    _must("error", _Text),
    _must("at", _Number),
    _must("release", _Text),
    PrimaryKeyConstraint("pos", "engine"),
)

suspect = _table(
    "suspect",
    _must("root", _Bytes),
    _must("deaths", _Number),
    _must("at", _Number),
    PrimaryKeyConstraint("root"),
)

stray = _table("stray", _must("pos", _Number), PrimaryKeyConstraint("pos"))

reject = _table(
    "reject",
    _must("id", _Number),
    _must("at", _Number),
    _may("principal", _Text),
    _must("code", _Text),
    _must("message", _Text),
    _must("body", _Bytes),
    _may("resubmitted_pos", _Number),
    PrimaryKeyConstraint("id"),
)

# ---- documents
document = _table(
    "document",
    _must("id", _Number),
    _must("kind", _Text),
    _must("name", _Text),
    _must("n", _Number),
    _must("digest", _Bytes),
    _must("body", _Text),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("kind", "name", "n"),
)

activation = _table(
    "activation",
    _must("id", _Number),
    _must("at", _Number),
    _must("functions", _Bytes),
    PrimaryKeyConstraint("id"),
)

activation_document = _table(
    "activation_document",
    _must("activation", _Number),
    _must("document", _Number),
    PrimaryKeyConstraint("activation", "document"),
    with_rowid=False,
)

# ---- beside the turn
projection = _table(
    "projection",
    _must("name", _Text),
    _must("pos", _Number),
    _must("format", _Number),
    PrimaryKeyConstraint("name"),
)

replica = _table(
    "replica",
    _must("id", _Text),
    _must("release", _Text),
    _must("activation", _Number),
    _must("functions", _Bytes),
    _must("seen_at", _Number),
    PrimaryKeyConstraint("id"),
)

meta = _table(
    "meta",
    _must("key", _Text),
    _must("value", _Bytes),
    PrimaryKeyConstraint("key"),
)

_POSTGRES_STORAGE = (
    "ALTER TABLE log ALTER COLUMN body SET STORAGE EXTERNAL",
    "ALTER TABLE log_filter ALTER COLUMN bits SET STORAGE EXTERNAL",
)
"""Bodies are compressed already and bits do not compress: PostgreSQL need not try."""


_SQLITE_ONLY = (key_bucket,)


def tables(dialect: str) -> Sequence[Table]:
    """The tables one dialect has."""
    absent = () if dialect == "sqlite" else _SQLITE_ONLY
    return [table for table in metadata.sorted_tables if table not in absent]


def create(connection: Connection) -> None:
    """All tables of the newest schema and the one `turn` row, in the caller's transaction."""
    dialect = connection.dialect.name
    metadata.create_all(connection, tables(dialect), checkfirst=False)
    if dialect == "postgresql":
        for statement in _POSTGRES_STORAGE:
            connection.exec_driver_sql(statement)
    connection.execute(
        turn.insert().values(
            one=1, n=0, next_pos=1, next_cell=1, next_later=1, at=0, activation=0, chain=b""
        )
    )
