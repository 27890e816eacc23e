"""Gates: small rules and deliveries for tests of correlate, and what a world says of them.

world = World(project(rule("a", "b")))
world.hear(delivery("a"), delivery("b"))
assert one_gate(world)["status"] == "open"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.correlate.identity import parse_id
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.kernel.clock import Instant, format_instant, parse_instant
from tidegate.kernel.event import Json
from tidegate.kernel.step import Refusal
from tidegate.ports.reader import PAGE_MAX
from tidegate.services.look import LATEST
from tidegate.testing.memory import MemoryStore
from tidegate.testing.world import World

DATE = "2025-11-20"
"""The business date of a delivery that names none; worlds begin the morning after, at 09:00 UTC."""
TIME = "2025-11-21T08:00:00Z"
RULE = "daily"

Documents = dict[tuple[str, str], Any]


def rule(*datasets: str, **changes: Any) -> dict[str, Any]:
    """A rule that waits for these datasets and starts `job`; a change of None leaves a key out."""
    written: dict[str, Any] = {
        "rule_name": RULE,
        "conditions": [condition(name) for name in datasets],
        "correlation_logic": [match("data.business_date")],
        "actions": [start()],
    }
    return {key: value for key, value in (written | changes).items() if value is not None}


def condition(dataset: str, **changes: Any) -> dict[str, Any]:
    return {"event_type": "delivered", "data.dataset_name": dataset} | changes


def match(field: str) -> dict[str, Any]:
    return {"match_field": field, "operator": "equals"}


def window(duration: str, anchor: str = "event_time") -> list[dict[str, Any]]:
    """`correlation_logic` with a time window beside the business date."""
    line = {"time_window": duration, "operator": "within", "anchor": anchor}
    return [match("data.business_date"), line]


def start(job: str = "job", **changes: Any) -> dict[str, Any]:
    return {"action_type": "trigger_job", "job_name": job} | changes


def notify(message: str, **changes: Any) -> dict[str, Any]:
    return {"action_type": "send_notification", "channel": "console", "message": message} | changes


def project(*rules: Mapping[str, Any], others: Documents | None = None) -> Documents:
    """Documents as `World` takes them: the rules, the job they start, and others."""
    documents: Documents = {("rule", one["rule_name"]): dict(one) for one in rules}
    documents["job", "job"] = {"kind": "command", "target": "true"}
    return documents | (others or {})


def delivery(dataset: str, id_: str = "", **changes: Any) -> dict[str, Any]:
    """An event of a dataset; further names are its data's, but for `time`, `source` and `type`."""
    time = changes.pop("time", TIME)
    source = changes.pop("source", f"/{dataset}")
    type_ = changes.pop("type", "delivered")
    data = {"dataset_name": dataset, "business_date": DATE} | changes
    return {
        "specversion": "1.0",
        "id": id_ or f"{dataset}-{data['business_date']}-{time}",
        "source": source,
        "type": type_,
        "time": time,
        "data": {key: value for key, value in data.items() if value is not None},
    }


def forget(world: World) -> None:
    """The index of events loses its memory, as it does of what retention took."""
    assert isinstance(world.store, MemoryStore)
    world.store.tables.keys.clear()


# ---- what a world says
def at(text: str) -> Instant:
    return parse_instant(text)[0]


def clock(world: World) -> str:
    return format_instant(world.clock.now())


def to(world: World, text: str) -> None:
    """Time goes on until then."""
    world.advance(at(text) - world.clock.now())


def one_gate(world: World) -> dict[str, Json]:
    """The only gate there is, in its only round."""
    gate: dict[str, Json]
    (gate,) = world.gates()
    return gate


def unheard(world: World) -> int:
    """How many events touched nothing."""
    return len(world.reader.strays(LATEST, PAGE_MAX))


def rounds(world: World) -> dict[int, str]:
    """Round to status, of a world with one gate."""
    return {gate["round"]: gate["status"] for gate in world.gates()}


def inputs(gate: Mapping[str, Json]) -> dict[str, str]:
    """Name of an input to what it shows."""
    return {one["name"]: one["status"] for one in gate["inputs"]}


def counted(gate: Mapping[str, Json]) -> dict[str, str | None]:
    """Name of an input to the id of the event that counts for it."""
    return {one["name"]: one["event"] and one["event"]["id"] for one in gate["inputs"]}


def messages(world: World) -> list[str]:
    """What people were told, oldest first."""
    return [notice.body["message"] for notice in world.notices()]


def release(world: World, id_: str, *names: str) -> Json | Refusal:
    key, round_ = parse_id(id_)
    return world.order(ReleaseGate(gate=key, round=round_, inputs=names))


def close(world: World, id_: str) -> Json | Refusal:
    key, round_ = parse_id(id_)
    return world.order(CloseGate(gate=key, round=round_))


def explained(world: World, id_: str) -> dict[str, Json]:
    answer: dict[str, Json] = world.asking.explain_gate(id_).answer
    return answer
