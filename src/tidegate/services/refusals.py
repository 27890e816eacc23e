"""Refusals: calls turned away at the door, counted so that a stranger can fill nothing.

    the first of a minute, code and address --> a row at once
    the others of that minute               --> one row when the minute is over, with their number

A refused call costs its sender nothing, so one row each would let anybody grow the database.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel.clock import MINUTE_US, Instant, format_instant
from tidegate.ports.store import Reject

ADDRESSES_MAX = 256
"""Addresses told apart in one minute; what comes from more is counted together."""
OTHERS = "other addresses"

_Who: TypeAlias = tuple[str, str]  # code, address


class Counted(Struct):
    began_at: Instant
    more: int = 0  # after the first
    last: str = ""


class Refusals:
    """Safe in every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._minute = 0
        self._counted: dict[_Who, Counted] = {}

    def add(self, now: Instant, code: str, address: str, what: str) -> list[Reject]:
        """One call more; answers the rows to keep now. `what` says what was called and why not."""
        with self._lock:
            rows = self._over(now)
            who = (code, _network(address))
            if who not in self._counted and len(self._counted) >= ADDRESSES_MAX:
                who = (code, OTHERS)
            counted = self._counted.get(who)
            if counted is None:
                self._counted[who] = Counted(now)
                rows.append(Reject(now, None, code, f"{what}, from {who[1]}", b""))
            else:
                counted.more += 1
                counted.last = what
            return rows

    def over(self, now: Instant) -> list[Reject]:
        """The rows of minutes that are over."""
        with self._lock:
            return self._over(now)

    def end(self) -> list[Reject]:
        """The rows of everything that was counted: nothing more comes."""
        with self._lock:
            return self._rows()

    def _over(self, now: Instant) -> list[Reject]:
        minute = now // MINUTE_US
        if minute == self._minute:
            return []
        self._minute = minute
        return self._rows()

    def _rows(self) -> list[Reject]:
        counted, self._counted = self._counted, {}
        return [
            Reject(
                one.began_at,
                None,
                code,
                f"{one.more} more from {address} in the minute of "
                f"{format_instant(one.began_at)}, the last: {one.last}",
                b"",
            )
            for (code, address), one in counted.items()
            if one.more
        ]


def calls_of(row: Reject) -> int:
    """How many calls a kept row stands for: one, or as many more as a minute had."""
    number, more, _ = row.message.partition(" more from ")
    return int(number) if not row.body and more and number.isdecimal() else 1


def _network(address: str) -> str:
    """A sender has one IPv4 address, but a whole network of IPv6 addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "an unknown address"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
