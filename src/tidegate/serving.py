"""Serving: one process that listens, decides and works until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias

import uvicorn
import uvloop

from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.adapters.system import ShiftedClock
from tidegate.adapters.talk import Talk, log_through
from tidegate.api.app import make_app
from tidegate.api.connection import CONNECTIONS_MAX, Connection
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError, TidegateError, TransientError
from tidegate.kernel.step import Engine
from tidegate.services.engines import ENGINES
from tidegate.settings import Settings
from tidegate.wiring import App, open_patiently

Beside: TypeAlias = Callable[[App, str], Coroutine[Any, Any, None]]

STOP_SECONDS = 4.0
"""What local jobs get to end by themselves when the server stops."""
GRACE_SECONDS = 4.0
"""What open connections get; whoever waits for an answer is refused before."""
END_SECONDS_MAX = 9.0
"""From the signal to the end of the process, whatever stands still."""
ROUND_SECONDS = 20.0
"""How often refused calls of minutes that are over are kept."""
FILES_BESIDE = 512
"""Open files that are no connections: databases, jobs, logs."""
BACKLOG = 2048


def run(
    settings: Settings,
    also: Beside | None = None,
    clock: Clock | None = None,
    engines: tuple[Engine[Any], ...] = ENGINES,
) -> int:
    """Serve until told to stop; answers the exit code. `also` runs beside, once it can be used.

    Raises InputError (`config.invalid`, `document.invalid`), ConflictError (`database.busy`).
    """
    if not settings.is_loopback and not settings.insecure:
        raise InputError(
            "config.invalid",
            f"{settings.host} is not loopback and there is no TLS",
            fix="put a TLS proxy in front and listen on 127.0.0.1, or say --insecure",
        )
    if settings.is_postgres and settings.token is None:
        raise InputError(
            "config.invalid",
            "PIPELINE_API_TOKEN is not set",
            fix="replicas on PostgreSQL share one token; set it in the environment",
        )
    _allow_connections()
    app = open_patiently(lambda: App(settings, clock, engines), _say)
    try:
        app.follow_folder()
        with (
            _listening(settings) as listener,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(_serve(app, listener, also))
    finally:
        app.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _allow_connections() -> None:
    """Each is an open file, and the usual limit of 1,024 is met by idle ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_BESIDE
    if soft < wanted:
        best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))


@contextlib.contextmanager
def _listening(settings: Settings) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise TransientError(
                "config.invalid",
                f"port {settings.port} of {settings.host} cannot be used: {error.strerror}",
                fix="choose another with --port, or 0 for a free one",
            ) from error
        listener.listen(BACKLOG)
        yield listener
    finally:
        listener.close()


async def _serve(app: App, listener: socket.socket, also: Beside | None) -> int:
    token = app.settings.token or secrets.token_urlsafe(32)
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    config = uvicorn.Config(
        make_app(app.service(token)),
        log_config=None,  # ours: nobody may wait for whoever reads it
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=round(GRACE_SECONDS),
        server_header=False,
        http=Connection,
        backlog=BACKLOG,
    )
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    talk = Talk(sys.stderr)
    log_through(talk)
    dispatcher = app.dispatcher(talk)
    working = asyncio.create_task(dispatcher.run())
    serving = asyncio.create_task(server.serve([listener]))
    ended = asyncio.wrap_future(app.loop.ended)
    stopping = asyncio.create_task(stop.wait())
    rounds = asyncio.create_task(_look_round(app))
    if isinstance(app.store, SqliteStore):
        store = app.store
        shift_us = app.clock.shift_us if isinstance(app.clock, ShiftedClock) else 0
        await asyncio.wrap_future(app.host.call(lambda _: store.describe(url, token, shift_us)))
    # As the log goes, or a line of it may come into the midst of this one.
    talk.say(f"tidegate serves {app.settings.project.resolve()} at {url}")
    beside = asyncio.create_task(also(app, url)) if also else None
    waited: set[asyncio.Future[Any]] = {stopping, ended, working, serving}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    failed = not stop.is_set()
    if beside is not None:
        beside.cancel()
    rounds.cancel()
    with contextlib.suppress(TidegateError):  # the store is away, or the host has ended
        app.intake.end()
    until = loop.time() + END_SECONDS_MAX
    # Work that cannot be ended, or a host that stands still, keeps nobody for ever.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.end_effects(STOP_SECONDS), STOP_SECONDS + 0.5)
    server.should_exit = True
    # Whoever waits for an answer gets it, or is refused, while the host comes to its end.
    patience = min(1.5 * GRACE_SECONDS, until - 1.0 - loop.time())
    await asyncio.gather(
        app.stop(patience), asyncio.wait({serving, working}, timeout=until - loop.time())
    )
    stopping.cancel()
    if failed:
        talk.say("error: the server ended by itself; its log says why")
    talk.finish()
    return 1 if failed else 0


async def _look_round(app: App) -> None:
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        with contextlib.suppress(TidegateError):  # the store is away: they are lost, others come
            app.intake.look_round()


class _Server(uvicorn.Server):
    """Signals are ours: the whole process stops in order, not the listener alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
