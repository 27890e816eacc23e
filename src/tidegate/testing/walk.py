"""Walk: the files one event enters, in the order in which each is first entered.

A whole App on SQLite and its HTTP application, called without a socket: the event comes in by
`POST /api/v1/events`, opens a gate, its job runs, and somebody asks why. A profiler notes each call.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

import tidegate
from tidegate.api.app import make_app
from tidegate.settings import Settings
from tidegate.testing.calls import DATE, event
from tidegate.wiring import App
from tidegate.working import work_until_idle

TOKEN = "the-walk"
SECONDS_MAX = 60.0
_HOME = str(Path(tidegate.__file__).resolve().parent) + "/"
PROJECT = {
    "tidegate.yaml": "name: walk\n",
    "rules/walk.yaml": """rule_name: walk
conditions: [{data.dataset_name: orders}]
correlation_logic: [{match_field: data.business_date}]
actions: [{action_type: trigger_job, job_name: report}]
""",
    "jobs/report.yaml": "report: {kind: command, target: [echo, done]}\n",
}


class Walk:
    """What was entered, while it is on."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.on = False

    def note(self, frame: FrameType, what: str, _: object) -> None:
        if not self.on or what != "call":
            return
        name = frame.f_code.co_filename
        # A module's own body is run when it is imported, which is no step of an event.
        if name.startswith(_HOME) and frame.f_code.co_name != "<module>":
            self.files.setdefault(name.removeprefix(_HOME))


def walk(folder: Path) -> list[str]:
    """The files below `tidegate/` that one event enters, from the door to the answer why."""
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    taken = Walk()
    threading.setprofile(taken.note)
    sys.setprofile(taken.note)
    try:
        app = App(Settings(project=folder)).open()
        try:
            app.follow_folder()
            asyncio.run(_through(app, taken))
        finally:
            app.close()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(taken.files)


async def _through(app: App, taken: Walk) -> None:
    asgi = make_app(app.service(TOKEN))
    await _call(asgi, "GET", "/readyz")  # what is made once is no step of an event either
    taken.on = True
    assert await _call(asgi, "POST", "/api/v1/events", event("orders", "orders-1")) == 202
    await work_until_idle(app, SECONDS_MAX)
    assert await _call(asgi, "GET", "/api/v1/rules/walk/explain", query=f"date={DATE}") == 200
    taken.on = False


async def _call(asgi: Any, method: str, path: str, body: Any = None, query: str = "") -> int:
    """One request; answers its status."""
    headers = [
        (b"authorization", f"Bearer {TOKEN}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        data = b"" if body is None else msgspec.json.encode(body)
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi(scope, receive, send)
    return int(sent[0]["status"])
