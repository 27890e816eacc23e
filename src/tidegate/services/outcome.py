"""Outcome: what the desk must be told after a look at an effect, within the limits of the store."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.step import Done, Failed

OUTCOME_MAX = 1024 * 1024
"""Bytes of an outcome as msgpack."""
CAUSE_MAX, ERROR_MAX = 32_768, 256
"""Characters of what a failure says, as Amazon States Language has them."""

_encode = msgspec.msgpack.Encoder().encode


class Settled(Struct, frozen=True):
    """There is an outcome."""

    result: Done | Failed


class Later(Struct, frozen=True):
    """To be looked at again, by anybody."""

    visible_at: Instant
    handle: str | None
    tries: int


class Told(Enum):
    STOPPED = "a stop was carried out"
    NOTHING = "it is not ours any more"


Verdict: TypeAlias = Settled | Later | Told


def within(verdict: Verdict) -> Verdict:
    """An outcome that can be stored and is not over its limits."""
    if not isinstance(verdict, Settled):
        return verdict
    if isinstance(verdict.result, Failed):
        return Settled(_readable(verdict.result))
    try:
        size = len(_encode(verdict.result))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Settled(Failed("Tidegate.ResultUnusable", f"the output cannot be stored: {error}"))
    if size > OUTCOME_MAX:
        return Settled(
            Failed(
                "States.DataLimitExceeded",
                f"the output has {size} bytes, {OUTCOME_MAX} are allowed; "
                "write large results to a file or table and return where",
            )
        )
    return verdict


def _readable(failed: Failed) -> Failed:
    """Its texts as plain Unicode, a long cause with its middle marked as cut."""
    error, cause = (
        text.encode("utf-8", "backslashreplace").decode() for text in (failed.error, failed.cause)
    )
    if len(cause) > CAUSE_MAX:
        half, left_out = CAUSE_MAX // 2, len(cause) - CAUSE_MAX
        cause = f"{cause[:half]}\n[... {left_out} characters cut ...]\n{cause[-half:]}"
    return Failed(error[:ERROR_MAX], cause)
