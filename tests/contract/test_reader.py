"""Every reader passes the contract of its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.testing.contracts import Database, ReaderContract
from tidegate.testing.databases import MemoryDatabase, PostgresDatabase, SqliteDatabase


class TestMemoryReader(ReaderContract):
    @pytest.fixture
    def database(self) -> Database:
        return MemoryDatabase()


class TestSqliteReader(ReaderContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        return SqliteDatabase(tmp_path / "tidegate.db")


class TestPostgresReader(ReaderContract):
    @pytest.fixture
    def database(self, contract_url: str) -> Database:
        database = PostgresDatabase(contract_url)
        database.clear()
        return database
