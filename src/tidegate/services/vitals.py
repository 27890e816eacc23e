"""Vitals: is it alive, may it be used, and the numbers for `/metrics`, read when asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tidegate.kernel.clock import SECOND_US, Clock, format_instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import TidegateError
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.services.host import Host
from tidegate.watch.counter import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TURN_SECONDS_MAX = 5.0
"""A turn that lasts longer makes this process not ready."""
_METRIC = "tidegate_"


class Vitals:
    """Safe in every thread."""

    def __init__(
        self, host: Host, reader: Reader, codec: Codec, clock: Clock, alive: Callable[[], bool]
    ) -> None:
        self._host = host
        self._reader = reader
        self._codec = codec
        self._clock = clock
        self._alive = alive

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """May it be used, and if not, why."""
        reasons: list[dict[str, str]] = []
        if not self._alive():
            reasons.append({"code": "defect", "message": "the host's thread has ended"})
        if self._host.door.closed:
            reasons.append({"code": "store.unavailable", "message": "the server is stopping"})
        fault = self._host.status.fault or self._host.steady.fault
        if fault is not None:
            reasons.append({"code": fault.code, "message": str(fault)})
        began = self._host.status.turn_began
        if began is not None and self._clock.monotonic() - began > TURN_SECONDS_MAX:
            seconds = self._clock.monotonic() - began
            message = f"a turn has been decided for {seconds:.0f} s; whatever comes waits"
            reasons.append({"code": "turn.slow", "message": message})
        try:
            self._host.store.check()
            snapshot = self._reader.turn()
        except TidegateError as error:
            if fault is None or fault.code != error.code:
                reasons.append({"code": error.code, "message": str(error)})
            return False, {"ready": False, "reasons": reasons}
        answer: dict[str, Any] = {
            "ready": not reasons,
            "reasons": reasons,
            "activation": snapshot.activation,
            "place": snapshot.next_pos,
            "last_turn_at": format_instant(snapshot.at) if snapshot.at else None,
            "careful": self._host.status.careful,
        }
        return not reasons, answer

    def metrics(self) -> bytes:
        """Prometheus text. State metrics are counted from the cells now; no correlation ids."""
        registry = CollectorRegistry()
        registry.register(_Collected(list(self._families())))
        return generate_latest(registry)

    def _families(self) -> list[Any]:
        snapshot = self._reader.turn()
        status = self._host.status
        families: list[Any] = [
            _gauge("log_places", "Places of the log", snapshot.next_pos),
            _gauge("turns", "Turns committed", snapshot.n),
            _gauge("queue_signals", "Signals that wait at the door", len(self._host.door)),
            _gauge("host_turns_total", "Turns this process committed", status.turns),
            _gauge("host_signals_total", "Signals this process decided", status.signals),
            _gauge("parked_signals", "Signals parked for a person", len(self._reader.parked())),
            _gauge(
                "last_turn_age_seconds",
                "Seconds since the last turn",
                max(0.0, (self._clock.now() - snapshot.at) / SECOND_US),
            ),
        ]
        for kind in self._codec.kinds:
            if kind.statuses:
                families.append(self._counts(kind.name))
        families += self._counters()
        return families

    def _counts(self, kind: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            f"{_METRIC}{kind}s",
            f"Cells of kind {kind} by name and status",
            labels=("name", "status"),
        )
        names = self._codec.kind(kind).statuses
        for (scope, status), count in sorted(self._reader.counts(kind).items()):
            family.add_metric((scope, names.get(status, str(status))), count)
        return family

    def _counters(self) -> list[CounterMetricFamily]:
        """What rules count with `update_dashboard`, and the counters the product keeps."""
        moved = CounterMetricFamily(
            f"{_METRIC}dashboard", "What rules count", labels=("metric", "of", "name")
        )
        for one in self._reader.cells("metric", limit=PAGE_MAX):
            state = one.stored.cell.state
            if isinstance(state, Counter):
                of, name = state.of or ("", "")
                moved.add_metric((state.metric, of, name), state.total)
        return [moved]


class _Collected:
    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> list[Any]:
        return self._families


def _gauge(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_METRIC}{name}", help_, value=value)
