"""Command: `arn:tidegate:states:::command:run`, a program of this machine.

    {"command": ["load.sh", "--full"] | "load.sh | gzip > out.gz", "cwd": "...", "env": {...},
     "stdin": "...", "parameters": {...}, "business_date": "2026-11-20", "correlation_id": "..."}

A list is started as it stands, text by `/bin/sh -c`. Exit code 0 is Done, any other Failed. What
the command leaves running in the background ends with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tidegate.adapters.tasks.spawned import Spawned, ended_how, last_words, text_of
from tidegate.adapters.tasks.spawner import Exit, Spawn, Spawner, Stream
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.jsontext import read
from tidegate.kernel.step import Done, Failed
from tidegate.ports.tasks import Call

RESOURCE = "arn:tidegate:states:::command:run"
WITHHELD = frozenset({"DATABASE_URL", "PIPELINE_API_TOKEN", "REDIS_URL"})
"""Tidegate's own secrets; a command that needs one of them is given it by `env`."""


def inherited(environment: Mapping[str, str], withheld: Collection[str]) -> dict[str, str]:
    """What processes get of the server's environment: nothing that is a secret of the server."""
    return {
        name: value
        for name, value in environment.items()
        if name not in WITHHELD and name not in withheld
    }


_encode = msgspec.json.Encoder(order="sorted").encode


class CommandPayload(Struct, frozen=True, forbid_unknown_fields=True):
    command: str | tuple[str, ...]
    cwd: str | None = None  # relative to the project
    env: Mapping[str, str] = {}
    stdin: str = ""
    parameters: Mapping[str, Json] = {}
    business_date: str | None = None
    correlation_id: str | None = None


class CommandTasks(Spawned):
    """Programs, started below the project's folder with the server's environment."""

    def __init__(
        self,
        spawner: Spawner,
        project: Path,
        environment: Mapping[str, str],
        withheld: Collection[str] = (),
    ) -> None:
        """`withheld` names further secrets; it may grow."""
        super().__init__(spawner)
        self._project = project.absolute()
        self._environment, self._withheld = environment, withheld

    def _spawn(self, call: Call) -> Spawn | Failed:
        try:
            payload = msgspec.convert(call.task.payload, CommandPayload)
        except msgspec.ValidationError as error:
            return Failed(
                "Tidegate.PayloadInvalid",
                f"payload of {RESOURCE}: {error}; it takes command, cwd, env, stdin, parameters, "
                "business_date and correlation_id",
            )
        command = payload.command
        argv = ("/bin/sh", "-c", command) if isinstance(command, str) else command
        if not argv or not argv[-1 if isinstance(command, str) else 0].strip():
            return Failed("Tidegate.PayloadInvalid", f"payload of {RESOURCE}: the command is empty")
        given = {**told(call, payload), **payload.env}
        environment = {**inherited(self._environment, self._withheld), **given}
        if (where := _with_nul(argv, environment)) is not None:
            return Failed(
                "Tidegate.PayloadInvalid",
                f"payload of {RESOURCE}: {where} holds NUL, which no program can be given; take it "
                "out of the parameter, or use a python job, whose arguments may hold it",
            )
        if any("=" in name or not name for name in payload.env):
            return Failed("Tidegate.PayloadInvalid", f"payload of {RESOURCE}: a bad name in env")
        # By its text: where a link of the project leads is the project's own affair.
        folder = Path(os.path.normpath(self._project / (payload.cwd or "")))
        if not folder.is_relative_to(os.path.normpath(self._project)):
            return Failed(
                "Tidegate.PayloadInvalid",
                f"payload of {RESOURCE}: cwd {payload.cwd!r} leads out of the project",
            )
        return Spawn(argv, str(folder), environment, payload.stdin.encode())

    def _result(self, exited: Exit) -> Done | Failed:
        if exited.code != 0:
            how = ended_how(exited.code)
            return Failed("Tidegate.CommandFailed", f"{how}{last_words(exited)}")
        output = {
            "exit_code": 0,
            "stdout": text_of(exited.stdout),
            "stderr": text_of(exited.stderr),
            "seconds": exited.seconds,
        }
        return Done(output | parsed(exited.stdout))


def told(call: Call, payload: CommandPayload) -> dict[str, str]:
    """What a command finds in its environment; texts as they are, other values as JSON.

    Parameters whose names only differ in case or punctuation meet in one variable, and the last in
    order of names stays; TIDEGATE_PARAMETERS holds them all.
    """
    parameters = payload.parameters
    told = {"TIDEGATE_IDEMPOTENCY_KEY": call.key, "TIDEGATE_PARAMETERS": _text(parameters)}
    for name in sorted(parameters):
        told[f"TIDEGATE_PARAMETER_{_variable(name)}"] = _text(parameters[name])
    for name in ("business_date", "correlation_id"):
        value: Json = getattr(payload, name) or parameters.get(name)
        if value:
            told[f"TIDEGATE_{name.upper()}"] = _text(value)
    return told


def parsed(stdout: Stream) -> dict[str, Json]:
    """`result`, when all it wrote is one JSON document."""
    if stdout.cut or not stdout.total:
        return {}
    try:
        return {"result": read(stdout.head + stdout.tail)[0]}
    except InputError:
        return {}


def _with_nul(argv: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """What cannot be handed to a program, as a person finds it."""
    for number, text in enumerate(argv):
        if "\0" in text:
            return f"argument {number} of the command"
    for name, text in environment.items():
        if "\0" in name or "\0" in text:
            return f"the variable {name!r} of its environment"
    return None


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _text(value: Json) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
