"""Matching: an event to the gates it may concern, worked out once for `route` and `reduce`.

What is remembered is a function of the event and the book alone, so that deciding stays pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from tidegate.correlate.identity import key_of
from tidegate.correlate.index import build
from tidegate.correlate.rule import Input, Rule
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Key, Need

EVENTS_KEPT: Final = 1024
"""At least so many of the last events have their matches remembered, at most twice as many."""


class Match(Struct, frozen=True, gc=False):
    """One rule that an event concerns: the gate, its match values, the inputs it delivers."""

    rule: Rule
    key: Key
    values: tuple[str, ...]
    inputs: tuple[Input, ...]  # in the rule's order
    need: Need


class Matcher:
    """The rules of one book, asked by event."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.index = build(rules)
        # By identity: an event is never changed, and while it stands here its id is its own.
        self._kept: dict[int, tuple[Event, Mapping[DocId, Match]]] = {}
        self._older: dict[int, tuple[Event, Mapping[DocId, Match]]] = {}

    def of(self, event: Event) -> Mapping[DocId, Match]:
        """By version of a rule; older versions come first."""
        name = id(event)
        kept = self._kept.get(name) or self._older.get(name)
        if kept is not None and kept[0] is event:
            return kept[1]
        found = self._match(event)
        if len(self._kept) >= EVENTS_KEPT:
            self._kept, self._older = {}, self._kept
        self._kept[name] = event, found
        return found

    def _match(self, event: Event) -> Mapping[DocId, Match]:
        inputs: dict[DocId, tuple[Rule, list[Input]]] = {}
        candidates = self.index.find(event)
        if len(candidates) == 1:
            ((rule, one),) = candidates
            found = key_of(rule, event)
            if found is None:
                return _NOTHING
            return {rule.doc: Match(rule, found[0], found[1], (one,), Need((found[0],)))}
        if not candidates:
            return _NOTHING
        for rule, one in candidates:
            inputs.setdefault(rule.doc, (rule, []))[1].append(one)
        matches: dict[DocId, Match] = {}
        for doc, (rule, fitting) in sorted(inputs.items()):
            found = key_of(rule, event)
            if found is None:
                continue
            if len(fitting) > 1:
                fitting = [one for one in rule.inputs if one in fitting]
            need = Need((found[0],))
            matches[doc] = Match(rule, found[0], found[1], tuple(fitting), need)
        return matches


_NOTHING: Mapping[DocId, Match] = {}
