"""Needs: what the templates of a job read of a run, so that somebody can say who gives it."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.place import Path
from tidegate.kernel.template import parse_template
from tidegate.kernel.value import is_list, is_map
from tidegate.run.target import SCOPE

TEMPLATED = ("target", "parameters", "cwd", "environment", "stdin", "headers", "body")
DATES = frozenset({"business_date", "ds"})


def needs(body: Json) -> Iterator[tuple[Path, str]]:
    """Each name a hole stands for, and where. What an expression may do without is left out."""
    if is_map(body):
        for key in TEMPLATED:
            yield from _needs(body.get(key), (key,))


def needs_date(body: Json) -> Path | None:
    """Where a run without a business date would fail."""
    return next((path for path, name in needs(body) if name in DATES), None)


def _needs(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if is_map(value):
        for key, item in value.items():
            yield from _needs(item, (*path, key))
    elif is_list(value):
        for number, item in enumerate(value):
            yield from _needs(item, (*path, number))
    elif isinstance(value, str):
        try:
            parts = parse_template(value, "action", names=SCOPE).parts
        except InputError:
            return  # the model says so
        for part in parts:
            if not isinstance(part, str) and part.source.strip() in part.paths:
                yield path, part.source.strip()
