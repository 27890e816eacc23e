"""Checking: what the demo must show, held against what it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tidegate.answering import Answers
from tidegate.demo.estate import DATASETS
from tidegate.demo.guide import STORY
from tidegate.demo.play import Played
from tidegate.kernel.clock import format_day
from tidegate.services.board import make_board

RULES = 7
BUSINESS_DAYS = 15
LIVE_STATES = {scene.rule: scene.state for scene in STORY}


def faults(opened: Answers, played: Played) -> Iterator[str]:
    """What is not as it must be; nothing when all is well."""
    live = format_day(played.live)
    board = make_board(opened.asking, opened.downstream, played.live, 21)
    for row in board.rows:
        if row.dataset is None and row.cells.get(live) != LIVE_STATES[row.rule]:
            yield f"{row.rule} on {live} is {row.cells.get(live)}, not {LIVE_STATES[row.rule]}"
    missing = [row.dataset for row in board.rows if row.dataset and row.dataset not in DATASETS]
    if missing:
        yield f"unknown datasets on the board: {missing}"
    rounds = Counter(gate["round"] for gate in opened.asking.all_gates())
    if rounds[1] < RULES * BUSINESS_DAYS or rounds[2] != 1:
        yield f"gates by round: {dict(rounds)}"
    report = opened.verify()
    if not report.equal:
        yield f"db verify: {[one.where for one in report.differences]}"
