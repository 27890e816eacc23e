"""Refused calls are counted by code, address and minute."""

from __future__ import annotations

from tidegate.kernel.clock import MINUTE_US, SECOND_US, Instant
from tidegate.services.refusals import ADDRESSES_MAX, OTHERS, Refusals

AT = Instant(1_763_715_600_000_000)


def test_a_thousand_calls_of_one_address_are_two_rows_a_minute() -> None:
    refusals = Refusals()

    rows = [
        row
        for number in range(1000)
        for row in refusals.add(
            Instant(AT + number * MINUTE_US // 1000),
            "auth.required",
            "10.0.0.1",
            "GET /x: no token",
        )
    ]
    rows += refusals.over(Instant(AT + MINUTE_US))

    assert [row.code for row in rows] == ["auth.required"] * 2
    assert rows[0].message == "GET /x: no token, from 10.0.0.1"
    assert rows[1].message.startswith("999 more from 10.0.0.1 in the minute of 2025-11-21T09:00")
    assert refusals.over(Instant(AT + 9 * MINUTE_US)) == []


def test_each_code_and_address_is_counted_by_itself() -> None:
    refusals = Refusals()

    rows = [
        row
        for code, address in (("a", "10.0.0.1"), ("b", "10.0.0.1"), ("a", "10.0.0.2"))
        for row in refusals.add(AT, code, address, "no")
    ]

    assert [(row.code, row.message) for row in rows] == [
        ("a", "no, from 10.0.0.1"),
        ("b", "no, from 10.0.0.1"),
        ("a", "no, from 10.0.0.2"),
    ]


def test_a_network_of_addresses_is_one_sender() -> None:
    refusals = Refusals()

    rows = [
        row
        for number in range(1, 500)
        for row in refusals.add(AT, "a", f"2001:db8::{number:x}", "no")
    ]

    assert [row.message for row in rows] == ["no, from 2001:db8::/64"]


def test_more_addresses_than_the_limit_are_counted_together() -> None:
    refusals = Refusals()

    rows = [
        row
        for number in range(5000)
        for row in refusals.add(AT, "a", f"10.0.{number // 256}.{number % 256}", "no")
    ]
    rows += refusals.end()

    assert len(rows) == ADDRESSES_MAX + 2
    assert rows[-1].message.startswith(f"{5000 - ADDRESSES_MAX - 1} more from {OTHERS}")


def test_the_clock_going_back_loses_no_count() -> None:
    refusals = Refusals()
    refusals.add(AT, "a", "10.0.0.1", "no")
    refusals.add(AT, "a", "10.0.0.1", "no")

    rows = refusals.add(Instant(AT - 3600 * SECOND_US), "a", "10.0.0.1", "no")

    assert [row.message.split(" ")[0] for row in rows] == ["1", "no,"]
