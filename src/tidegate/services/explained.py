"""Explained: an explanation as JSON, and the exit code that carries its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from msgspec import Struct

from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.step import Clause, Compared, Explanation, Miss, Seen, Verdict

EXIT_READY, EXIT_WAITING, EXIT_LATE, EXIT_PERSON = 0, 10, 11, 12


class Explained(Struct, frozen=True):
    """What `explain --json` prints, and the exit code that carries the answer."""

    answer: Json
    exit_code: int


class ComparedAnswer(TypedDict):
    """One value held against what was wanted."""

    what: str
    wanted: str
    seen: str
    met: bool


class SeenAnswer(TypedDict):
    """The event a verdict stands on."""

    pos: int
    source: str
    id: str
    time: str


class ClauseAnswer(TypedDict):
    """One condition, its verdict, and what was compared."""

    text: str
    verdict: Verdict
    evidence: SeenAnswer | None
    compared: list[ComparedAnswer]


class MissAnswer(TypedDict):
    """An event that almost matched, and what differed."""

    text: str
    evidence: SeenAnswer
    compared: list[ComparedAnswer]


class NextAnswer(TypedDict):
    """What happens next, and when."""

    at: str | None
    what: str | None


class WhyAnswer(TypedDict):
    """Why something stands where it stands, and what happens next."""

    status: str
    sentence: str
    clauses: list[ClauseAnswer]
    nearest_misses: list[MissAnswer]
    next: NextAnswer


def printed(explanation: Explanation) -> WhyAnswer:
    """An explanation as JSON."""
    return {
        "status": explanation.status,
        "sentence": explanation.sentence,
        "clauses": [_clause(one) for one in explanation.clauses],
        "nearest_misses": [_miss(one) for one in explanation.nearest_misses],
        "next": following(explanation.next_at, explanation.next_what),
    }


def following(at: Instant | None, what: str | None) -> NextAnswer:
    """What happens next, and when."""
    return {"at": format_instant(at) if at is not None else None, "what": what}


def _clause(one: Clause) -> ClauseAnswer:
    return {
        "text": one.text,
        "verdict": one.verdict,
        "evidence": _seen(one.evidence) if one.evidence else None,
        "compared": _compared(one.compared),
    }


def _miss(one: Miss) -> MissAnswer:
    return {"text": one.text, "evidence": _seen(one.evidence), "compared": _compared(one.compared)}


def _seen(one: Seen) -> SeenAnswer:
    return {"pos": one.pos, "source": one.source, "id": one.id, "time": format_instant(one.time)}


def _compared(all_: Sequence[Compared]) -> list[ComparedAnswer]:
    return [
        {"what": one.what, "wanted": one.wanted, "seen": one.seen, "met": one.met} for one in all_
    ]
