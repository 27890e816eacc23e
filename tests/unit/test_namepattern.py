"""Name patterns: what a file's name says."""

from __future__ import annotations

import pytest

from tidegate.kernel.clock import parse_day
from tidegate.kernel.namepattern import NAME_MAX, Found, parse_name_pattern

DAY = parse_day("2024-01-15")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("orders_{business_date:%Y%m%d}.csv", "orders_20240115.csv"),
        ("orders_{business_date:%Y%m%d}.csv", "s3://bucket/in/orders_20240115.csv"),
        ("orders_{business_date}.csv", "orders_2024-01-15.csv"),
        ("{business_date:%d.%m.%y}*", "15.01.24 final (2).xlsx"),
        ("o{business_date:%Y%j}", "o2024015"),
        ("o_{business_date:%Y%m%dT%H%M%S}.csv", "o_20240115T235959.csv"),
        ("{business_date:%Y}/{business_date:%m}/{business_date:%d}/o.csv", "2024/01/15/o.csv"),
        ("/in/{business_date:%Y/%m/%d}/*.csv", "/in/2024/01/15/o.csv"),
        ("dt={business_date}/part-????.avro", "dt=2024-01-15/part-0001.avro"),
        ("a[1]+{business_date}", "a[1]+2024-01-15"),
    ],
)
def test_a_date_is_read_out_of_a_name(pattern: str, name: str) -> None:
    assert parse_name_pattern(pattern).match(name) == Found(DAY, {})


def test_fields_are_read_beside_the_date() -> None:
    pattern = parse_name_pattern("{dataset}_{business_date:%Y%m%d}_{store}.csv")

    found = pattern.match("customer_orders_20240115_berlin_mitte.csv")

    assert pattern.names == {"dataset", "business_date", "store"}
    assert found == Found(DAY, {"dataset": "customer_orders", "store": "berlin_mitte"})


def test_a_pattern_without_a_date_finds_none() -> None:
    assert parse_name_pattern("{dataset}.csv").match("orders.csv") == Found(
        None, {"dataset": "orders"}
    )


@pytest.mark.parametrize(
    "name",
    ["order_20240115.csv", "orders_20240115.csv.gz", "orders_20240231.csv", "orders_20241301.csv",
     "orders_2024011.csv", "orders_20240115.csv\n", "", "ORDERS_20240115.csv", "x" * (NAME_MAX + 1)],
)  # fmt: skip
def test_a_name_that_differs_matches_nothing(name: str) -> None:
    assert parse_name_pattern("orders_{business_date:%Y%m%d}.csv").match(name) is None


def test_a_field_does_not_reach_over_a_slash() -> None:
    pattern = parse_name_pattern("in/{dataset}.csv")

    assert pattern.match("in/a.csv") is not None
    assert pattern.match("in/a/b.csv") is None
    assert pattern.match("a.csv") is None


def test_pieces_of_a_date_that_disagree_match_nothing() -> None:
    pattern = parse_name_pattern("{business_date:%Y}/o_{business_date:%Y%m%d}.csv")

    assert pattern.match("2024/o_20240115.csv") == Found(DAY, {})
    assert pattern.match("2023/o_20240115.csv") is None


def test_day_366_exists_in_leap_years_only() -> None:
    pattern = parse_name_pattern("{business_date:%Y%j}")

    assert pattern.match("2024366") == Found(parse_day("2024-12-31"), {})
    assert pattern.match("2023366") is None


def test_an_endless_name_is_matched_at_once() -> None:
    pattern = parse_name_pattern("*a*a*a*a*a*a*a{x}a{y}b")

    assert pattern.match("a" * NAME_MAX) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "1 to 512 characters"),
        ("x" * 513, "1 to 512 characters"),
        ("{", "brace"),
        ("a}b", "brace"),
        ("{}", "no field"),
        ("{Dataset}", "no field"),
        ("{dataset:3}", "no field"),
        ("{a}_{a}", "twice"),
        ("{a}{b}", "side by side"),
        ("{a}*", "side by side"),
        ("{business_date:%Y%m}", "whole date"),
        ("{business_date:%m%d}", "whole date"),
        ("{business_date:%b}", "'%b'"),
        ("{business_date:%}", "'%'"),
        ("{business_date:}", "no date"),
        ("{business_date:today}", "no date"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_name_pattern(pattern)
