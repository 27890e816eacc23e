"""Versions: what is to be told of the version of its rule that a gate follows, or that came too late.

A round keeps the version it began with, so that nothing is decided half by one and half by another.
Who reads the file then reads other conditions than the gate is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.correlate.gate import FINISHED, Gate
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import NO_DAY, format_second
from tidegate.kernel.step import Key
from tidegate.ports.reader import Reader
from tidegate.services.books import Books


def notes(
    reader: Reader, key: Key, gate: Gate, rule: Rule, books: Books, *, begun: bool
) -> Iterator[str]:
    """Of a round that has not ended; `books` are those of the activation that is followed."""
    if gate.status in FINISHED:
        return
    active = books.active.get(("rule", rule.name))
    if active is None:
        yield f"the rule was withdrawn; this round goes on under its version {rule.version}"
    elif begun and active != rule.doc:
        first = reader.followed_from(active)
        since = "" if first is None else f" since {format_second(first[1])}"
        yield (
            f"this round follows version {rule.version} of the rule, with which it began; "
            f"version {books.documents[active].n} is active{since}"
        )
    yield from _too_late(reader, key, rule)


def _too_late(reader: Reader, key: Key, rule: Rule) -> Iterator[str]:
    """The rule itself came after its date had begun: what the others heard before, it did not."""
    first = reader.followed_from(rule.doc) if rule.version == 1 and key.day != NO_DAY else None
    if first is None:
        return
    number, at = first
    # Before the first activation of all nothing was heard.
    if number > 1 and at >= rule.start_of_day(key.day):
        yield f"rule {rule.name} is active since {format_second(at)}: what came before does not count"
