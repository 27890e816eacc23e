"""Release: which code decided, as every row of the log carries it.

    0.1.0+3f9c2a71d05b      the version, and a digest of the sources that decide

Between two versions what is decided changes, too. Rows of other code are not held against this one:
`db verify` checks their chain, and says from which place on.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from tidegate.kernel.ids import digest
from tidegate.version import VERSION

DECIDING: Final = ("kernel", "correlate", "schedule", "run", "watch", "services")
"""Packages of which a change may change what a log leads to."""
_SHOWN = 12


@cache
def release() -> str:
    """Of this process: what is changed on disk meanwhile it does not run."""
    return release_of(Path(__file__).parents[1])


def release_of(package: Path) -> str:
    """Of the sources that lie there, wherever that is and whatever their dates."""
    found = sorted(file for part in DECIDING for file in (package / part).rglob("*.py"))
    parts = [(str(file.relative_to(package)).encode(), file.read_bytes()) for file in found]
    return f"{VERSION}+{digest(*(one for part in parts for one in part)).hex()[:_SHOWN]}"
