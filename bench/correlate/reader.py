"""Reader: follows the log by place while two replicas write it, until its input is closed.

It reads on from where its last row ended and never looks back, as everybody does who follows the
log. A row that becomes visible after a later one, or an entry that is never seen, is one it missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tidegate.answering import open_reader
from tidegate.kernel.ids import Pos
from tidegate.ports.store import LogRow
from tidegate.services.engines import codec_of
from tidegate.services.record import Foreign, decode_entries
from tidegate.settings import Settings

PAGE = 100
PAUSE_SECONDS = 0.02


class Followed:
    """What was seen so far."""

    def __init__(self) -> None:
        self.next = Pos(1)
        self.rows = 0
        self.events = 0
        self.gaps: list[tuple[int, int]] = []  # where the next row had to begin, and where it did

    def see(self, rows: Sequence[LogRow]) -> None:
        for row in rows:
            if row.first != self.next:
                self.gaps.append((self.next, row.first))
            self.rows += 1
            self.events += sum(isinstance(one, Foreign) for one in decode_entries(row.body))
            self.next = Pos(row.first + row.n)


def follow(database: str) -> Followed:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    followed = Followed()
    reader = open_reader(Settings(project=Path(), database=database), codec_of())
    try:
        while True:
            last = ended.is_set()  # asked before reading: what is there then is read once more
            while rows := reader.rows(followed.next, PAGE):
                followed.see(rows)
            if last:
                return followed
            ended.wait(PAUSE_SECONDS)
    finally:
        reader.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    followed = follow(parser.parse_args().database)
    print(json.dumps({"rows": followed.rows, "places": followed.next - 1,
                      "events": followed.events, "gaps": followed.gaps}))  # fmt: skip


if __name__ == "__main__":
    main()
