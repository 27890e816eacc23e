"""Servers of the tests of faults; whoever starts one need not end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tidegate.testing.server import Server

Faulty = Callable[..., Server]
PROGRAM = Path(__file__).with_name("faulty_server.py")


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    """`faulty(project, database, NAME=text)`: a server that breaks as it is told; it runs already."""
    with ExitStack() as stack:

        def start(project: Path, database: str, **environment: str) -> Server:
            server = Server(project, database, environment=environment, program=[str(PROGRAM)])
            return stack.enter_context(server)

        yield start
