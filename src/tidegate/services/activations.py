"""Activations: the folder a server began with, read again and followed when a person asks for it.

Whoever asks sends no documents. He may name the folder he means: what is followed is then never
another one than he looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import ConflictError
from tidegate.services.documents import (
    Activated,
    activate,
    changes_of,
    check_project,
    drafts_of,
    refuse_faults,
)
from tidegate.services.host import Host
from tidegate.services.project import Project

ANSWER_SECONDS_MAX = 60.0


class Activations:
    """Safe in every thread but the host's."""

    def __init__(self, host: Host, clock: Clock, folder: Path) -> None:
        self._host = host
        self._clock = clock
        self._folder = folder
        self._one_at_a_time = Lock()

    def follow(self, actor: str, reason: str | None, *, meant: Path | None = None) -> Activated:
        """Follow the folder as it is now; atomic, and nothing when nothing changed.

        Raises ConflictError (`project.other`) where `meant` is another folder, InputError
        (`project.missing`, `document.invalid` with every fault), TransientError.
        """
        self._check_folder(meant)
        # What was read first would else be followed last, and undo what was read after it.
        with self._one_at_a_time:
            return activate(self._host, self._clock, self._read(), actor, reason)

    def look(self, *, meant: Path | None = None) -> Activated:
        """What following the folder would change. Raises as `follow` does."""
        self._check_folder(meant)
        drafts = drafts_of(self._read())
        number = self._host.books.activation
        current = self._host.call(lambda store: store.activation(number) if number else None)
        return Activated(number, changes_of(drafts, current.result(ANSWER_SECONDS_MAX)))

    def _read(self) -> Project:
        project = check_project(self._folder)
        refuse_faults(project)
        return project

    def _check_folder(self, meant: Path | None) -> None:
        own = os.path.realpath(self._folder)
        if meant is not None and os.path.realpath(meant) != own:
            raise ConflictError(
                "project.other",
                f"this server follows {own}, not {meant}",
                fix=f"activate there: tidegate activate --project {own}",
            )
