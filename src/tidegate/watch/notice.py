"""Notice: one thing people are told, once.

    (new) --tell--> sending --delivered--> sent
                    sending --given up--> undelivered   (waits for a person)
                    sending <--send again-- undelivered

A notice for a channel that is not configured, or of a type this version does not deliver, goes to
the console and says so in `diverted`: it stays listed under the channel that was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from msgspec.structs import replace

from tidegate.kernel import ids, value
from tidegate.kernel.clock import NO_DAY, Instant, format_day, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.orders import Tell
from tidegate.kernel.step import CARE_MIN, Durable, Key, Kind, Put, SendNotice
from tidegate.watch.channel import Book, Route

MESSAGE_MAX = 16 * 1024
"""Characters of a message; a longer one says how much was left out."""
DATA_MAX = 64 * 1024
"""Bytes of JSON of the data that goes along; of more only the size does."""
CALLS = "Notice."
"""What the effects of a notice are called, each with the number of the sending."""


class Status(IntEnum):
    NEW = 0
    SENDING = 1
    SENT = 2
    UNDELIVERED = CARE_MIN


class Notice(Durable, frozen=True, array_like=True, kw_only=True):
    notice: str = ""  # its identity, as whoever told it named it
    severity: str = "info"
    message: str = ""
    channel: str = ""  # the channel that was meant
    receiver: str | None = None
    diverted: str = ""  # why it went to the console instead
    told_at: Instant = Instant(0)
    ended_at: Instant | None = None
    correlation_id: str | None = None
    data: Mapping[str, Json] = {}
    error: str = ""  # why it was not delivered
    asked: str | None = None  # the channel as whoever told it named it; "": where the owner is told
    sendings: int = 1
    actor: str | None = None  # who asked for the last sending, where a person did


KIND = Kind(
    name="notice",
    state=Notice,
    statuses={int(status): status.name.lower() for status in Status},
)


def notice_key(tell: Tell) -> Key:
    # By a digest: the identity holds ids of gates and events, and people have to type this one.
    digest = ids.digest(tell.notice.encode("utf-8", "surrogatepass"))
    return Key("notice", tell.day, "all", digest.hex())


def begin(tell: Tell, book: Book, now: Instant) -> Put:
    """A new notice, on its way."""
    route = book.route(tell.channel, tell.receiver)
    notice = Notice(
        status=Status.SENDING,
        notice=tell.notice,
        severity=tell.severity,
        message=_shortened(tell.message),
        channel=route.meant,
        receiver=tell.receiver,
        diverted=route.diverted,
        told_at=now,
        correlation_id=tell.correlation_id,
        data=_bounded(tell.data),
        asked=tell.channel,
    )
    key = notice_key(tell)
    return Put(key, notice, (_effect(key, notice, route),))


def again(key: Key, notice: Notice, book: Book, actor: str | None) -> Put:
    """An undelivered notice, on its way once more: where it leads may have been mended."""
    asked = notice.channel if notice.asked is None else notice.asked
    route = book.route(asked, notice.receiver)
    sending = replace(
        notice,
        status=Status.SENDING,
        channel=route.meant,
        diverted=route.diverted,
        ended_at=None,
        error="",
        sendings=notice.sendings + 1,
        actor=actor,
    )
    return Put(key, sending, (_effect(key, sending, route),))


def sent(notice: Notice, now: Instant) -> Notice:
    return replace(notice, status=Status.SENT, ended_at=now)


def give_up(notice: Notice, error: str, now: Instant) -> Notice:
    return replace(notice, status=Status.UNDELIVERED, ended_at=now, error=error)


def _effect(key: Key, notice: Notice, route: Route) -> SendNotice:
    return SendNotice(
        call=f"{CALLS}{notice.sendings}",
        channel=route.channel,
        receiver=route.receiver,
        body=_body(key, notice),
    )


def _body(key: Key, notice: Notice) -> dict[str, Json]:
    """What the receiver gets; what is not known is left out."""
    body: dict[str, Json] = {
        "severity": notice.severity,
        "message": notice.message,
        "notice": notice.notice,
        "told_at": format_instant(notice.told_at),
    }
    if key.day != NO_DAY:
        body["business_date"] = format_day(key.day)
    if notice.correlation_id is not None:
        body["correlation_id"] = notice.correlation_id
    if notice.diverted:
        body["diverted"] = f"meant for {notice.channel}: {notice.diverted}"
    if notice.data:
        body["data"] = dict(notice.data)
    return body


def _bounded(data: Mapping[str, Json]) -> Mapping[str, Json]:
    size = len(value.canonical(dict(data)))
    return data if size <= DATA_MAX else {"tidegate_omitted_bytes": size}


def _shortened(message: str) -> str:
    rest = len(message) - MESSAGE_MAX
    return f"{message[:MESSAGE_MAX]}... ({rest} more characters)" if rest > 0 else message
