"""Every store passes the contract of its port."""

from __future__ import annotations

import pytest

from tidegate.kernel.codec import Codec
from tidegate.ports.reader import Reader
from tidegate.ports.store import Store
from tidegate.testing.contracts import Database, ReaderContract, StoreContract
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_reader import MemoryReader
from tidegate.testing.memory_tables import Tables


class InMemory:
    def __init__(self) -> None:
        self.tables = Tables()

    def open(self, codec: Codec, /) -> Store:
        return MemoryStore(codec, self.tables)

    def reader(self, codec: Codec, /) -> Reader:
        return MemoryReader(codec, self.tables)

    def disturb(self) -> None:
        MemoryStore(Codec(()), self.tables).clear_suspects([])


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def database(self) -> Database:
        return InMemory()


class TestMemoryReader(ReaderContract):
    @pytest.fixture
    def database(self) -> Database:
        return InMemory()
