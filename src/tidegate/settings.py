"""Settings: every option, its unit, its default, and the environment variable that sets it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from tidegate.kernel.errors import InputError

DATABASE_NAME = "tidegate.db"
PORT_DEFAULT = 5000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(Struct, frozen=True, kw_only=True):
    """One process. `from_environment` reads what the command line did not say."""

    project: Path = Path()
    database: str = ""  # postgresql://..., sqlite:///file, or a file; empty: a file in the project
    token: str | None = None  # PIPELINE_API_TOKEN
    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    insecure: bool = False  # listen beyond loopback without TLS
    slots: int = 16  # effects performed at once by this process
    allowed_hosts: tuple[str, ...] = ()  # TIDEGATE_ALLOWED_HOSTS: private addresses tasks may call
    environment: str = "production"  # TIDEGATE_ENV, FLASK_ENV

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str],
        *,
        project: Path | None = None,
        database: str | None = None,
        port: int | None = None,
        host: str | None = None,
        insecure: bool = False,
    ) -> Settings:
        """What was said on the command line wins. Raises InputError (`config.invalid`)."""
        hosts = environ.get("TIDEGATE_ALLOWED_HOSTS", "")
        return cls(
            project=project or Path(),
            database=_database(database or environ.get("DATABASE_URL", "")),
            token=environ.get("PIPELINE_API_TOKEN") or None,
            host=host or "127.0.0.1",
            port=PORT_DEFAULT if port is None else port,
            insecure=insecure,
            slots=_number(environ, "TIDEGATE_SLOTS", 16, 1, 1000),
            allowed_hosts=tuple(one.strip() for one in hosts.split(",") if one.strip()),
            environment=environ.get("TIDEGATE_ENV") or environ.get("FLASK_ENV") or "production",
        )

    @property
    def is_postgres(self) -> bool:
        return self.database.startswith(("postgresql://", "postgres://", "postgresql+psycopg://"))

    @property
    def file(self) -> Path:
        """The SQLite database. Raises InputError (`config.invalid`) for a URL of another kind."""
        if not self.database:
            return self.project / DATABASE_NAME
        if self.database.startswith("sqlite:///"):
            return Path(self.database.removeprefix("sqlite:///"))
        if "://" in self.database:
            scheme = urlsplit(self.database).scheme
            raise InputError(
                "config.invalid",
                f"a database of kind {scheme!r} is not known",
                fix="DATABASE_URL is postgresql://..., sqlite:///path or a path",
            )
        return Path(self.database)

    @property
    def url(self) -> str:
        """PostgreSQL's URL in the spelling psycopg reads."""
        return self.database.replace("postgresql+psycopg://", "postgresql://", 1)

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK


def _database(text: str) -> str:
    """As it is; a URL that cannot be read is refused here, and never printed: it holds a password."""
    if "://" in text:
        try:
            _ = urlsplit(text).port
        except ValueError as error:
            raise InputError(
                "config.invalid",
                "the database's URL cannot be read: its host or port is wrong",
                fix="DATABASE_URL is postgresql://USER:PASSWORD@HOST:PORT/NAME; write @ in a password as %40",
            ) from error
    return text


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise InputError("config.invalid", f"{name}={text!r} is no number from {low} to {high}")
    return int(text)
