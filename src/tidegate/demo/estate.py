"""Estate: what the demo's applications deliver, day by day; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import MINUTE_US, Day, Instant, format_day, format_instant
from tidegate.kernel.event import Json

SEED = 11

# Dataset: application, usual minute of the day, spread in minutes.
DATASETS: dict[str, tuple[str, int, int]] = {
    "orders": ("erp", 340, 15),
    "customers": ("crm", 365, 12),
    "payments": ("bank", 390, 10),
    "positions": ("bank", 330, 8),
    "prices": ("market", 350, 5),
    "stock_north": ("wms", 345, 20),
    "stock_south": ("wms", 355, 20),
    "clicks": ("web", 420, 25),
    "campaigns": ("crm", 400, 15),
    "ledger": ("erp", 600, 20),
    "fx_rates": ("market", 660, 10),
    "shipments": ("wms", 450, 20),
    "carriers": ("erp", 460, 15),
    "profiles": ("crm", 600, 10),
    "consents": ("web", 590, 10),
}


class Delivery(Struct, frozen=True, order=True):
    """One event and when it arrives."""

    at: Instant
    raw: bytes


def deliveries(days: list[Day], live: Day) -> list[Delivery]:
    """Everything that arrives over these business days, in order; `live` is the last of them."""
    rng = random.Random(SEED)
    found: list[Delivery] = []
    for number, day in enumerate(days):
        for dataset in DATASETS:
            found += _one(rng, dataset, day, number, live=day == live)
    return sorted(found)


def _one(
    rng: random.Random, dataset: str, day: Day, number: int, *, live: bool
) -> Iterator[Delivery]:
    _, usual, spread = DATASETS[dataset]
    minute = usual + rng.randint(-spread, spread)
    count = rng.randint(8_000, 16_000)
    if live:
        if dataset == "clicks":
            return  # never came: its gate is late
        if dataset == "stock_south":
            yield delivery(dataset, day, minute, 0, "1")  # arrived empty: quarantined
            return
        if dataset == "fx_rates":
            return  # comes while somebody watches
        yield delivery(dataset, day, minute, count, "1")
        return
    story = (number, dataset)
    if story == (3, "clicks"):
        return  # one date that stays without
    if story == (6, "stock_north"):
        yield delivery(dataset, day, minute, 0, "1")  # empty, and corrected an hour later
        yield delivery(dataset, day, minute + 60, count, "2")
        return
    if story == (8, "prices"):
        yield delivery(dataset, day, 430, count, "1")  # after the deadline
        return
    yield delivery(dataset, day, minute, count, "1")
    if story[0] == 10 and dataset in ("positions", "prices"):
        yield delivery(dataset, day, 700, count + 1, "2")  # the whole day again: round 002
    if rng.random() < 0.05:
        yield delivery(dataset, day, minute + 1, count, "1")  # the same event twice


def delivery(dataset: str, day: Day, minute: int, count: int, attempt: str) -> Delivery:
    """One delivery of a dataset for a business date at a minute of that day (UTC)."""
    application = DATASETS[dataset][0]
    at = Instant(day * 24 * 60 * MINUTE_US + minute * MINUTE_US)
    run = f"{application}-{dataset}-{format_day(day)}-{attempt}"
    event: dict[str, Json] = {
        "specversion": "1.0",
        "id": run,
        "source": f"/{application}/{dataset}",
        "type": "dataset.delivered",
        # The same event twice has the same time, whenever its copies arrive.
        "time": format_instant(Instant(at - at % (60 * MINUTE_US))),
        "data": {
            "dataset_name": dataset,
            "business_date": format_day(day),
            "record_count": count,
            "data_quality_score": 0.99,
        },
        "context": {"run_id": run, "batch_id": run, "statement": run},
    }
    return Delivery(at, msgspec.json.encode(event))
