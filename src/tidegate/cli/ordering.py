"""Ordering: a person's order, through the server that holds the database, else by this process."""

from __future__ import annotations

import getpass

from msgspec import Struct

from tidegate.cli.client import call
from tidegate.cli.session import app, server
from tidegate.kernel.errors import ConflictError, InputError
from tidegate.kernel.event import Json
from tidegate.kernel.step import Refusal
from tidegate.settings import Settings


def give(
    settings: Settings,
    order: Struct,
    reason: str | None,
    method: str,
    path: str,
    body: Json,
) -> Json:
    """Give an order; `method`, `path` and `body` say the same to a server.

    Raises InputError for a refusal, with its code.
    """
    try:
        with app(settings) as opened:
            reply = opened.control.give(order, actor(), reason)
    except ConflictError as error:
        note = server(settings, error)
        return call(note.url, note.token, method, path, body, user=actor())
    if isinstance(reply, Refusal):
        raise InputError(reply.code, reply.message, fix=reply.fix)
    return reply


def actor() -> str:
    """Who gives orders at this terminal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as containers have them
        return "somebody"
