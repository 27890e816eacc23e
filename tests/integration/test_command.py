"""Commands and Python functions as real processes, through a real helper."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.tasks import processes
from tidegate.adapters.tasks.processes import boottime, children, children_by_parent
from tidegate.adapters.tasks.spawned import STDERR_MAX, STDOUT_MAX, TEXT_MAX, text_of
from tidegate.adapters.tasks.spawner import OUTPUT_MAX, Stream
from tidegate.kernel.step import Done, Failed
from tidegate.run.cause import brief
from tidegate.run.execution import HEAD_MAX
from tidegate.testing.machine import (
    WAIT_S,
    Machine,
    gone,
    lives,
    machine,
    play,
    read,
    serve,
    until,
    waited,
)


# ---- what a command is told and answers
def test_a_command_answers_with_its_output_and_how_long_it_took(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        result = await made.command(["sh", "-c", "echo out; echo err >&2"])

        assert isinstance(result, Done)
        assert 0 <= result.output.pop("seconds") < 5
        assert result.output == {"exit_code": 0, "stdout": "out\n", "stderr": "err\n"}

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("stdout", "result"),
    [('{"rows": 3}\n', {"rows": 3}), ("  42", 42), ("null", None), ('"text"', "text")],
)
def test_output_that_is_one_json_document_is_the_result_as_well(
    tmp_path: Path, stdout: str, result: Any
) -> None:
    async def act(made: Machine) -> None:
        done = await made.command(["printf", "%s", stdout])

        assert done.output["result"] == result
        assert done.output["stdout"] == stdout

    play(tmp_path, act)


@pytest.mark.parametrize("stdout", ["", "\n", "3 rows", "{}{}", '{"a": NaN}', "[" * 10_000])
def test_output_that_is_no_json_document_is_only_text(tmp_path: Path, stdout: str) -> None:
    async def act(made: Machine) -> None:
        done = await made.command(["printf", "%s", stdout])

        assert "result" not in done.output

    play(tmp_path, act)


def test_a_command_finds_what_it_is_for_in_its_environment(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command(
            ["env"],
            env={"MODE": "full", "PATH": "/usr/bin:/bin:/opt"},
            parameters={"table-name": "orders", "limit": 3, "tags": ["a", "ü"]},
            business_date="2026-11-20",
            correlation_id="c-1",
        )

        told = dict(line.split("=", 1) for line in done.output["stdout"].splitlines())
        assert told.pop("TIDEGATE_RUN").endswith(".1")
        assert {name: told[name] for name in told if name not in {"PWD", "_", "SHLVL"}} == {
            "PATH": "/usr/bin:/bin:/opt",
            "TOOL_HOME": "/opt/tool",
            "MODE": "full",
            "TIDEGATE_IDEMPOTENCY_KEY": "k1",
            "TIDEGATE_PARAMETERS": '{"limit":3,"table-name":"orders","tags":["a","ü"]}',
            "TIDEGATE_PARAMETER_TABLE_NAME": "orders",
            "TIDEGATE_PARAMETER_LIMIT": "3",
            "TIDEGATE_PARAMETER_TAGS": '["a","ü"]',
            "TIDEGATE_BUSINESS_DATE": "2026-11-20",
            "TIDEGATE_CORRELATION_ID": "c-1",
        }

    play(tmp_path, act)


def test_the_date_is_taken_from_the_parameters_when_it_stands_only_there(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command(
            'printf %s "$TIDEGATE_BUSINESS_DATE"', parameters={"business_date": "2026-11-20"}
        )

        assert done.output["stdout"] == "2026-11-20"

    play(tmp_path, act)


def test_a_command_works_in_the_project_or_below_it_and_reads_its_stdin(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    async def act(made: Machine) -> None:
        here = await made.command("pwd; cat", stdin="ünï\n" * 100_000)
        below = await made.command("pwd", cwd="sub")
        outside = [await made.command("pwd", cwd=cwd) for cwd in ("/", "..", "sub/../..")]

        assert here.output["stdout"].startswith(f"{tmp_path}\nünï\n")
        assert below.output["stdout"] == f"{tmp_path / 'sub'}\n"
        assert [one.error for one in outside] == ["Tidegate.PayloadInvalid"] * 3

    play(tmp_path, act)


def test_stdin_that_nobody_reads_hinders_nobody(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command("exit 0", stdin="x" * 1_000_000)

        assert isinstance(done, Done)

    play(tmp_path, act)


def test_a_command_that_reads_little_of_its_stdin_holds_nobody_up(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        deaf = asyncio.create_task(
            made.command(
                "head -c 9000 >/dev/null; echo $$ > pid; exec sleep 600", stdin="x" * 10**6
            )
        )
        pid = await made.pid("pid")

        other = await made.command("echo through")

        assert other.output["stdout"] == "through\n"
        os.kill(pid, signal.SIGKILL)
        assert "SIGKILL" in (await deaf).cause

    play(tmp_path, act)


# ---- how it fails
def test_a_failed_command_says_how_it_ended_and_what_it_said_last(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        exited = await made.command("echo progress; echo 'no space left' >&2; exit 3")
        silent = await made.command("exit 4")
        killed = await made.command("kill -TERM $$")
        only = await made.command("echo begun; echo lost; exit 5")
        wordy = await made.command("seq 1 100000; seq 1 100000 >&2; exit 1")

        assert exited == Failed(
            "Tidegate.CommandFailed",
            "exit code 3; the end of its stdout:\nprogress\nthe end of its stderr:\nno space left",
        )
        assert brief(exited.cause) == "exit code 3; the end of its stderr: no space left"
        assert brief(only.cause) == "exit code 5; the end of its stdout: lost"
        assert silent.cause == "exit code 4; it wrote nothing"
        assert killed.cause == "ended by signal SIGTERM; it wrote nothing"
        assert wordy.cause.endswith("\n99999\n100000")
        assert STDERR_MAX + STDOUT_MAX < len(wordy.cause) < HEAD_MAX

    play(tmp_path, act)


def test_what_cannot_be_started_is_named_precisely(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("echo hello")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(stat.S_IRWXU)

    async def act(made: Machine) -> None:
        results = [
            await made.command(["no-such-command"]),
            await made.command([str(script)]),
            await made.command(["./plain.txt"]),
            await made.command(["true"], cwd="nowhere"),
            await made.command(["true", "x" * 3_000_000]),
        ]

        assert [one.error for one in results] == [
            "Tidegate.CommandNotFound",
            "Tidegate.CommandNotFound",
            "Tidegate.CommandNotExecutable",
            "Tidegate.FolderUnusable",
            "Tidegate.CommandTooLong",
        ]
        assert "'no-such-command'" in results[0].cause
        assert "first line" in results[1].cause
        assert str(tmp_path / "nowhere") in results[3].cause

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({}, "`command`"),
        ({"command": 3}, "$.command"),
        ({"command": "true", "enviroment": {}}, "`enviroment`"),
        ({"command": []}, "empty"),
        ({"command": " "}, "empty"),
        ({"command": ["a", "b\0c"]}, "argument 1 of the command holds NUL"),
        ({"command": "true", "parameters": {"v": "\0"}}, "'TIDEGATE_PARAMETER_V'"),
        ({"command": "true", "env": {"A=B": "x"}}, "env"),
        ({"command": "true", "env": {"A": 3}}, "$.env"),
        ("true", "object"),
        (None, "object"),
    ],
)
def test_a_payload_that_is_wrong_is_refused_and_says_where(
    tmp_path: Path, payload: Any, says: str
) -> None:
    async def act(made: Machine) -> None:
        result = await made.commands.start(made.call(payload))

        assert isinstance(result, Failed)
        assert result.error == "Tidegate.PayloadInvalid"
        assert says in result.cause

    play(tmp_path, act)


# ---- output
def test_binary_output_and_any_language_come_back_as_text(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command(
            "printf 'gr\\303\\274\\303\\237e \\377\\000 \\360\\237\\214\\212'"
        )

        assert done.output["stdout"] == "grüße \\xff\0 🌊"

    play(tmp_path, act)


def test_a_flood_of_output_is_cut_in_the_middle_and_takes_little_memory(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        await made.command("true")
        helper = made.spawner.helper_pid
        before = memory_kb(helper)

        done = await made.command(
            "echo first; head -c 52428800 /dev/zero | tr '\\0' x; echo; echo last"
        )

        text = done.output["stdout"]
        assert text.startswith("first\nxxx")
        assert text.endswith("xxx\nlast\n")
        assert "[... cut here; 52428812 bytes were written in all ...]" in text
        assert TEXT_MAX <= len(text) <= TEXT_MAX + 100
        assert memory_kb(helper) - before < 16 * 1024

    play(tmp_path, act)


def memory_kb(pid: int | None) -> int:
    """The most memory a process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@pytest.mark.parametrize("character", ["x", "ü", "🌊"])
def test_a_cut_never_halves_a_character(character: str) -> None:
    raw = character.encode() * (OUTPUT_MAX // 2)
    kept = Stream(raw[: OUTPUT_MAX // 2], raw[-OUTPUT_MAX // 2 :], len(raw))

    for stream in (kept, Stream(raw[: TEXT_MAX * 2], b"", TEXT_MAX * 2)):
        head, _, tail = text_of(stream).partition("\n[... cut here; ")

        assert set(head) == {character}
        assert set(tail.partition("...]\n")[2]) == {character}


def test_fifty_commands_run_side_by_side(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        began = boottime()
        results = await asyncio.gather(*(made.command(f"sleep 0.5; echo {n}") for n in range(50)))

        assert [one.output["result"] for one in results] == list(range(50))
        assert boottime() - began < 5

    play(tmp_path, act)


# ---- what it leaves behind
def test_what_a_command_left_in_the_background_ends_with_it(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command("sleep 600 >/dev/null 2>&1 & echo $! > left")

        assert isinstance(done, Done)
        assert gone(await made.pid("left"))

    play(tmp_path, act)


def test_what_still_writes_may_finish_its_line(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.command("(sleep 0.3; echo late) & echo early")

        assert done.output["stdout"] == "early\nlate\n"

    play(tmp_path, act)


DAEMON = """
import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
if "wipe" in sys.argv: os.execve("/bin/sh", ["sh", "-c", "echo $$ > left; exec sleep 600"], {})
with open("left", "w") as file: file.write(str(os.getpid()))
os.execv("/bin/sleep", ["sleep", "600"])
"""


@pytest.mark.parametrize("how", ["keep", "wipe"])
def test_a_daemon_that_it_made_ends_with_it(tmp_path: Path, how: str) -> None:
    # It waits until the daemon has said who it is, so it outlives the daemon's birth.
    script = f"{sys.executable} -c '{DAEMON}' {how} >/dev/null 2>&1; "
    script += "while ! test -s left; do sleep 0.02; done"

    async def act(made: Machine) -> None:
        done = await made.command(script)

        assert isinstance(done, Done)
        left = await made.pid("left")
        await until(lambda: gone(left))

    play(tmp_path, act)


# ---- ended from outside
def test_a_stop_asks_first_and_waits_for_the_end(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        call = made.call(
            {
                "command": "trap 'echo bye > bye; exit 0' TERM; echo $$ > pid; while :; do sleep 0.05; done"
            }
        )
        running = asyncio.create_task(made.commands.start(call))
        pid = await made.pid("pid")

        await made.commands.stop(call, None)

        assert read(tmp_path / "bye") == "bye"
        assert gone(pid)
        assert (await running).error == "Tidegate.Stopped"  # type: ignore[union-attr]

    play(tmp_path, act)


def test_a_command_that_does_not_heed_the_request_is_killed_with_its_children(
    tmp_path: Path,
) -> None:
    async def act(made: Machine) -> None:
        call = made.call(
            {"command": "trap '' TERM; sleep 600 & echo $! > child; echo $$ > pid; wait; wait"}
        )
        running = asyncio.create_task(made.commands.start(call))
        pids = await made.pid("pid"), await made.pid("child")

        await made.spawner.end(call.key, 0.3)

        assert gone(*pids)
        assert (await running).error == "Tidegate.Stopped"  # type: ignore[union-attr]

    play(tmp_path, act)


def test_children_have_the_grace_their_command_did_not_take(tmp_path: Path) -> None:
    child = "trap 'sleep 0.3; echo saved > saved; exit' TERM; echo $$ > child; while :; do sleep 0.05; done"

    async def act(made: Machine) -> None:
        call = made.call(
            {
                "command": f'sh -c "{child.replace("$", chr(92) + "$")}" >/dev/null 2>&1 & echo $$ > pid; wait'
            }
        )
        running = asyncio.create_task(made.commands.start(call))
        pid, child_pid = await made.pid("pid"), await made.pid("child")

        await made.spawner.end(call.key, 5)

        assert read(tmp_path / "saved") == "saved"
        assert gone(pid, child_pid)
        await running

    play(tmp_path, act)


def test_giving_up_the_wait_ends_the_command(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        running = asyncio.create_task(made.command("echo $$ > pid; exec sleep 600"))
        pid = await made.pid("pid")

        running.cancel()

        await until(lambda: gone(pid))

    play(tmp_path, act)


def test_a_second_start_under_a_running_key_waits_for_the_first(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        call = made.call({"command": "echo x >> begun; sleep 0.3; wc -l < begun"})
        results = await asyncio.gather(made.commands.start(call), made.commands.start(call))

        assert [one.output["result"] for one in results] == [1, 1]  # type: ignore[union-attr]

    play(tmp_path, act)


def test_a_lease_that_is_not_extended_ends_the_command(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        call = made.call({"command": "echo $$ > pid; exec sleep 600"})
        made.commands.extend(call.key, 0.5)
        running = asyncio.create_task(made.commands.start(call))
        pid = await made.pid("pid")
        made.commands.extend(call.key, 1.0)
        began = boottime()

        result = await running

        assert isinstance(result, Failed)
        assert result.error == "Tidegate.LeaseLost"
        assert 0.8 < boottime() - began < 3
        assert gone(pid)

    play(tmp_path, act)


def test_a_lease_without_an_end_leaves_the_command_alone(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        call = made.call({"command": "sleep 0.6; echo through"})
        made.commands.extend(call.key, 0.3)
        made.commands.extend(call.key, None)

        result = await made.commands.start(call)

        assert isinstance(result, Done)

    play(tmp_path, act)


# ---- the helper's own death
def test_commands_of_a_helper_that_died_have_failed_and_are_gone(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        running = [
            asyncio.create_task(
                made.command(f"setsid sleep 600 & echo $! > child{n}; echo $$ > pid{n}; wait")
            )
            for n in range(3)
        ]
        pids = [await made.pid(f"{name}{n}") for n in range(3) for name in ("pid", "child")]
        helper = made.spawner.helper_pid
        assert helper is not None

        os.kill(helper, signal.SIGKILL)
        await until(lambda: gone(helper))
        await asyncio.sleep(0)
        after = await made.command("echo again")
        results = await asyncio.gather(*running)

        assert {one.error for one in results} == {"Tidegate.HelperDied"}
        assert gone(helper, *pids)
        assert after.output["stdout"] == "again\n"
        assert made.spawner.helper_pid != helper

    play(tmp_path, act)


def test_commands_that_had_not_begun_when_their_helper_died_can_be_started_again(
    tmp_path: Path,
) -> None:
    async def act(made: Machine) -> None:
        first = asyncio.create_task(made.command("echo $$ > pid; sleep 600"))
        await made.pid("pid")
        helper = made.spawner.helper_pid
        assert helper is not None
        os.kill(helper, signal.SIGSTOP)
        others = [asyncio.create_task(made.command(f"touch other{n}")) for n in range(3)]
        await until(lambda: len(made.spawner.keys) == 4)

        os.kill(helper, signal.SIGKILL)
        results = await asyncio.gather(*others, return_exceptions=True)

        ended = await first
        assert isinstance(ended, Failed)
        assert ended.error == "Tidegate.HelperDied"
        assert [getattr(one, "code", one) for one in results] == ["task.unreachable"] * 3
        assert not any((tmp_path / f"other{n}").exists() for n in range(3))
        assert isinstance(await made.command("true"), Done)

    play(tmp_path, act)


def test_a_helper_waits_until_the_one_before_it_has_ended_its_commands(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        first = asyncio.create_task(
            made.command("trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done")
        )
        pid = await made.pid("pid")
        before = len(children_by_parent(os.getpid()))  # others may have left some here
        async with machine(tmp_path) as other:
            second = asyncio.create_task(other.command(f"kill -0 {pid} 2>/dev/null || echo alone"))
            await until(lambda: len(children_by_parent(os.getpid())) == before + 1)
            waits_since = boottime()
            await until(lambda: boottime() > waits_since + 0.3)
            assert lives(pid)
            assert not second.done()
            await made.spawner.close()

            assert (await second).output["stdout"] == "alone\n"
            assert (await first).error == "Tidegate.Stopped"

    play(tmp_path, act)


def test_a_helper_ends_what_one_that_was_killed_with_its_server_left(tmp_path: Path) -> None:
    server = serve(tmp_path, "setsid sleep 600 & echo $! > child; echo $$ > pid; wait", "helper")
    pids = [int(waited(partial(read, tmp_path / name))) for name in ("pid", "child")]
    helper = int(waited(lambda: read(tmp_path / "helper")))
    server.send_signal(signal.SIGSTOP)  # so that neither of the two can clean up
    os.kill(helper, signal.SIGKILL)
    server.kill()
    server.communicate()
    waited(lambda: gone(helper))
    assert all(lives(pid) for pid in pids)

    async def act(made: Machine) -> None:
        done = await made.command("echo next")

        assert isinstance(done, Done)
        assert gone(*pids)

    play(tmp_path, act)


def test_a_stopped_server_starts_nothing_more(tmp_path: Path) -> None:
    async def act(made: Machine) -> None:
        await made.command("true")
        helper = made.spawner.helper_pid
        assert helper is not None
        await made.spawner.close()

        assert gone(helper)
        with pytest.raises(Exception, match="stopping"):
            await made.command("true")

    play(tmp_path, act)


# ---- the server's death
FAMILY = (
    "trap '' TERM; sleep 600 & echo $! > child; setsid sleep 600 & echo $! > other; "
    f"{sys.executable} -c '{DAEMON}' keep >/dev/null 2>&1; echo $$ > pid; wait; wait"
)


def test_a_killed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    names = ("helper", "pid", "child", "other", "left")
    server = serve(tmp_path, FAMILY, *names)
    pids = [int(read(tmp_path / name)) for name in names]
    assert all(lives(pid) for pid in pids)

    server.kill()
    server.communicate()

    waited(lambda: gone(*pids))


def test_a_server_that_stands_still_beside_others_loses_its_commands_in_time(
    tmp_path: Path,
) -> None:
    server = serve(tmp_path, "echo $$ > pid; exec sleep 600", "helper", "pid", lease_s="1.0")
    pid = int(read(tmp_path / "pid"))

    server.send_signal(signal.SIGSTOP)
    waited(lambda: gone(pid))
    assert lives(int(read(tmp_path / "helper")))
    server.send_signal(signal.SIGCONT)
    said, _ = server.communicate(timeout=WAIT_S)

    assert b"Tidegate.LeaseLost" in said


# ---- Python functions
FUNCTIONS = """
import asyncio, os, sys, threading
from pathlib import Path

class LateData(Exception):
    pass

def add(a, b=1):
    print("adding", a, b)
    os.system("echo from a child")
    return {"sum": a + b, "cwd": os.getcwd(), "key": os.environ["TIDEGATE_IDEMPOTENCY_KEY"]}

async def later(text):
    await asyncio.sleep(0)
    return text * 2

def late():
    raise LateData("customers: 3 hours late")

def leave():
    sys.exit("enough")

def vanish():
    print("about to go", flush=True)
    os._exit(7)

def crash():
    os.kill(os.getpid(), 11)

def path():
    return Path(".")

def infinite():
    return float("inf")

def surrogate():
    return "\\ud800"

def large():
    return "x" * 3_000_000

def names(object, function="f", self=1):
    return [object, function, self]

class Tools:
    @staticmethod
    def double(x):
        return 2 * x

number = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "quality.py").write_text(FUNCTIONS)
    (tmp_path / "functions" / "broken.py").write_text("import no_such_module\n")
    return tmp_path


def test_a_function_is_called_in_an_interpreter_of_its_own(project: Path) -> None:
    async def act(made: Machine) -> None:
        done = await made.function("functions.quality:add", a=2, b=3)

        assert 0 <= done.output.pop("seconds") < 10
        assert done.output == {
            "result": {"sum": 5, "cwd": str(project), "key": "k1"},
            "printed": "from a child\nadding 2 3\n",
        }
        assert "functions.quality" not in sys.modules

    play(project, act)


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("later", {"text": "ü🌊"}, "ü🌊ü🌊"),
        ("Tools.double", {"x": 4}, 8),
        ("names", {"object": 1, "function": 2, "self": 3}, [1, 2, 3]),
    ],
)
def test_coroutines_methods_and_any_argument_name_work(
    project: Path, name: str, arguments: Any, result: Any
) -> None:
    async def act(made: Machine) -> None:
        payload = {"function": f"functions.quality:{name}", "arguments": arguments}
        done = await made.functions.start(made.call(payload))

        assert isinstance(done, Done)
        assert done.output["result"] == result

    play(project, act)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("functions.quality:late", "LateData", "customers: 3 hours late\nTraceback"),
        ("functions.quality:leave", "SystemExit", "enough"),
        ("functions.quality:vanish", "Tidegate.FunctionCrashed", "exit code 7 without a result"),
        ("functions.quality:crash", "Tidegate.FunctionCrashed", "SIGSEGV"),
        ("functions.quality:path", "Tidegate.ResultUnusable", "PosixPath"),
        ("functions.quality:infinite", "Tidegate.ResultUnusable", "float"),
        ("functions.quality:surrogate", "Tidegate.ResultUnusable", "surrogate"),
        ("functions.quality:large", "States.DataLimitExceeded", "3000"),
        ("functions.quality:number", "Tidegate.FunctionNotFound", "a int, not a function"),
        ("functions.quality:absent", "Tidegate.FunctionNotFound", "absent"),
        ("functions.broken:f", "Tidegate.FunctionNotFound", "no_such_module"),
        ("functions.nowhere:f", "Tidegate.FunctionNotFound", "functions.nowhere"),
        ("functions.quality:add", "TypeError", "missing 1 required positional argument: 'a'"),
        ("functions", "Tidegate.PayloadInvalid", "$.function"),
    ],
)
def test_a_function_that_fails_harms_nobody_and_says_what_happened(
    project: Path, name: str, error: str, says: str
) -> None:
    async def act(made: Machine) -> None:
        failed = await made.function(name)

        assert isinstance(failed, Failed)
        assert failed.error == error
        assert says in failed.cause
        assert "call_function.py" not in failed.cause

    play(project, act)


# ---- small parts
def test_children_are_the_same_by_either_way_of_asking() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert child.pid in children()
        assert set(children()) == set(children_by_parent(os.getpid()))
    finally:
        child.kill()
        child.wait()


def test_a_kernel_without_a_list_of_children_is_asked_for_every_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(processes, "open", refuse, raising=False)

    def asked(parent: int) -> list[int]:
        return [parent, 1]

    monkeypatch.setattr(processes, "children_by_parent", asked)

    assert children() == [os.getpid(), 1]
