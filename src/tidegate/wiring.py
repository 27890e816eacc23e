"""Wiring: the file that names concrete adapters: Settings to a running App."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol

from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.adapters.system import SystemClock, random_bytes, random_id
from tidegate.adapters.talk import Talk
from tidegate.adapters.tasks.spawner import Spawner
from tidegate.answering import open_reader
from tidegate.api.service import Service
from tidegate.kernel.clock import Clock
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import ConflictError, TransientError
from tidegate.kernel.step import Engine
from tidegate.ports.reader import Reader
from tidegate.ports.store import Claimed, Store
from tidegate.services.activations import Activations
from tidegate.services.asking import Asking
from tidegate.services.books import Books
from tidegate.services.control import Control
from tidegate.services.dispatcher import Dispatcher
from tidegate.services.documents import Activated, activate, check_project, written_in
from tidegate.services.downstream import Downstream
from tidegate.services.engines import ENGINES, codec_of, reader_of
from tidegate.services.folder import check_is_project
from tidegate.services.holds import Holds
from tidegate.services.host import Host, Setup
from tidegate.services.hostdesk import HostDesk
from tidegate.services.inbox import Inbox
from tidegate.services.intake import Intake
from tidegate.services.look import Library
from tidegate.services.loop import Loop
from tidegate.services.notices import Notices
from tidegate.services.readiness import Readiness
from tidegate.services.record import keys_of
from tidegate.services.release import release
from tidegate.services.runs import Runs
from tidegate.services.search import Search
from tidegate.services.trace import Trace
from tidegate.services.verify import Report, verify
from tidegate.services.vitals import Vitals
from tidegate.settings import Settings

SHARED_POLL_SECONDS = 1.0
"""How long a replica sleeps at most where others write to the same database."""
HINT_SECONDS = 5.0
PRESENCE_SECONDS = 10.0
"""How often a replica beside others says that it lives; a third of a lease."""
COLLECT = (50_000, 20, 100)
"""When Python looks for cycles: states are trees and need it not; the usual (700, 10, 10) cost a
third of the time of a busy turn."""
BUSY_SECONDS_MAX = 10.0
"""How long a start waits for another process that has the database and does not listen."""
BUSY_POLL_SECONDS = 0.1
SWITCH_SECONDS = 0.0005
"""How often Python changes threads: the writer's statements must not wait behind a busy thread."""

if TYPE_CHECKING:
    from tidegate.adapters.store.postgres_hints import PostgresHints

log = logging.getLogger("tidegate")

MARKER = "tidegate.yaml"


class Following(Protocol):
    """What has to be kept current with the activation that is followed."""

    def follow(self, books: Books) -> None: ...


class App:
    """One process over one database. `open` it, use it, `close` it."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        engines: tuple[Engine[Any], ...] = ENGINES,
    ) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.engines = engines
        self.codec: Codec = codec_of(engines)
        self.replica = random_id()
        self.release = release()
        self.store: Store | None = None
        self._dispatcher: Dispatcher | None = None
        self._hints: PostgresHints | None = None
        self._channels: Following | None = None
        self._spawner: Spawner | None = None
        self._observers: list[Callable[[int], None]] = []
        self._settled = 0  # the activation whose books the collector of cycles leaves alone
        self.loop = Loop(
            self._host,
            poll_s=SHARED_POLL_SECONDS if settings.is_postgres else 30.0,
        )
        self.host: Host
        self.reader: Reader
        self.library: Library
        self.asking: Asking
        self.downstream: Downstream
        self.runs: Runs
        self.search: Search
        self.trace: Trace
        self.intake: Intake
        self.control: Control

    def open(self) -> App:
        """Raises ConflictError (`database.busy`, `database.schema`), TransientError, InputError
        (`project.missing`, where a database would be made and the folder is no project).
        """
        _check_place(self.settings)
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.set_threshold(*COLLECT)
        self.host = self.loop.start()
        self.reader = open_reader(self.settings, self.codec)
        self.library = Library(self.reader, self.engines, reader_of)
        shared = (self.reader, self.library, self.codec, self.host.signals, self.clock)
        self.downstream = Downstream(*shared)
        self.asking = Asking(
            *shared, self.downstream, lambda name: written_in(self.settings.project, "rule", name)
        )
        self.runs = Runs(*shared, self.downstream)
        self.search = Search(self.reader, self.library, self.host.signals)
        self.trace = Trace(self.reader, self.library, self.search, self.runs, self.downstream)
        self.intake = Intake(self.host, self.clock)
        self.control = Control(self.host)
        if self.settings.is_postgres:
            self._hear_hints()
        return self

    def _hear_hints(self) -> None:
        """Other replicas say when they committed; polling stays the truth."""
        from tidegate.adapters.store.postgres_hints import PostgresHints

        hints = PostgresHints(self.settings.url, replica=self.replica)
        self._hints = hints

        def listen() -> None:
            while not self.loop.ended.done() and self._hints is hints:
                if hints.wait(HINT_SECONDS):
                    self.loop.poke()

        Thread(target=listen, name="tidegate-hints", daemon=True).start()

    async def stop(self, within_s: float) -> None:
        """Finish what waits, as far as it goes in that time; `close` then waits no more."""
        await asyncio.to_thread(self.loop.stop, within_s)

    def close(self) -> None:
        """Finish what waits, give the database back. Safe to call twice."""
        hints, self._hints = self._hints, None
        if hints is not None:
            hints.close()
        self.loop.stop()
        if hasattr(self, "reader"):
            self.reader.close()

    def on_commit(self, observer: Callable[[int], None]) -> None:
        """Called with the next place after each commit, on the host's thread; must be quick."""
        self._observers.append(observer)

    def _host(self) -> Host:
        """On the loop's thread: open the store and make the host."""
        store, unclean = open_store(self.settings, self.codec, self.clock, self.replica)
        self.store = store
        host = Host(
            Setup(
                store=store,
                engines=self.engines,
                codec=self.codec,
                reader_of=reader_of,
                clock=self.clock,
                replica=self.replica,
                release=self.release,
                free=self._free,
                hand_over=self._hand_over,
                committed=self._committed,
                presence_s=PRESENCE_SECONDS if self.settings.is_postgres else None,
            )
        )
        host.start(unclean=unclean)
        store.take_over(self.replica)
        self.host = host  # the loop may commit before its starter has the answer
        return host

    def _free(self) -> int:
        return self._dispatcher.free() if self._dispatcher else 0

    def _hand_over(self, claimed: Sequence[Claimed]) -> None:
        if self._dispatcher:
            self._dispatcher.take(claimed)

    def _committed(self, pos: int) -> None:
        if self._settled != self.host.books.activation:
            # Books live long and are large: looked at once here, never again while they are followed.
            self._settled = self.host.books.activation
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        if self._channels is not None:
            self._channels.follow(self.host.books)
        for observer in self._observers:
            observer(pos)

    def service(self, token: str) -> Service:
        """What the API needs."""
        host, reader, clock = self.host, self.reader, self.clock
        return Service(
            host=host,
            intake=self.intake,
            asking=self.asking,
            readiness=Readiness(self.asking, self.library),
            search=self.search,
            trace=self.trace,
            runs=self.runs,
            holds=Holds(reader, self.library, clock),
            control=self.control,
            activations=Activations(host, clock, self.settings.project),
            inbox=Inbox(reader, self.search),
            notices=Notices(reader, clock),
            vitals=Vitals(host, reader, self.codec, clock, lambda: not self.loop.ended.done()),
            clock=clock,
            token=token,
        )

    def verify(self, *, everything: bool = False) -> Report:
        """Decide the log again and compare; see services/verify."""
        return verify(
            self.reader,
            self.engines,
            self.codec,
            reader_of,
            self.release,
            b"",
            everything=everything,
        )

    def follow_folder(self, actor: str = "start") -> Activated | None:
        """Activate the project's folder where that is the rule; None where it is not.

        On SQLite a changed folder is followed; on a PostgreSQL that follows something already it is
        not, so that an old folder cannot undo a new one. Raises InputError (`document.invalid`).
        """
        if not (self.settings.project / MARKER).exists() and self.host.books.activation:
            return None
        if self.settings.is_postgres and self.host.books.activation:
            return None
        return activate(self.host, self.clock, check_project(self.settings.project), actor)

    # ---- effects
    def dispatcher(self, talk: Talk | None = None) -> Dispatcher:
        """The performer of effects; run it in an asyncio loop."""
        # Loaded here: only a process that performs effects needs an HTTP client.
        from tidegate.performing import Channels, make_tasks

        desk = HostDesk(self.host, self.clock, self.replica)
        lock = (
            None
            if self.settings.is_postgres
            else self.settings.file.absolute().with_suffix(".spawn")
        )
        self._spawner = Spawner(lock)
        secrets: set[str] = set()
        tasks, outbound = make_tasks(self.settings, self.clock, self._spawner, os.environ, secrets)
        self._channels = Channels(
            outbound, self.clock, talk or Talk(sys.stderr), os.environ, secrets
        )
        self._channels.follow(self.host.books)
        self._dispatcher = Dispatcher(
            desk,
            tasks,
            self._channels.notify,
            owner=self.replica,
            slots=self.settings.slots,
        )
        return self._dispatcher

    async def end_effects(self, deadline_s: float) -> None:
        """Stop the dispatcher and what it owns; cancelled, it has at least said so to all of it."""
        try:
            if self._dispatcher is not None:
                await self._dispatcher.stop(deadline_s)
                self._dispatcher = None
        finally:
            if self._spawner is not None:
                self._spawner.let_go()
        if self._spawner is not None:
            await self._spawner.close()
            self._spawner = None


def open_patiently(make: Callable[[], App], say: Callable[[str], None]) -> App:
    """An App, opened; a process that has the database and does not listen ends soon: wait for it.

    Raises as `App.open` does; ConflictError (`database.busy`) after BUSY_SECONDS_MAX, or at once where
    a server has the database.
    """
    clock, pause = SystemClock(), Event()
    until = clock.monotonic() + BUSY_SECONDS_MAX
    said = False
    while True:
        app = make()
        try:
            return app.open()
        except ConflictError as error:
            app.close()
            short = error.code == "database.busy" and not error.details.get("url")
            if not short or clock.monotonic() > until:
                raise
            if not said:
                say(f"waiting up to {BUSY_SECONDS_MAX:g} s: {error.message}")
                said = True
        pause.wait(BUSY_POLL_SECONDS)


def _check_place(settings: Settings) -> None:
    """Nothing is made in a folder that is no project. Raises InputError (`project.missing`)."""
    if not settings.is_postgres and not settings.file.exists():
        check_is_project(settings.project)


def upgrade_database(settings: Settings) -> object:
    """Bring the database to this release's schema.

    Raises ConflictError (`database.schema`), InputError (`project.missing`).
    """
    from tidegate.adapters.store.migrate import upgrade

    _check_place(settings)
    if settings.is_postgres:
        return upgrade(settings.url, random_bytes)
    settings.file.parent.mkdir(parents=True, exist_ok=True)
    return upgrade(f"sqlite:///{settings.file}", random_bytes)


def open_store(settings: Settings, codec: Codec, clock: Clock, replica: str) -> tuple[Store, bool]:
    """The store, and whether a process ended uncleanly before. Call it on the thread that uses it."""
    if not settings.is_postgres:
        try:
            settings.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TransientError(
                "store.unavailable",
                f"the folder {settings.file.parent} cannot be made: {error.strerror}",
                fix="see that the disk has space and that this user may write there",
            ) from error
        store = SqliteStore.open(settings.file, codec, keys_of=keys_of)
        return store, store.unclean
    from tidegate.adapters.store.migrate import upgrade
    from tidegate.adapters.store.postgres import PostgresStore

    upgrade(settings.url, random_bytes)
    shared = PostgresStore.open(settings.url, codec, replica=replica, clock=clock, truce=True)
    return shared, shared.unclean
