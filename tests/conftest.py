"""Fixtures of real components. Whoever asks for one of PostgreSQL's is marked `postgres`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tidegate.testing.postgres import Address, shared

# How long an example takes says something of the machine, and nothing of the law.
settings.register_profile("laws", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("laws")
# For mutants (`--hypothesis-profile=quick`): that an example fails is enough, however long it is.
settings.register_profile("quick", phases=(Phase.explicit, Phase.generate))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One worker runs what needs PostgreSQL, so that the other has a core of its own."""
    parallel = config.pluginmanager.hasplugin("xdist")
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
            if parallel:
                item.add_marker(pytest.mark.xdist_group("postgres"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Address:
    """The run's server."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the workers of a run share it
    return shared(folder / "postgres")


@pytest.fixture
def postgres_url(postgres: Address) -> Iterator[str]:
    """A new database with today's schema."""
    with postgres.database(postgres.prepared()) as url:
        yield url


@pytest.fixture
def postgres_empty_url(postgres: Address) -> Iterator[str]:
    """A new database without a schema."""
    with postgres.database() as url:
        yield url
