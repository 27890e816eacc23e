"""Stream: the events of the correlation benchmark, the right answer to them, and the rules.

One round is (process, business date). Two applications, CRM and ERP, must both deliver; every
process has its own pair of datasets and one rule. Seeded imperfections: 10 % of the rounds with
an unrelated event, 2 % of the deliveries of bad quality and 1 % failed (half of these corrected an
hour later), 1 % sent twice, 3 % of the rounds without ERP, 2 % with ERP more than 24 hours late,
and up to 30 minutes of disorder.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

SEED = 7
HOUR = 3600
DAY = 24 * HOUR
DAY_0 = datetime(2024, 1, 1, tzinfo=UTC)
QUALITY_MIN = 0.95
RULES_A_FILE = 1000
"""A file of a project may have 4 MiB."""

Kind = Literal["A", "B", "N"]
Level = Literal["gates", "full"]
PAIR: tuple[Kind, Kind] = ("A", "B")


class Delivery(NamedTuple):
    """One event before it is written."""

    arrival: int  # seconds since DAY_0, as is `time`
    time: int
    number: int
    kind: Kind
    process: int
    day: int
    quality: float
    succeeded: bool


class Answer(Struct, frozen=True):
    """What must open, over the stream as it was emitted, cut included."""

    n: int
    rules: int
    opened: int
    digest: str  # over the sorted names of the rounds: "<date> <process>"


class Application(NamedTuple):
    name: str
    source: str
    type: str
    dataset: str
    id_name: str
    prefix: str


APPLICATIONS: dict[Kind, Application] = {
    "A": Application(
        "CRM", "/crm/data/ingestion", "com.crm.dataset.ingestion.completed",
        "customer_transactions", "batch_id", "crm-batch",
    ),
    "B": Application(
        "ERP", "/erp/data/ingestion", "com.erp.dataset.ingestion.completed",
        "order_data", "daily_run_id", "erp-daily",
    ),
    "N": Application("CRM", "/crm/jobs", "com.crm.job.started", "none", "batch_id", "crm-batch"),
}  # fmt: skip


# ---- events
def deliveries(n: int, processes: int = 1000, seed: int = SEED) -> list[Delivery]:
    """The first `n` events in order of arrival."""
    chance = random.Random(seed)
    made: list[Delivery] = []
    number, day = 0, 0
    while len(made) < n:
        for process in range(processes):
            number = _round(chance, made, number, process, day)
        day += 1
    made.sort(key=lambda one: (one.arrival, one.number))
    return made[:n]


def _round(chance: random.Random, made: list[Delivery], number: int, process: int, day: int) -> int:
    base, fate = day * DAY, chance.random()
    first = base + int(chance.uniform(1, 11) * HOUR)
    second = base + int(chance.uniform(1, 11) * HOUR)
    if 0.03 <= fate < 0.05:
        second = first + int(chance.uniform(24.5, 30) * HOUR)
    times: list[tuple[Kind, int]] = [("A", first), ("B", second)]
    for kind, time in times:
        if kind == "B" and fate < 0.03:
            continue
        quality, succeeded = round(chance.uniform(QUALITY_MIN, 1.0), 4), True
        flaw = chance.random()
        if flaw < 0.02:
            quality = round(chance.uniform(0.5, 0.94), 4)
        elif flaw < 0.03:
            succeeded = False
        number += 1
        sent = Delivery(
            time + chance.randrange(1800), time, number, kind, process, day, quality, succeeded
        )
        made.append(sent)
        if flaw < 0.03 and chance.random() < 0.5:
            number += 1
            later = time + HOUR
            made.append(
                Delivery(
                    later + chance.randrange(1800), later, number, kind, process, day, 0.99, True
                )
            )
        if chance.random() < 0.01:
            made.append(sent._replace(arrival=sent.arrival + chance.randrange(3600)))
    if chance.random() < 0.10:
        number += 1
        time = base + chance.randrange(DAY)
        made.append(Delivery(time, time, number, "N", process, day, 1.0, True))
    return number


def lines(sent: Iterable[Delivery], rules: int) -> Iterator[bytes]:
    """Each event as its application writes it."""
    for one in sent:
        application = APPLICATIONS[one.kind]
        process = f"p{one.process:04d}"
        date = _date(one.day)
        context = f"{application.prefix}-{date}-{process}"
        time = (DAY_0 + timedelta(seconds=one.time)).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "specversion": "1.0",
            "id": f"{application.name.lower()}-{one.number}",
            "source": application.source,
            "type": application.type,
            "time": time,
            "datacontenttype": "application/json",
            "data": {
                "dataset_name": application.dataset + _suffix(one.process, rules),
                "business_date": date,
                "process": process,
                "ingestion_status": "success" if one.succeeded else "failed",
                "record_count": 15000 + one.number % 999,
                "processing_duration_seconds": 45,
                "data_quality_score": one.quality,
            },
            "context_id": context,
            "context": {
                application.id_name: context,
                "application": application.name,
                "process_type": "daily_batch",
                "priority": "normal" if one.number % 5 else "high",
                "owner": f"{application.name.lower()}_team",
            },
        }
        yield json.dumps(event, separators=(",", ":")).encode()


# ---- the answer
def answer(sent: Sequence[Delivery], rules: int) -> Answer:
    """A round opens when its first good A and its first good B lie within 24 hours."""
    good: dict[tuple[int, int], dict[Kind, int]] = {}
    for one in sent:
        if one.kind != "N" and one.succeeded and one.quality >= QUALITY_MIN:
            good.setdefault((one.process, one.day), {}).setdefault(one.kind, one.time)
    opened = [
        f"{_date(day)} p{process:04d}"
        for (process, day), times in good.items()
        if len(times) == 2 and abs(times["A"] - times["B"]) <= DAY
    ]
    return Answer(len(sent), rules, len(opened), digest(opened))


def digest(rounds: Iterable[str]) -> str:
    """The same for the same rounds, in whatever order they were found."""
    return blake2b("\n".join(sorted(rounds)).encode(), digest_size=16).hexdigest()


# ---- the project
def write_project(folder: Path, rules: int, level: Level) -> None:
    """`full`: every opening asks for the rule's own job; `gates`: the rules only observe."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "tidegate.yaml").write_text("name: bench\n", "utf-8")
    documents = [_rule(number, rules, level) for number in range(rules)]
    for at in range(0, len(documents), RULES_A_FILE):
        part = "---\n".join(documents[at : at + RULES_A_FILE])
        (folder / "rules" / f"rules_{at:05d}.yaml").write_text(part, "utf-8")
    if level == "full":
        (folder / "jobs").mkdir(exist_ok=True)
        jobs = "".join(
            f'job_{number:04d}:\n  kind: command\n  target: ["true"]\n' for number in range(rules)
        )
        (folder / "jobs" / "jobs.yaml").write_text(jobs, "utf-8")


def _rule(number: int, rules: int, level: Level) -> str:
    conditions = "".join(
        f"  - event_type: {APPLICATIONS[kind].type}\n"
        f"    source: {APPLICATIONS[kind].source}\n"
        f"    data.dataset_name: {APPLICATIONS[kind].dataset}{_suffix(number, rules)}\n"
        "    data.ingestion_status: success\n"
        for kind in PAIR
    )
    actions = ""
    if level == "full":
        actions = (
            "actions:\n"
            "  - action_type: trigger_job\n"
            f"    job_name: job_{number:04d}\n"
            '    parameters: {sla_minutes: 120, process: "${data.process}"}\n'
        )
    return (
        f"rule_name: rule_{number:04d}\n"
        f"conditions:\n{conditions}"
        "additional_conditions:\n"
        f'  - data_quality_score: ">= {QUALITY_MIN}"\n'
        '  - record_count: "> 0"\n'
        '  - processing_duration: "< 300"\n'
        "correlation_logic:\n"
        "  - {match_field: data.business_date, operator: equals}\n"
        "  - {match_field: data.process, operator: equals}\n"
        '  - {time_window: "24h", operator: within}\n'
        f"{actions}"
        "redelivery: ignore\n"
    )


def _suffix(process: int, rules: int) -> str:
    return "" if rules == 1 else f".{process % rules:04d}"


def _date(day: int) -> str:
    return (DAY_0 + timedelta(days=day)).strftime("%Y-%m-%d")


def write(out: Path, n: int, rules: int) -> Answer:
    """Events to `out`, the answer beside them; what is there already for these sizes is kept."""
    beside = out.with_suffix(".expect.json")
    if out.exists() and beside.exists():
        kept = Answer(**json.loads(beside.read_text("utf-8")))
        if (kept.n, kept.rules) == (n, rules):
            return kept
    out.parent.mkdir(parents=True, exist_ok=True)
    sent = deliveries(n)
    with out.open("wb") as file:
        for line in lines(sent, rules):
            file.write(line + b"\n")
    found = answer(sent, rules)
    beside.write_text(
        json.dumps({name: getattr(found, name) for name in found.__struct_fields__}), "utf-8"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=1000)
    given = parser.parse_args()
    print(write(given.out, given.events, given.rules))
    for level in _LEVELS:
        write_project(given.out.parent / f"project-{level}", given.rules, level)


_LEVELS: tuple[Level, Level] = ("gates", "full")

if __name__ == "__main__":
    main()
