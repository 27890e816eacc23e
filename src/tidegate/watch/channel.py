"""Channel: a way to tell people something, as `tidegate.yaml` names it, and who is told where.

    name: nightly
    timezone: Europe/Berlin
    channels:
      ops: {type: webhook, url: "https://hooks.example/ops", secret: "env:OPS_SECRET"}
    default_channel: ops
    owners:
      data_engineering_team: ops/data-eng        # channel/receiver

Secrets stand here by reference only; where one must be, a plain value is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, DocumentKind
from tidegate.kernel.zone import zone

CHANNELS_MAX = 100
OWNERS_MAX = 5_000
CONSOLE = "console"
TYPES = ("console", "webhook", "slack", "email", "pagerduty")
DELIVERED = frozenset({"console", "webhook"})
"""What this version delivers; the other types load, warn, and go to the console."""

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")


# ---- as authored
def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise ValueError(
            "a secret stands here by reference only|write env:NAME, or file:/path to a file"
        )
    return text


def _zone(name: str) -> str:
    zone(name)
    return name


def _address(text: str) -> str:
    if _URL.fullmatch(text) is None and _REFERENCE.fullmatch(text) is None:
        raise ValueError(
            "this is no address|write https://..., or env:NAME where the address is a secret"
        )
    return text


def _listed(value: Json) -> Json:
    return [value] if isinstance(value, str) else value


Secrets: TypeAlias = Annotated[
    tuple[Annotated[str, Field(max_length=500), AfterValidator(_reference)], ...],
    Field(max_length=2),
    BeforeValidator(_listed, json_schema_input_type=str | list[str]),
]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\s]+$")]


class ChannelDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """One channel."""

    type: Literal["console", "webhook", "slack", "email", "pagerduty"]
    url: Annotated[
        Annotated[str, Field(max_length=2000), AfterValidator(_address)] | None,
        Field(validate_default=True),
    ] = None
    secret: Secrets = ()
    """What it is signed with; two while one replaces the other."""
    receiver: Annotated[str, Field(max_length=500)] = ""
    """Who is told when nobody is named: a Slack channel, an address."""
    description: str = ""

    @field_validator("url", "secret")
    @classmethod
    def _has_what_its_type_needs(
        cls, value: str | tuple[str, ...] | None, info: ValidationInfo
    ) -> str | tuple[str, ...] | None:
        type_ = info.data.get("type")
        if info.field_name == "url" and type_ == "webhook" and value is None:
            raise ValueError("a webhook needs its url|add url: https://...")
        if type_ == CONSOLE and value:
            raise ValueError(f"a console has no {info.field_name}|remove it")
        return value


class ProjectDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """`tidegate.yaml`: what holds for the whole project."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = "project"
    description: str = ""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    channels: Annotated[dict[Name, ChannelDocument], Field(max_length=CHANNELS_MAX)] = {}
    default_channel: Name = CONSOLE
    owners: Annotated[dict[str, str], Field(max_length=OWNERS_MAX)] = {}
    """Owner to `channel` or `channel/receiver`."""


def _entries(body: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    # There is one project, whatever it is called.
    return (("project", body if body is not None else {}, ()),)


DOCUMENT = DocumentKind(name="project", folder="", model=ProjectDocument, entries=_entries)


# ---- as followed
class Route(Struct, frozen=True):
    """Where one notice goes."""

    channel: str  # the channel that carries it: a name of tidegate.yaml, or the console
    receiver: str
    meant: str  # the channel that was meant
    diverted: str = ""  # why it goes to the console instead


class Channel(Struct, frozen=True):
    name: str
    type: str
    receiver: str


class Book(Struct, frozen=True):
    channels: Mapping[str, Channel]
    default: str
    owners: Mapping[str, tuple[str, str | None]]

    def route(self, channel: str, receiver: str | None) -> Route:
        """A channel by name, else by type; "" is where this receiver, an owner, is told."""
        if not channel:
            channel, receiver = self.owners.get(receiver or "", (self.default, receiver))
        found = self.channels.get(channel) or self._of_type(channel)
        if found is None:
            why = f"no channel {channel} is configured in tidegate.yaml"
            return Route(CONSOLE, receiver or "", channel, "" if channel == CONSOLE else why)
        receiver = receiver or found.receiver
        if found.type in DELIVERED:
            return Route(found.name, receiver, found.name)
        why = f"this version does not deliver to {found.type}"
        return Route(CONSOLE, receiver, found.name, why)

    def _of_type(self, type_: str) -> Channel | None:
        """Rules say `slack`; where no channel is called that, the first of that type."""
        names = sorted(name for name, one in self.channels.items() if one.type == type_)
        return self.channels[names[0]] if names else None


def project(documents: Mapping[DocId, Document]) -> ProjectDocument:
    """The active project document; without one, that of an empty file."""
    for document in documents.values():
        if document.kind == DOCUMENT.name and document.active:
            return ProjectDocument.model_validate(document.body)
    return ProjectDocument()


def compile_book(documents: Mapping[DocId, Document]) -> Book:
    authored = project(documents)
    return Book(
        channels={
            name: Channel(name, one.type, one.receiver) for name, one in authored.channels.items()
        },
        default=authored.default_channel,
        owners={owner: _where(text) for owner, text in authored.owners.items()},
    )


def _where(text: str) -> tuple[str, str | None]:
    channel, _, receiver = text.partition("/")
    return channel, receiver or None
