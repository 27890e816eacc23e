"""Migrate: an empty database gets the newest schema, an older one the revisions it lacks.

    none --create--> N          M --pre of M+1--> M+1-pre --post of M+1--> M+1 ... N

Forward only. Each step is a transaction of its own together with the version it leads to, so that
ending anywhere is harmless and doing it again goes on. Between `pre` and `post` the old release
and the new one may share a PostgreSQL. On SQLite the caller holds the writer's lock.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from tidegate.adapters.store import schema
from tidegate.adapters.store.meta import (
    SCHEMA,
    SCHEMA_NEWEST,
    RandomBytes,
    Version,
    birth,
    parse_version,
)
from tidegate.adapters.store.revisions import REVISIONS, Revision
from tidegate.kernel.errors import ConflictError, TransientError

Half: TypeAlias = Literal["pre", "post"]
_UPGRADE_LOCK = 0x7469646567617465  # "tidegate": one replica upgrades, the others wait


def version(database: str | URL | Engine) -> Version | None:
    """The schema version of a database; None for an empty one.

    Raises ConflictError `database.schema` where there are tables, but not ours.
    """
    with _connected(database) as connection:
        return _version(connection)


def check(database: str | URL | Engine) -> Version:
    """That this release can work with the database. Raises ConflictError `database.schema`."""
    with _connected(database) as connection:
        found = _version(connection)
    if found is None or found < Version(SCHEMA_NEWEST, complete=False):
        seen = "is empty" if found is None else f"has schema {found}"
        raise ConflictError(
            "database.schema",
            f"the database {seen}, this release needs {SCHEMA_NEWEST}",
            fix="tidegate db upgrade",
        )
    refuse_newer(found)
    return found


def refuse_newer(found: Version, newest: int = SCHEMA_NEWEST) -> None:
    """The first half of the next version is made so that this release can work with it."""
    if found > Version(newest + 1, complete=False):
        raise ConflictError(
            "database.schema",
            f"the database has schema {found}, this release knows {newest}",
            fix="use the newer release that upgraded it",
        )


def upgrade(
    database: str | URL | Engine,
    random_bytes: RandomBytes,
    *,
    half: Half = "post",
    revisions: Sequence[Revision] = REVISIONS,
) -> Version:
    """Bring a database to this release's schema; with `half="pre"` all but the last `post`.

    Repeating it is safe, and so are several replicas at once: one does it, the others find it done.
    Raises ConflictError `database.schema`.
    """
    with _connected(database) as connection:
        if connection.dialect.name == "sqlite":
            # Both stay with the file; they cannot be said inside a transaction.
            connection.exec_driver_sql("PRAGMA page_size = 4096")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        while True:
            with _alone(connection):
                found = _version(connection)
                reached = _step(connection, found, random_bytes, half, revisions)
            if reached == found:
                return reached


# ---- one step
def _step(
    connection: Connection,
    found: Version | None,
    random_bytes: RandomBytes,
    half: Half,
    revisions: Sequence[Revision],
) -> Version:
    """Create, or half a revision; answers the version reached, the same when nothing was to do."""
    newest = max((revision.number for revision in revisions), default=SCHEMA_NEWEST)
    if found is None:
        schema.create(connection)
        rows = {SCHEMA: str(Version(newest)).encode("ascii"), **birth(random_bytes)}
        connection.execute(
            insert(schema.meta), [{"key": key, "value": value} for key, value in rows.items()]
        )
        return Version(newest)
    refuse_newer(found, newest)
    for revision in revisions:
        reached = _half(connection, revision, found, half, newest)
        if reached is not None:
            connection.execute(
                update(schema.meta)
                .where(schema.meta.c.key == SCHEMA)
                .values(value=str(reached).encode("ascii"))
            )
            return reached
    return found


def _half(
    connection: Connection, revision: Revision, found: Version, half: Half, newest: int
) -> Version | None:
    """Do the half of this revision that is next; None when none is."""
    if revision.number > found.number:
        operate, reached = revision.pre, Version(revision.number, complete=revision.post is None)
    elif revision.number == found.number and not found.complete:
        if revision.number == newest and half == "pre":
            return None
        assert revision.post is not None, "only a revision with two halves stops between them"
        operate, reached = revision.post, Version(revision.number)
    else:
        return None
    with Operations.context(MigrationContext.configure(connection)):
        operate()
    return reached


def _version(connection: Connection) -> Version | None:
    names = inspect(connection).get_table_names()
    if not names:
        return None
    if "meta" in names and "turn" in names:
        value = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == SCHEMA))
        if value is not None:
            return parse_version(value)
    raise ConflictError(
        "database.schema",
        f"the database holds tables ({', '.join(sorted(names)[:3])}), but none of Tidegate's",
        fix="name an empty database",
    )


# ---- connections
@contextmanager
def _connected(database: str | URL | Engine) -> Generator[Connection, None, None]:
    """A connection that begins and ends its own transactions."""
    engine = database if isinstance(database, Engine) else create_engine(_url(database))
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    except DBAPIError as error:
        raise TransientError(
            "store.unavailable",
            f"the database {engine.url.render_as_string()} cannot be used: {error.orig}",
            fix="see that it runs, that it is reachable and that there is space",
        ) from error
    finally:
        if engine is not database:
            engine.dispose()


def _url(database: str | URL) -> URL:
    """Say the driver: ours for PostgreSQL is psycopg."""
    url = make_url(database)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


@contextmanager
def _alone(connection: Connection) -> Generator[None, None, None]:
    """A transaction nobody else upgrades beside. Python's sqlite3 begins none before DDL, so we do."""
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
    try:
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
