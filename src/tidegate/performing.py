"""Performing: the concrete places that do work and tell people. Part of the wiring.

Kept apart because only processes that perform effects need an HTTP client.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from tidegate.adapters.notify.console import ConsoleNotify
from tidegate.adapters.notify.webhook import Target, WebhookNotify, parse_secret
from tidegate.adapters.outbound import Outbound
from tidegate.adapters.talk import Talk
from tidegate.adapters.tasks.command import CommandTasks
from tidegate.adapters.tasks.http import HttpTasks
from tidegate.adapters.tasks.python import PythonTasks
from tidegate.adapters.tasks.spawner import Spawner
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError
from tidegate.ports.notify import Notify
from tidegate.ports.tasks import Tasks
from tidegate.services.books import Books
from tidegate.settings import Settings
from tidegate.watch.channel import project

log = logging.getLogger("tidegate")


def make_tasks(
    settings: Settings,
    clock: Clock,
    spawner: Spawner,
    environ: Mapping[str, str],
    withheld: Collection[str],
) -> tuple[dict[str, Tasks], Outbound]:
    """Task kinds by the beginning of their resource, and the client they share.

    Local processes inherit `environ`, but nothing of it that `withheld` names when they start.
    """
    outbound = Outbound(clock, settings.allowed_hosts or None)
    tasks: dict[str, Tasks] = {
        "arn:tidegate:states:::command:": CommandTasks(
            spawner, settings.project, environ, withheld
        ),
        "arn:tidegate:states:::python:": PythonTasks(spawner, settings.project, environ, withheld),
        "arn:tidegate:states:::http:": HttpTasks(outbound),
    }
    return tasks, outbound


class Channels:
    """Notice channels of the documents that are followed; `notify` is one map, kept current."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        talk: Talk,
        environ: Mapping[str, str],
        secrets: set[str],
    ) -> None:
        """Names in the environment that channels refer to are added to `secrets`, and stay there."""
        self._outbound = outbound
        self._clock = clock
        self._environ = environ
        self._secrets = secrets
        self._console = ConsoleNotify(clock, talk)
        self._activation = -1
        self.notify: dict[str, Notify] = {"console": self._console}

    def follow(self, books: Books) -> None:
        """Take over the channels of another activation."""
        if books.activation == self._activation:
            return
        self._activation = books.activation
        notify: dict[str, Notify] = {"console": self._console}
        for name, channel in project(books.documents).channels.items():
            for text in (channel.url or "", *channel.secret):
                if text.startswith("env:"):
                    self._secrets.add(text.removeprefix("env:"))
            if channel.type == "webhook" and channel.url is not None:
                try:
                    url = self._secret(channel.url)
                    secrets = tuple(parse_secret(self._secret(one)) for one in channel.secret)
                except (InputError, ValueError) as error:
                    log.error("channel %s cannot be used: %s", name, error)
                    continue
                notify[name] = WebhookNotify(
                    self._outbound, self._clock, {"": Target(url, secrets)}
                )
            else:
                notify[name] = self._console
        self.notify.clear()
        self.notify.update(notify)

    def _secret(self, text: str) -> str:
        """The value behind `env:NAME` or `file:path`. Raises InputError (`config.invalid`)."""
        if text.startswith("env:"):
            found = self._environ.get(text.removeprefix("env:"))
            if not found:
                raise InputError("config.invalid", f"the environment has no {text[4:]}")
            return found
        if text.startswith("file:"):
            try:
                return Path(text.removeprefix("file:")).read_text("utf-8").strip()
            except OSError as error:
                raise InputError("config.invalid", f"{text}: {error.strerror}") from error
        return text
