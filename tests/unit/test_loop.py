"""The loop in its thread: whoever waits is answered, also by one that ends."""

from __future__ import annotations

import threading

import msgspec
import pytest

from tidegate.kernel.clock import HOUR_US
from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import Order
from tidegate.services.engines import ENGINES, codec_of
from tidegate.services.loop import Loop
from tidegate.services.orders import AcceptClock
from tidegate.testing.broken import broken, mark
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_tables import FaultPoint, Tables
from tidegate.testing.world import World

PATIENCE_S = 20.0


def test_a_loop_that_is_stopped_over_a_jump_of_the_clock_answers_who_accepts_it() -> None:
    taking, may_go_on = threading.Event(), threading.Event()
    armed: list[bool] = []

    def fault(point: FaultPoint) -> None:
        if point == "before_take" and armed:
            taking.set()
            may_go_on.wait(PATIENCE_S)

    engines = (*ENGINES, broken(lambda how: None))
    store = MemoryStore(codec_of(engines), Tables(), fault=fault)
    world = World(None, engines=engines, store=(store, store.reader()))
    host = world.host
    loop = Loop(lambda: host)
    loop.start()
    armed.append(True)
    world.clock.step(HOUR_US)
    sent = world.intake.receive([msgspec.json.encode(mark("a", "fine"))], "token")
    assert taking.wait(PATIENCE_S)
    accepted = host.order(Order(AcceptClock(), "ops"))

    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    with host.door.changed:
        assert host.door.changed.wait_for(lambda: host.door.closed, PATIENCE_S)
    armed.clear()
    may_go_on.set()
    stopping.join(PATIENCE_S)

    assert not stopping.is_alive()
    with pytest.raises(TransientError):
        sent.result(PATIENCE_S)
    with pytest.raises(TransientError) as refused:
        accepted.result(PATIENCE_S)
    assert refused.value.code == "store.unavailable"
