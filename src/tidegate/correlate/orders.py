"""Orders persons give to gates."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel.step import Key


class ReleaseGate(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Let quarantined inputs of a gate's round through; all of them when none is named."""

    gate: Key
    round: int
    inputs: tuple[str, ...] = ()


class CloseGate(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Nothing more is awaited; the gate never opens in this round."""

    gate: Key
    round: int
