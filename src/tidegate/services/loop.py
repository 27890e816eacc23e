"""Loop: the host's thread. Steps while there is work, sleeps until something comes or is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from tidegate.kernel.clock import SECOND_US
from tidegate.kernel.errors import TransientError
from tidegate.services.host import Host

SLEEP_SECONDS_MAX = 30.0
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
STOP_SECONDS_MAX = 8.0

_STOPPED = TransientError("store.unavailable", "the server has stopped", fix="send it again")
log = logging.getLogger("tidegate.loop")


class Loop:
    """Runs a host in a thread of its own; the host is made there, for its store belongs there.

    `poll_s` bounds the sleep where other replicas write to the same database.
    """

    def __init__(self, make: Callable[[], Host], *, poll_s: float = SLEEP_SECONDS_MAX) -> None:
        self._make = make
        self._poll_s = min(poll_s, SLEEP_SECONDS_MAX)
        self._ready: Future[Host] = Future()
        self._stopping = threading.Event()
        self._patient_until = float("inf")
        self._thread = threading.Thread(target=self._run, name="tidegate-host", daemon=True)
        self.ended: Future[None] = Future()
        """Done when the thread is; holds the defect that ended it, if one did."""

    def start(self) -> Host:
        """Start the thread; answers the host once it can be used. Raises what made it fail."""
        self._thread.start()
        return self._ready.result()

    def stop(self, within_s: float = STOP_SECONDS_MAX) -> None:
        """Finish what waits at the door, then end; after half of the time whoever still waits is
        refused. A turn that outlasts all of it goes on in vain: the thread dies with its process.

        Safe to call twice; the second time waits no more.
        """
        again = self._stopping.is_set()
        if self._ready.done() and self._ready.exception() is None:
            host = self._ready.result()
            if not again:
                self._patient_until = host.setup.clock.monotonic() + within_s / 2
            host.door.close()
        self._stopping.set()
        self._thread.join(0 if again else within_s / 2)
        if not again and self._thread.is_alive() and self._ready.done():
            self._ready.result().refuse_all(_STOPPED)
            self._thread.join(within_s / 2)

    def poke(self) -> None:
        """Something may have come due."""
        if self._ready.done() and self._ready.exception() is None:
            door = self._ready.result().door
            with door.changed:
                door.changed.notify_all()

    def _run(self) -> None:
        try:
            host = self._make()
        except BaseException as error:
            self._ready.set_exception(error)
            self.ended.set_result(None)
            return
        self._ready.set_result(host)
        clean = False
        try:
            self._steps(host)
            host.end()
            clean = True
        except BaseException as error:
            # The loop is over: /readyz says so and the process ends with an error. The next one
            # is careful, for what ended this one may be there still.
            log.exception("the host ended")
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)
        finally:
            host.door.close()
            host.refuse_all(_STOPPED)  # nobody may wait for ever, whatever ended it
            host.run_calls()
            host.store.close(clean=clean)

    def _steps(self, host: Host) -> None:
        failures = 0
        while True:
            host.run_calls()
            try:
                did = host.step()
                failures = 0
            except TransientError as error:
                log.warning("no turn: %s", error)
                self._sleep(host, BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1
                did = False
                if self._stopping.is_set():
                    return
                continue
            if self._stopping.is_set() and host.setup.clock.monotonic() > self._patient_until:
                host.refuse_all(_STOPPED)
                return
            if did:
                continue
            if self._stopping.is_set() and not len(host.door) and not host.has_calls():
                return
            self._sleep(host, self._pause(host))

    def _pause(self, host: Host) -> float:
        """Until the next wake, but no longer than others may take to write something."""
        try:
            wake_at = host.store.next_wake()
        except TransientError:
            return 0.1
        if wake_at is None:
            return self._poll_s
        rest = (wake_at - host.setup.clock.now()) / SECOND_US
        return max(0.001, min(rest, self._poll_s))

    def _sleep(self, host: Host, seconds: float) -> None:
        door = host.door
        with door.changed:
            if door.head() is None and not host.has_calls() and not self._stopping.is_set():
                door.changed.wait(seconds)
