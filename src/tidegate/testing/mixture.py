"""Mixture: a small project that uses every verb, with senders and people who do anything at all.

Chosen by a seeded generator, so that a seed replays everything; what comes of it is judged by laws.
"""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec import Struct

from tidegate.correlate.gate import Gate
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.kernel.clock import (
    HOUR_US,
    MINUTE_US,
    Day,
    Instant,
    format_day,
    format_instant,
    parse_day,
)
from tidegate.kernel.event import PRIORITIES, Json
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.public_id import public_id
from tidegate.kernel.step import Done, Effect, Failed, Key
from tidegate.run.execution import Execution
from tidegate.run.orders import StopExecution
from tidegate.schedule.orders import AddWindow, CancelTrigger, Pause, RemoveWindow, Resume
from tidegate.schedule.trigger import Trigger
from tidegate.schedule.window import WindowDocument
from tidegate.testing.world import Takes, World

DATASETS = ("orders", "customers", "prices")
DATES = tuple(format_day(Day(parse_day("2025-11-18") + n)) for n in range(5))
REGIONS = ("north", "south")
JOBS = ("load", "report", "check")


def _condition(dataset: str, **more: Json) -> Json:
    return {"event_type": "data.landed", "data.dataset_name": dataset, **more}


def _rule(name: str, *conditions: Json, match: tuple[str, ...] = (), **more: Json) -> Json:
    fields = ("data.business_date", *match)
    logic = [{"match_field": field} for field in fields] + list(more.pop("logic", ()))
    return {
        "rule_name": name,
        "conditions": list(conditions),
        "correlation_logic": logic,
        "actions": [{"action_type": "trigger_job", "job_name": "load"}],
        **more,
    }


_TOLD: Json = {"action_type": "send_notification", "message": "look at ${data.business_date}"}
DOCUMENTS: dict[tuple[str, str], Json] = {
    ("rule", "both"): _rule(
        "both",
        _condition("orders"),
        _condition("customers"),
        logic=({"time_window": "6h", "anchor": "arrival"},),
        sla_minutes=30,
        actions=[
            {
                "action_type": "trigger_job",
                "job_name": "load",
                "parameters": {"rows": "${inputs.orders.data.record_count}"},
                "retry_config": {"max_attempts": 3, "delay_minutes": 5},
            },
            {"action_type": "update_dashboard", "metric": "opened"},
            {"action_type": "emit_event", "event_type": "mix.ready", "data": {"of": "both"}},
        ],
    ),
    ("rule", "good"): _rule(
        "good",
        _condition("orders", additional_conditions=[{"record_count": "> 0"}]),
        _condition("prices", optional=True),
        on_quality_failure=[_TOLD],
        redelivery="refire",
    ),
    ("rule", "regional"): _rule(
        "regional",
        _condition("customers"),
        _condition("prices"),
        match=("data.region",),
        keep="first",
        late="new_round",
        actions=[{"action_type": "trigger_job", "job_name": "report"}],
    ),
    ("rule", "expected"): _rule(
        "expected",
        _condition("prices"),
        expect={"calendar": "every_day", "deadline": "10:00", "warn_at": "09:30"},
        on_timeout=[_TOLD],
        close_after="1d",
        actions=[{"action_type": "trigger_job", "job_name": "check"}, _TOLD],
    ),
    ("rule", "after"): {
        "rule_name": "after",
        "job_dependencies": [{"prerequisite_job": "load"}],
        "correlation_logic": [{"match_field": "data.business_date"}],
        "actions": [{"action_type": "trigger_job", "job_name": "report"}],
    },
    ("rule", "hears"): {
        "rule_name": "hears",
        "conditions": [{"event_type": "mix.ready"}],
        "correlation_logic": [{"match_field": "subject"}],
        "actions": [_TOLD],
    },
    **{("job", name): {"kind": "command", "target": ["true"]} for name in JOBS},
    ("schedule", "nights"): {
        "name": "nights",
        "maintenance": [{"start": "02:00", "end": "04:00", "jobs": ["report"]}],
    },
}


class Mixture:
    """Everything that happens to one world."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._sent: list[Json] = []
        self._numbers = 0

    def perform(self, key: Key, effect: Effect) -> Done | Failed | Takes | None:
        """Work ends at once, later, badly, or not by itself."""
        del effect
        result = Failed("Broken", "it broke") if self._chance(0.3) else Done({"of": key.scope})
        if self._chance(0.5):
            return result
        return Takes(self._random.randrange(1, 40) * MINUTE_US, result)

    def events(self, world: World, count: int) -> list[Json]:
        """New ones, repeated ones, and some that share an id with another."""
        made: list[Json] = []
        for _ in range(count):
            if self._sent and self._chance(0.15):
                made.append(dict(self._random.choice(self._sent)))
                continue
            self._numbers += 1
            at = world.clock.now() - self._random.randrange(8) * HOUR_US
            one = {
                "specversion": "1.0",
                "id": f"e{self._numbers if self._chance(0.95) else 1}",
                "source": "/mixture",
                "type": "data.landed",
                "time": format_instant(Instant(at)),
                "data": {
                    "dataset_name": self._random.choice(DATASETS),
                    "business_date": self._random.choice(DATES),
                    "region": self._random.choice(REGIONS),
                    "record_count": self._random.choice((0, 1, 5)),
                },
            }
            self._sent.append(one)
            made.append(one)
        return made

    def order(self, world: World) -> Struct:
        """Somebody wants something; it need not make sense."""
        random = self._random
        job = random.choice((*JOBS, None))
        gates = sorted(world.cells("gate", Gate))
        triggers = sorted(world.cells("trigger", Trigger))
        executions = sorted(world.cells("execution", Execution))
        choices: list[Any] = [
            lambda: Pause(job=job, until=Instant(world.clock.now() + 20 * MINUTE_US)),
            lambda: Pause(job=job),
            lambda: Resume(job=job),
            lambda: Resume(job=None),
            lambda: AddWindow(window=self._window().to_window("", "UTC")),
            lambda: RemoveWindow(window_id="w1"),
            lambda: RequestRun(
                job=random.choice((*JOBS, "unknown")),
                request=f"r{random.randrange(6)}",
                priority=random.choice(PRIORITIES),
            ),
        ]
        if gates:
            choices += [
                lambda: ReleaseGate(gate=random.choice(gates), round=1),
                lambda: CloseGate(gate=random.choice(gates), round=random.choice((1, 2))),
            ]
        if triggers:
            choices.append(lambda: CancelTrigger(trigger=public_id(random.choice(triggers))))
        if executions:
            choices.append(lambda: StopExecution(execution=public_id(random.choice(executions))))
        made: Struct = random.choice(choices)()
        return made

    def _window(self) -> WindowDocument:
        hour = self._random.randrange(24)
        span = {"start": f"{hour:02}:00", "end": f"{(hour + 2) % 24:02}:00"}
        return WindowDocument.model_validate(span)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
