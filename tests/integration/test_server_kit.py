"""The test kit's server, which examples and benchmarks use as well."""

from __future__ import annotations

from pathlib import Path

from tidegate.testing.server import Server


def test_a_server_that_is_started_again_is_asked_at_its_new_address(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("name: kit\n", "utf-8")

    with Server(tmp_path) as server:
        before = server.url
        server.stop()
        server.start()

        assert server.ready()
    assert [line.split()[-1] for line in server.log if "serves" in line] == [before, server.url]


def test_a_start_says_nothing_of_its_tables_but_to_developers(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("name: kit\n", "utf-8")

    with Server(tmp_path, environment={"TIDEGATE_LOG": "INFO"}) as server:
        server.stop()

    assert not any("alembic" in line for line in server.log)
