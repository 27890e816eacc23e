"""Answering: questions without a host, beside any writer: what a command that only asks needs.

Of concrete adapters it names the readers alone, so that such a command starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.adapters.store.lock import is_held, read_lock
from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import postgres_engine, sqlite_engine
from tidegate.adapters.system import ShiftedClock, SystemClock
from tidegate.kernel.clock import Clock, Day
from tidegate.kernel.codec import Codec
from tidegate.ports.reader import Reader
from tidegate.services.asking import Asking
from tidegate.services.attendance import Attended, seen_lately
from tidegate.services.documents import written_in
from tidegate.services.downstream import Downstream
from tidegate.services.engines import ENGINES, codec_of, reader_of
from tidegate.services.holds import Holds
from tidegate.services.inbox import Inbox
from tidegate.services.look import Library
from tidegate.services.notices import Notices
from tidegate.services.record import signals_of
from tidegate.services.release import release
from tidegate.services.runs import Runs
from tidegate.services.search import Search
from tidegate.services.trace import Trace
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.services.verify import Report


class Answers:
    """Questions without a host: for commands beside any writer."""

    def __init__(self, settings: Settings) -> None:
        self.clock = _clock(settings)
        self.codec = codec_of()
        self.reader = open_reader(settings, self.codec)
        self.library = Library(self.reader, ENGINES, reader_of)
        self.signals = signals_of(ENGINES)
        shared = (self.reader, self.library, self.codec, self.signals, self.clock)
        self.downstream = Downstream(*shared, attended=self._attended(settings))
        self.asking = Asking(
            *shared, self.downstream, lambda name: written_in(settings.project, "rule", name)
        )
        self.search = Search(self.reader, self.library, self.signals)
        self.runs = Runs(*shared, self.downstream)
        self.trace = Trace(self.reader, self.library, self.search, self.runs, self.downstream)
        self.holds = Holds(self.reader, self.library, self.clock)
        self.inbox = Inbox(self.reader, self.search)
        self.notices = Notices(self.reader, self.clock)

    def _attended(self, settings: Settings) -> Attended:
        if settings.is_postgres:
            return lambda: seen_lately(self.reader, self.clock)
        return lambda: is_held(settings.file)

    def last_day(self) -> Day:
        """The newest business date of gates, but none far ahead; today where there is none."""
        found = self.asking.newest_day()
        return self.asking.today() if found is None else found

    def verify(self, *, everything: bool = False) -> Report:
        from tidegate.services.verify import verify

        return verify(
            self.reader, ENGINES, self.codec, reader_of, release(), b"", everything=everything
        )

    def close(self) -> None:
        self.reader.close()


def _clock(settings: Settings) -> Clock:
    """The clock of whoever writes here: a demo's is not the machine's."""
    machine = SystemClock()
    note = None if settings.is_postgres else read_lock(settings.file)
    return ShiftedClock(machine, note.shift_us) if note is not None and note.shift_us else machine


def open_answers(settings: Settings) -> Answers:
    """Raises ConflictError (`database.schema`), TransientError (`store.unavailable`)."""
    return Answers(settings)


def open_reader(settings: Settings, codec: Codec) -> Reader:
    """Questions beside the turn, on connections of their own."""
    if settings.is_postgres:
        return SqlReader(postgres_engine(settings.url), codec)
    return SqlReader(sqlite_engine(settings.file), codec)
