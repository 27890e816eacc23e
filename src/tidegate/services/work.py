"""Work: an effect as it is stored and handed to a performer.

The row's body is msgpack [key, idempotency key, effect], so whoever claims it needs nothing else.
"""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec import Struct

from tidegate.kernel.ids import CellId
from tidegate.kernel.step import CallTask, Effect, Key, SendNotice, StopTask, WriteRecord

CALL_TASK, STOP_TASK, SEND_NOTICE, WRITE_RECORD, ASK_TASK = 1, 2, 3, 4, 5
"""ASK_TASK is a task that others perform: it needs no slot, so it waits behind none that does."""
_ASKS = "arn:tidegate:states:::http:"


class Work(Struct, frozen=True, array_like=True):
    """What is to be done, for which cell, under which idempotency key."""

    key: Key
    idempotency: str
    effect: Effect


_ENCODE = msgspec.msgpack.Encoder(order="sorted").encode
_DECODE = msgspec.msgpack.Decoder(Work).decode


def idempotency_key(epoch: str, cell: CellId, call: str) -> str:
    """The key under which the other side knows one piece of work; the same for every retry of it."""
    return f"{epoch}.{cell}.{call}"


def encode_work(work: Work) -> bytes:
    return _ENCODE(work)


def decode_work(body: bytes) -> Work:
    return _DECODE(body)


def kind_of(effect: Effect) -> int:
    match effect:
        case CallTask(resource=resource):
            return ASK_TASK if resource.startswith(_ASKS) else CALL_TASK
        case StopTask():
            return STOP_TASK
        case SendNotice():
            return SEND_NOTICE
        case WriteRecord():
            return WRITE_RECORD
        case _:
            assert_never(effect)
