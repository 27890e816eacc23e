"""One PostgreSQL database for each module, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tidegate.testing.postgres import Address

# Before anything imports them: failed comparisons of the suites say what differed.
pytest.register_assert_rewrite("tidegate.testing.contracts")


@pytest.fixture(scope="module")
def contract_url(postgres: Address) -> Iterator[str]:
    with postgres.database(postgres.prepared()) as url:
        yield url
