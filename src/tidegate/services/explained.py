"""Explained: an explanation as JSON, and the exit code that carries its answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.step import Clause, Compared, Explanation, Miss, Seen

EXIT_READY, EXIT_WAITING, EXIT_LATE, EXIT_PERSON = 0, 10, 11, 12


class Explained(Struct, frozen=True):
    """What `explain --json` prints, and the exit code that carries the answer."""

    answer: dict[str, Json]
    exit_code: int


def printed(explanation: Explanation) -> dict[str, Json]:
    """An explanation as JSON."""
    return {
        "status": explanation.status,
        "sentence": explanation.sentence,
        "clauses": [_clause(one) for one in explanation.clauses],
        "nearest_misses": [_miss(one) for one in explanation.nearest_misses],
        "next": following(explanation.next_at, explanation.next_what),
    }


def following(at: Instant | None, what: str | None) -> dict[str, Json]:
    """What happens next, and when."""
    return {"at": format_instant(at) if at is not None else None, "what": what}


def _clause(one: Clause) -> Json:
    return {
        "text": one.text,
        "verdict": one.verdict,
        "evidence": _seen(one.evidence) if one.evidence else None,
        "compared": _compared(one.compared),
    }


def _miss(one: Miss) -> Json:
    return {"text": one.text, "evidence": _seen(one.evidence), "compared": _compared(one.compared)}


def _seen(one: Seen) -> Json:
    return {"pos": one.pos, "source": one.source, "id": one.id, "time": format_instant(one.time)}


def _compared(all_: Sequence[Compared]) -> list[Json]:
    return [
        {"what": one.what, "wanted": one.wanted, "seen": one.seen, "met": one.met} for one in all_
    ]
