"""Every store passes the contract of its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.testing.contracts import Database, StoreContract
from tidegate.testing.databases import MemoryDatabase, PostgresDatabase, SqliteDatabase


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def database(self) -> Database:
        return MemoryDatabase()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        return SqliteDatabase(tmp_path / "tidegate.db")


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def database(self, contract_url: str) -> Database:
        database = PostgresDatabase(contract_url)
        database.clear()
        return database
