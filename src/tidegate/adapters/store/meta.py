"""Meta: the few facts a database knows about itself, as rows of table `meta`.

Written once when the database is made; only `schema` and `epoch` change later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from msgspec import Struct

SCHEMA_NEWEST = 1
"""The schema this release writes; `schema.py` is what it looks like."""

SCHEMA = "schema"
"""The schema's version as text: `2`, or `2-pre` between the halves of an upgrade."""
HASH_SEED = "hash_seed"
DATABASE = "database"
"""The database's own id, as text."""
EPOCH = "epoch"
"""How often it was restored, from 1, as text."""

RandomBytes: TypeAlias = Callable[[int], bytes]


class Version(NamedTuple):
    """A schema version; not `complete` between the two halves of its revision."""

    number: int
    complete: bool = True

    def __str__(self) -> str:
        return f"{self.number}" if self.complete else f"{self.number}-pre"


def parse_version(value: bytes) -> Version:
    number, _, half = value.decode("ascii").partition("-")
    return Version(int(number), half != "pre")


class Identity(Struct, frozen=True):
    """Which database this is."""

    epoch: str  # id and epoch: what idempotency keys begin with
    hash_seed: int  # unsigned 64 bit


def birth(random_bytes: RandomBytes) -> Mapping[str, bytes]:
    """The rows of a new database, without its schema version."""
    return {
        HASH_SEED: random_bytes(8),
        DATABASE: random_bytes(8).hex().encode("ascii"),
        EPOCH: b"1",
    }


def identity(rows: Mapping[str, bytes]) -> Identity:
    return Identity(
        epoch=f"{rows[DATABASE].decode('ascii')}.{rows[EPOCH].decode('ascii')}",
        hash_seed=int.from_bytes(rows[HASH_SEED], "big"),
    )
