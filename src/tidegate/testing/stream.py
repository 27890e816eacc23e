"""Stream: a project, its events, and what must have come of them, whatever happened to the servers.

For each business date two datasets arrive in turn, so often as there are rounds; each pair opens one
gate once and starts one job. The job writes down that it began and that it ended, and holds a lock
meanwhile, so that a second start is seen, and a second one at the same time as well. Some take so
long at their first start that the next life begins them again before they would have ended.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import postgres_engine, sqlite_engine
from tidegate.correlate.gate import Gate
from tidegate.correlate.gate import Status as GateStatus
from tidegate.kernel.clock import Day, format_day, parse_day
from tidegate.kernel.event import Json
from tidegate.kernel.ids import Pos
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.run.execution import Execution
from tidegate.run.execution import Status as RunStatus
from tidegate.services.engines import ENGINES, codec_of, reader_of
from tidegate.services.record import ACCEPTED, Foreign, decode_entries
from tidegate.services.verify import verify

ROUNDS = 2
DATASETS = ("orders", "customers")
FIRST_DATE = parse_day("2020-01-01")
SOURCE = "/stream"
LIFE = "TIDEGATE_TEST_LIFE"
"""Environment of a server: which life of which replica it is."""

_RULE = """\
rule_name: both
conditions:
  - {event_type: landed, data.dataset_name: orders}
  - {event_type: landed, data.dataset_name: customers}
correlation_logic:
  - {match_field: data.business_date}
actions:
  - action_type: trigger_job
    job_name: mark
    parameters: {business_date: "${data.business_date}"}
"""
_JOB = """\
mark:
  kind: command
  target: ["sh", "mark.sh"]
  timeout: 5m
"""
# The kernel gives the lock back when the last process of the job has gone.
_SCRIPT = """\
key=$TIDEGATE_IDEMPOTENCY_KEY
say() { echo "$1 $key $TIDEGATE_BUSINESS_DATE $TIDEGATE_CORRELATION_ID $TIDEGATE_TEST_LIFE" >> marks; }
exec 9> "locks/$key"
flock -n 9 || say beside
case $TIDEGATE_BUSINESS_DATE in *[05]) grep -q "began $key" marks || seconds=LONG ;; esac
say began
sleep ${seconds:-SECONDS}
say ended
"""


class Mark(Struct, frozen=True):
    """One line a job wrote."""

    what: str  # began, ended, or beside: another start of the same work was still running
    key: str
    date: str
    correlation_id: str
    life: str


def write_project(folder: Path, *, job_seconds: float, long_seconds: float | None = None) -> Path:
    """The project; its jobs take so long, one in five another time when it is first started."""
    long = job_seconds if long_seconds is None else long_seconds
    script = _SCRIPT.replace("SECONDS", f"{job_seconds:g}").replace("LONG", f"{long:g}")
    for name in ("rules", "jobs", "locks"):
        (folder / name).mkdir(parents=True)
    (folder / "tidegate.yaml").write_text("name: stream\n")
    (folder / "marks").touch()
    (folder / "rules" / "both.yaml").write_text(_RULE)
    (folder / "jobs" / "mark.yaml").write_text(_JOB)
    (folder / "mark.sh").write_text(script)
    return folder


def waves(dates: Sequence[int]) -> Iterator[list[bytes]]:
    """What is sent together; a wave may only be sent when the one before it was answered."""
    for round_ in range(1, ROUNDS + 1):
        for dataset in DATASETS:
            yield [_event(Day(FIRST_DATE + date), dataset, round_) for date in dates]


def _event(day: Day, dataset: str, round_: int) -> bytes:
    date = format_day(day)
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{dataset}.{date}.{round_}",
            "source": SOURCE,
            "type": "landed",
            "data": {"dataset_name": dataset, "business_date": date},
        }
    )


def marks(folder: Path) -> list[Mark]:
    return [Mark(*line.split(" ")) for line in (folder / "marks").read_text().splitlines()]


# ---- what must have come of it
class Found(Struct, frozen=True):
    """Figures for a report."""

    dates: int
    events: int
    runs: int
    started_again: int  # starts beyond the first of a piece of work
    log_places: int


def audit(folder: Path, database: str, dates: int) -> Found:
    """Asserts that nothing of so many dates is missing, doubled, or half done."""
    codec = codec_of()
    postgres = database.startswith("postgresql:")
    engine = postgres_engine(database) if postgres else sqlite_engine(Path(database))
    reader = SqlReader(engine, codec)
    try:
        wanted = {f"{format_day(Day(FIRST_DATE + n))}" for n in range(dates)}
        rounds = {(date, round_) for date in wanted for round_ in range(1, ROUNDS + 1)}
        assert _accepted(reader) == Counter(
            f"{dataset}.{date}.{round_}" for date, round_ in rounds for dataset in DATASETS
        ), "every answered event is in the log, once"
        assert _opened(reader) == Counter(rounds), "every gate opened once a round"
        _check_runs(reader, rounds)
        assert [row.parking.error for row in reader.parked()] == []
        assert reader.effects(PAGE_MAX) == []
        report = verify(reader, ENGINES, codec, reader_of, _release(reader), b"")
        assert report.equal, report.differences
        again = _check_marks(marks(folder), rounds)
        return Found(dates, len(rounds) * 2, len(rounds), again, report.signals)
    finally:
        reader.close()


def _release(reader: Reader) -> str:
    return reader.rows(Pos(1), 1)[0].release


def _accepted(reader: Reader) -> Counter[str]:
    found: Counter[str] = Counter()
    place = Pos(1)
    while rows := reader.rows(place, PAGE_MAX):
        for row in rows:
            for entry in decode_entries(row.body):
                if isinstance(entry, Foreign) and entry.verdict == ACCEPTED:
                    event = json.loads(entry.raw)
                    found[event["id"]] += event["source"] == SOURCE
        place = Pos(rows[-1].first + rows[-1].n)
    return +found


def _opened(reader: Reader) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for state in _states(reader, "gate"):
        assert isinstance(state, Gate)
        if state.status == GateStatus.OPEN:
            found[state.values[0], state.round] += 1
    return found


def _check_runs(reader: Reader, rounds: set[tuple[str, int]]) -> None:
    asked: Counter[tuple[str, int]] = Counter()
    for state in _states(reader, "execution"):
        assert isinstance(state, Execution)
        asked[state.parameters["business_date"], state.asked.round] += 1
        assert state.status in (RunStatus.SUCCEEDED, RunStatus.FAILED)
        lost = state.error in ("", "Tidegate.LeaseLost")
        assert lost, f"{state.parameters}: {state.error}: {state.cause}"
    assert asked == Counter(rounds), "every job that had to start was asked for once"


def _states(reader: Reader, kind: str) -> Iterator[Json]:
    after = None
    while page := reader.cells(kind, after=after, limit=PAGE_MAX):
        for one in page:
            yield one.stored.cell.state
        after = page[-1].key


def _check_marks(written: list[Mark], rounds: set[tuple[str, int]]) -> int:
    """What the jobs saw: each was started; again only by another life, never beside itself."""
    assert [mark for mark in written if mark.what == "beside"] == [], "started while it ran"
    lives: defaultdict[str, list[str]] = defaultdict(list)
    for mark in written:
        if mark.what == "began":
            lives[mark.key].append(mark.life)
    for key, found in lives.items():
        assert len(set(found)) == len(found), f"{key} was started twice by one server: {found}"
    started = {(mark.date, int(mark.correlation_id.rpartition("-")[2])) for mark in written}
    assert started == rounds, "every job that had to start did"
    assert len(lives) == len(rounds), "one key for each run"
    return sum(len(found) - 1 for found in lives.values())
