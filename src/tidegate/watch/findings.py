"""Findings: what `check` says about channels, with all documents side by side.

A channel that cannot be used is a warning, not a fault: its notices go to the console and stay
listed, and the work they tell about is done all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from tidegate.kernel import spelling
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, Finding
from tidegate.watch.channel import CONSOLE, DELIVERED, DOCUMENT, ProjectDocument

_TO_CONSOLE = "its notices go to the console and stay listed"


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    active = [document for document in documents.values() if document.active]
    authored = ProjectDocument()
    for document in active:
        if document.kind == DOCUMENT.name:
            authored = ProjectDocument.model_validate(document.body)
            yield from _project(document, authored)
    known = {CONSOLE, *authored.channels, *(one.type for one in authored.channels.values())}
    for document in active:
        if document.kind == "rule":
            yield from _rule(document, known)


def _project(document: Document, authored: ProjectDocument) -> Iterable[Finding]:
    for name, channel in authored.channels.items():
        if channel.type not in DELIVERED:
            yield Finding(
                DOCUMENT.name,
                document.name,
                ("channels", name, "type"),
                f"this version does not deliver to {channel.type}: {_TO_CONSOLE}",
                "use a webhook where the message must arrive",
                warning=True,
            )
    known = {CONSOLE, *authored.channels}
    if authored.default_channel not in known:
        yield _unknown(document, ("default_channel",), authored.default_channel, known)
    for owner, where in authored.owners.items():
        channel_name = where.partition("/")[0]
        if channel_name not in known:
            yield _unknown(document, ("owners", owner), channel_name, known)


class _Action(Struct):
    action_type: str = ""
    channel: str = CONSOLE


class _Rule(Struct):
    """The shape needed here; a rule's model is its own engine's."""

    actions: list[_Action] = []
    on_timeout: list[_Action] = []
    on_quality_failure: list[_Action] = []

    def sections(self) -> Iterable[tuple[str, list[_Action]]]:
        yield "actions", self.actions
        yield "on_timeout", self.on_timeout
        yield "on_quality_failure", self.on_quality_failure


def _rule(document: Document, known: set[str]) -> Iterable[Finding]:
    try:
        rule = msgspec.convert(document.body, _Rule)
    except msgspec.ValidationError:
        return  # written in a way that tells nobody here anything
    for section, actions in rule.sections():
        for index, action in enumerate(actions):
            named = "${" not in action.channel  # a template is known only when it is filled in
            if action.action_type == "send_notification" and named and action.channel not in known:
                yield _unknown(document, (section, index, "channel"), action.channel, known)


def _unknown(
    document: Document, path: tuple[str | int, ...], channel: str, known: set[str]
) -> Finding:
    return Finding(
        document.kind,
        document.name,
        path,
        f'no channel "{channel}" is configured in tidegate.yaml: {_TO_CONSOLE}',
        spelling.did_you_mean(channel, sorted(known), "add it under channels"),
        warning=True,
        lacks="project",
        lacking=channel,
    )
