"""The helper that starts local commands is stopped, or killed, by one of them."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tidegate.adapters.tasks.processes import boottime, is_stopped
from tidegate.kernel.step import Done, Failed
from tidegate.testing.jobs import ended, start, write_jobs
from tidegate.testing.machine import Machine, gone, play, read, serve, waited
from tidegate.testing.server import Server

STOPPED_AGAIN = "trap '' TERM; echo $$ > pid; while :; do kill -STOP $PPID; done"


def test_a_command_that_stops_the_helper_holds_nobody_up(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        other = asyncio.create_task(made.command("echo $$ > pid; sleep 1; echo through"))
        await made.pid("pid")
        helper = made.spawner.helper_pid

        stopping = await asyncio.wait_for(made.command("kill -STOP $PPID; echo stopped"), 10)
        after = await asyncio.wait_for(made.command("echo after"), 10)

        assert stopping.output["stdout"] == "stopped\n"
        assert (await other).output["stdout"] == "through\n"
        assert after.output["stdout"] == "after\n"
        assert made.spawner.helper_pid == helper, "it went on: nothing was lost"

    play(tmp_path, act)


def test_a_helper_that_is_stopped_again_and_again_is_replaced(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        stopping = asyncio.create_task(made.command(STOPPED_AGAIN))
        pid = await made.pid("pid")
        helper = made.spawner.helper_pid
        assert helper is not None

        result = await asyncio.wait_for(stopping, 30)
        after = await asyncio.wait_for(made.command("echo after"), 10)

        assert isinstance(result, Failed)
        assert result.error == "Tidegate.HelperDied"
        assert gone(helper, pid)
        assert isinstance(after, Done)

    play(tmp_path, act)


def test_closing_ends_a_stopped_helper_and_its_commands(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        running = asyncio.create_task(made.command("echo $$ > pid; exec sleep 600"))
        pid = await made.pid("pid")
        helper = made.spawner.helper_pid
        assert helper is not None
        os.kill(helper, signal.SIGSTOP)

        await asyncio.wait_for(made.spawner.close(), 10)

        assert gone(helper, pid)
        assert (await running).error == "Tidegate.Stopped"

    play(tmp_path, act)


def test_a_helper_that_is_stopped_when_its_server_is_killed_still_ends_everything(
    tmp_path: Path,
) -> None:
    server = serve(tmp_path, "setsid sleep 600 & echo $! > child; echo $$ > pid; wait", "pid")
    pids = [int(waited(partial(read, tmp_path / name))) for name in ("pid", "child", "helper")]
    os.kill(pids[-1], signal.SIGSTOP)
    waited(lambda: is_stopped(pids[-1]))

    server.kill()
    server.communicate()

    waited(lambda: gone(*pids))


def test_the_next_helper_gets_the_lock_of_one_that_is_kept_stopped(tmp_path: Path) -> None:
    server = serve(tmp_path, STOPPED_AGAIN, "pid", "helper")
    pids = [int(read(tmp_path / name)) for name in ("pid", "helper")]
    server.kill()
    server.communicate()

    async def act(made: Machine) -> None:
        done = await asyncio.wait_for(made.command("echo next"), 20)

        assert isinstance(done, Done)
        assert gone(*pids)

    play(tmp_path, act)


# ---- a whole server
@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize("command", ["echo $$ > pid; kill -STOP $PPID; sleep 600", STOPPED_AGAIN])
def test_a_server_whose_helper_is_stopped_ends_when_it_is_told_to(
    tmp_path: Path, command: str
) -> None:
    project = write_jobs(tmp_path / "project", {"stop": {"target": ["sh", "-c", command]}})
    with Server(project) as server:
        start(server, "stop")
        pid = int(waited(partial(read, project / "pid")))

        began = boottime()
        code = server.stop()
        seconds = boottime() - began

    assert code == 0
    assert seconds < 10
    waited(lambda: gone(pid))


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_jobs_beside_one_that_kills_the_helper_are_tried_again_by_their_own_rules(
    tmp_path: Path,
) -> None:
    again = {"max_attempts": 3, "delay_minutes": 0}
    mark = "exec 9> lock; flock -n 9 || echo beside >> marks; echo began >> marks; "
    jobs = {
        "patient": {"target": ["sh", "-c", mark + "while [ ! -e go ]; do sleep 0.05; done"]},
        "kill": {"target": ["sh", "-c", "kill -KILL $PPID; sleep 600"]},
    }
    jobs["once"] = {"target": ["sh", "-c", "exec sleep 600"]}
    project = write_jobs(
        tmp_path / "project", {**jobs, "patient": {**jobs["patient"], "retry": again}}
    )
    with Server(project) as server:
        patient, once = start(server, "patient"), start(server, "once")
        waited(lambda: read(project / "marks") == "began")

        killing = start(server, "kill")
        waited(lambda: read(project / "marks") == "began\nbegan")
        (project / "go").touch()

        assert ended(server, patient)["status"] == "succeeded"
        assert [ended(server, one)["error"] for one in (once, killing)] == [
            "Tidegate.HelperDied"
        ] * 2
