"""Talk: lines for people on standard error that keep nobody waiting.

Whoever writes to a terminal that stands still (Ctrl-S) or to a pipe nobody reads waits for ever: the
event loop, a thread, the end of the process. Here lines wait in a bounded queue, and a thread of
their own writes them straight to the descriptor, so that no lock of a stream is held meanwhile.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TextIO

LINES_MAX = 1_000
"""So many lines wait for a reader; one more is not taken."""
LAST_WORDS_S = 1.0
"""How long the end of a process waits until what was said is written."""


class Talk:
    """A way to say lines; owns its thread, not the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._write = _writer(stream)
        self._waiting: queue.Queue[tuple[str, Future[None]]] = queue.Queue(LINES_MAX)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def say(self, line: str) -> Future[None]:
        """A line, without its end; done when it is written, or failed with OSError or ValueError.

        Raises BlockingIOError when too many wait already.
        """
        written: Future[None] = Future()
        try:
            self._waiting.put_nowait((line, written))
        except queue.Full as error:
            raise BlockingIOError(f"nobody reads it: {LINES_MAX} lines wait") from error
        self._begin()
        return written

    def finish(self, seconds: float = LAST_WORDS_S) -> bool:
        """Wait until everything is written, but not longer; was it?"""
        try:
            last = self.say("")
            last.result(seconds)
        except (OSError, ValueError, TimeoutError):
            return False
        return True

    def _begin(self) -> None:
        with self._starting:
            if self._thread is None:
                # A daemon: a write that waits for ever does not keep the process.
                self._thread = threading.Thread(target=self._run, name="talk", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            line, written = self._waiting.get()
            if not written.set_running_or_notify_cancel():
                continue
            try:
                if line:
                    self._write(line + "\n")
                written.set_result(None)
            except (OSError, ValueError) as error:  # ValueError: the stream was closed
                written.set_exception(error)


class TalkHandler(logging.Handler):
    """Log records as lines; those nobody reads are counted, and the count is said later."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self._talk = talk
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._dropped:
                self._talk.say(f"WARNING {self._dropped} lines of this log could not be written")
                self._dropped = 0
            self._talk.say(self._line(record))
        except BlockingIOError:
            self._dropped += 1

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except (TypeError, ValueError) as error:
            # The usual way out would write to the stream itself, and wait for whoever reads it.
            return f"ERROR {record.name}: a line that cannot be formatted: {record.msg!r}: {error}"


def log_through(talk: Talk) -> None:
    """What is logged goes through it, in the form the handlers that are there gave it."""
    root = logging.getLogger()
    for old in list(root.handlers):
        if old.__class__ is logging.StreamHandler:  # not those that write files
            new = TalkHandler(talk)
            new.setFormatter(old.formatter)
            root.removeHandler(old)
            root.addHandler(new)


def _writer(stream: TextIO) -> Callable[[str], None]:
    """To the descriptor where there is one; a notebook's or a test's stream has none."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):

        def write(text: str) -> None:
            stream.write(text)
            stream.flush()

        return write

    def write_bytes(text: str) -> None:
        data = text.encode(stream.encoding or "utf-8", "backslashreplace")
        while data:
            data = data[os.write(descriptor, data) :]

    return write_bytes
