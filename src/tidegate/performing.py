"""Performing: the concrete places that do work and tell people. Part of the wiring.

Kept apart because only processes that perform effects need an HTTP client.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from tidegate.adapters.notify.console import ConsoleNotify
from tidegate.adapters.notify.unusable import UnusableNotify
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
from tidegate.watch.channel import ChannelDocument, project

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
                    target = _target(channel, self._environ)
                except (InputError, ValueError) as error:
                    log.error("channel %s cannot be used: %s", name, error)
                    notify[name] = UnusableNotify(self._console, str(error))
                    continue
                notify[name] = WebhookNotify(self._outbound, self._clock, {"": target})
            else:
                notify[name] = self._console
        self.notify.clear()
        self.notify.update(notify)


def unusable_channels(books: Books, environ: Mapping[str, str]) -> dict[str, str]:
    """Webhooks that a process with this environment could not use, and why."""
    found: dict[str, str] = {}
    for name, channel in project(books.documents).channels.items():
        if channel.type == "webhook":
            try:
                _target(channel, environ)
            except (InputError, ValueError) as error:
                found[name] = str(error)
    return found


def _target(channel: ChannelDocument, environ: Mapping[str, str]) -> Target:
    """Raises InputError (`config.invalid`), ValueError for a file that is no text."""
    url = _secret(channel.url or "", environ)
    return Target(url, tuple(parse_secret(_secret(one, environ)) for one in channel.secret))


def _secret(text: str, environ: Mapping[str, str]) -> str:
    """The value behind `env:NAME` or `file:path`. Raises InputError (`config.invalid`)."""
    if text.startswith("env:"):
        found = environ.get(text.removeprefix("env:"))
        if not found:
            raise InputError("config.invalid", f"the environment has no {text[4:]}")
        return found
    if text.startswith("file:"):
        try:
            return Path(text.removeprefix("file:")).read_text("utf-8").strip()
        except OSError as error:
            raise InputError("config.invalid", f"{text}: {error.strerror}") from error
    return text
