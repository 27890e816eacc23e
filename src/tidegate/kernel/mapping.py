"""Mapping: which application sent an event, and what it says; read once, for all engines.

    source --exact, else the longest glob--> Application --its mapping--> mapped Event

`Applications` fills `application`, `context_id`, `priority`, `owner`, `dataset` and `day` of an
event, and normalises its `context`. A source that no application claims is marked UNKNOWN_SOURCE,
also where a project has no applications at all, and is read by the defaults: `context_id`,
`data.dataset_name`, `data.business_date`. So is what Tidegate says itself, without any mark.

The result is a function of the event and the documents alone: what is remembered is only which
application a source belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from tidegate.kernel.application import (
    NO_CALENDARS,
    OWN,
    OWN_SOURCE,
    UNKNOWN,
    Application,
    compile_application,
    faults_of,
)
from tidegate.kernel.calendar import BusinessCalendar, calendars_of
from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode, strict_fault
from tidegate.kernel.context import ApplicationMapping, ContextDocument, GlobalContext
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.expression import NO_FUNCTIONS, Functions
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, Finding
from tidegate.kernel.value import getter, is_map

SOURCES_MAX = 4096
"""Sources whose application is remembered."""

_GLOB = re.compile(r"[*?\[]")
_CHOICE = re.compile(r"\[!?\]?[^\]]*\]")
_OPEN = re.compile(r"\[")
_IN_RULE = ("context_normalization", "application_mappings")
_rule_mappings = getter(_IN_RULE)
_rule_enabled = getter(("context_normalization", "enabled"))


class Applications:
    """All applications of one activation."""

    def __init__(self, claimed: Mapping[str, Application]) -> None:
        """Applications by the pattern of their sources."""
        self._exact = claimed
        # The longest first, so that the first that fits is the one; among equals the alphabet
        # decides, not the order of the documents.
        globs = sorted(filter(_GLOB.search, claimed), key=lambda glob: (-len(glob), glob))
        self._globs = tuple((source_matcher(glob), claimed[glob]) for glob in globs)
        self.find = lru_cache(maxsize=SOURCES_MAX)(self._find)

    @classmethod
    def of(
        cls,
        entries: Iterable[tuple[str, ApplicationMapping]],
        *,
        calendars: Mapping[str, BusinessCalendar] = NO_CALENDARS,
        functions: Functions = NO_FUNCTIONS,
    ) -> Applications:
        """Names and mappings, compiled; of two with the same pattern, what the later says counts.

        Raises InputError (`expression.invalid`, `calendar.unknown`).
        """
        merged: dict[str, tuple[str, ApplicationMapping]] = {}
        for name, written in entries:
            mapping = written.plain()
            earlier = merged.get(mapping.source_pattern)
            if earlier is not None:
                mapping = earlier[1].model_copy(update=_said(mapping))
            merged[mapping.source_pattern] = (name, mapping)
        return cls(
            {
                pattern: compile_application(name, one, calendars=calendars, functions=functions)
                for pattern, (name, one) in merged.items()
            }
        )

    def apply(self, event: Event) -> Event:
        """The event, mapped."""
        return self.find(event.source).apply(event)

    def read(self, raw: bytes | memoryview, *, now: Instant) -> Event:
        """One event in structured JSON, decoded and mapped.

        Raises InputError: as `cloudevent.decode`, and `event.strict` where the application only
        sends valid CloudEvents and this is none.
        """
        event = decode(raw, now=now)
        application = self.find(event.source)
        if application.strict:
            _check_strict(raw, application)
        return application.apply(event)

    def _find(self, source: str) -> Application:
        if source == OWN_SOURCE:
            return OWN
        exact = self._exact.get(source)
        if exact is not None:
            return exact
        return next((one for fits, one in self._globs if fits(source)), UNKNOWN)


def source_matcher(pattern: str) -> Callable[[str], bool]:
    """Does a source fit this pattern: is it the pattern itself, or does the glob match?"""
    if not _GLOB.search(pattern):
        return lambda source: source == pattern
    fits = re.compile(translate(pattern)).match
    return lambda source: source == pattern or fits(source) is not None


def _said(mapping: ApplicationMapping) -> dict[str, Json]:
    return {name: getattr(mapping, name) for name in mapping.model_fields_set}


def _check_strict(raw: bytes | memoryview, application: Application) -> None:
    fault = strict_fault(raw)
    if fault is not None:
        raise InputError(
            "event.strict",
            f"{application.name} sends valid CloudEvents only: {fault}",
            fix="mend the sender, or take `strict` from the application's mapping",
            application=application.name,
        )


# ---- from the documents
class _Claim(NamedTuple):
    """One application of one document, and its place in it."""

    document: Document
    path: tuple[str | int, ...]
    name: str
    mapping: ApplicationMapping


def applications_of(
    documents: Mapping[DocId, Document], *, functions: Functions = NO_FUNCTIONS
) -> Applications:
    """What the active documents say of applications: contexts, and the mappings inside rules.

    Contexts, which are shared, have the last word on what all engines see; of rules the first in
    the alphabet. (A rule with a mapping of its own maps once more for itself.) An application that
    cannot be compiled, which `check_applications` reports, is left out.
    """
    calendars = calendars_of(documents)
    entries: list[tuple[str, ApplicationMapping]] = []
    for claim in _claims(documents):
        if not any(faults_of(claim.mapping, calendars=calendars, functions=functions)):
            entries.append((claim.name, claim.mapping))
    return Applications.of(entries, calendars=calendars, functions=functions)


def check_applications(
    documents: Mapping[DocId, Document], *, functions: Functions = NO_FUNCTIONS
) -> Iterator[Finding]:
    """Mappings that cannot be compiled, and sources that two applications of contexts claim."""
    calendars = calendars_of(documents)
    written = {one.name for one in _active(documents, "calendar")}
    owners: dict[str, tuple[str, Document]] = {}
    for document, path, name, mapping in sorted(_claims(documents), key=_by_name):
        for key, fault in faults_of(mapping, calendars=calendars, functions=functions):
            lacks = "calendar" if fault.code == "calendar.unknown" else ""
            if lacks and mapping.calendar in written:
                continue  # it is there, and what is wrong with it is told of it
            yield Finding(
                document.kind,
                document.name,
                (*path, key),
                fault.message,
                fault.fix,
                code=fault.code,
                lacks=lacks,
                lacking=mapping.calendar if lacks else "",
            )
        yield from _broken_glob(document, path, mapping.source_pattern)
        if document.kind != "context":
            continue
        owner, first = owners.setdefault(mapping.source_pattern, (name, document))
        if owner != name:
            yield Finding(
                "context",
                document.name,
                (*path, "source_pattern"),
                f"{mapping.source_pattern} is claimed by {owner} and by {name}",
                "give each source to one application",
                other=(first.kind, first.name),
            )


def _by_name(claim: _Claim) -> tuple[str, str]:
    return claim.document.kind, claim.document.name


def _broken_glob(
    document: Document, path: tuple[str | int, ...], pattern: str
) -> Iterator[Finding]:
    """A bracket that is never closed would stand for itself, which nobody means by it."""
    found = _OPEN.search(_CHOICE.sub(lambda choice: "x" * len(choice[0]), pattern))
    if found is not None:
        yield Finding(
            document.kind,
            document.name,
            (*path, "source_pattern"),
            f"source_pattern: the [ that opens here is never closed: {pattern[found.start() :]}",
            "close it, as in [ab]; to mean the character itself write [[]",
            word=pattern[found.start() :],
        )


def global_contexts(documents: Mapping[DocId, Document]) -> list[GlobalContext]:
    """The enrichments that the active contexts hold."""
    return [
        context
        for document in _active(documents, "context")
        if (context := ContextDocument.model_validate(document.body).context_mapping.global_context)
    ]


def global_context(
    contexts: Sequence[GlobalContext], process: str | None = None
) -> GlobalContext | None:
    """The enrichment of this business process; without one, that of the only context that has any."""
    named = [context for context in contexts if process and context.business_process == process]
    if named:
        return named[-1]
    return contexts[0] if len(contexts) == 1 else None


def _claims(documents: Mapping[DocId, Document]) -> Iterator[_Claim]:
    for document in _active(documents, "rule"):
        mappings = _rule_mappings(document.body)
        if is_map(mappings) and _rule_enabled(document.body) is not False:
            for name, one in mappings.items():
                mapping = ApplicationMapping.model_validate(one)
                yield _Claim(document, (*_IN_RULE, name), name, mapping)
    for document in _active(documents, "context"):
        context = ContextDocument.model_validate(document.body).context_mapping
        for name, mapping in context.applications.items():
            yield _Claim(document, ("context_mapping", name), name, mapping)


def _active(documents: Mapping[DocId, Document], kind: str) -> list[Document]:
    """By name backwards: of two that differ the first in the alphabet comes last, and counts."""
    found = [one for one in documents.values() if one.kind == kind and one.active]
    return sorted(found, key=lambda document: document.name, reverse=True)


__all__ = [
    "OWN_SOURCE", "SOURCES_MAX", "Application", "ApplicationMapping", "Applications", "GlobalContext",
    "applications_of", "check_applications", "global_context", "global_contexts", "source_matcher",
]  # fmt: skip
