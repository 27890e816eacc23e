"""Python: `arn:tidegate:states:::python:call`, a function of the project in an interpreter of its own.

    {"function": "functions.quality:check", "arguments": {"table": "orders"}}

A crash or `os._exit` of the user's code ends that interpreter and nothing else. The result is what
the function returned, as JSON; an exception is a Failed under the name of its type, which a
workflow's Retry and Catch can name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tidegate.adapters.tasks.command import inherited
from tidegate.adapters.tasks.spawned import Spawned, ended_how, last_words, text_of
from tidegate.adapters.tasks.spawner import OUTPUT_MAX, Exit, Spawn, Spawner
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.jsontext import read
from tidegate.kernel.step import Done, Failed
from tidegate.kernel.value import is_map
from tidegate.ports.tasks import Call

RESOURCE = "arn:tidegate:states:::python:call"

_PROGRAM = str(Path(__file__).with_name("call_function.py"))


class PythonPayload(Struct, frozen=True, forbid_unknown_fields=True):
    function: Annotated[str, Meta(pattern=r"^[^\W\d][\w.]*:[^\W\d][\w.]*$")]
    arguments: Mapping[str, Json] = {}


class PythonTasks(Spawned):
    """Functions below the project's folder, with the server's environment."""

    def __init__(
        self,
        spawner: Spawner,
        project: Path,
        environment: Mapping[str, str],
        withheld: Collection[str] = (),
    ) -> None:
        """`withheld` names further secrets; it may grow."""
        super().__init__(spawner)
        self._project = str(project.absolute())
        self._environment, self._withheld = environment, withheld

    def _spawn(self, call: Call) -> Spawn | Failed:
        try:
            payload = msgspec.convert(call.task.payload, PythonPayload)
        except msgspec.ValidationError as error:
            return Failed(
                "Tidegate.PayloadInvalid",
                f'payload of {RESOURCE}: {error}; it takes function ("module:callable") and '
                "arguments (an object)",
            )
        request = {
            "function": payload.function,
            "arguments": dict(payload.arguments),
            "folder": self._project,
        }
        environment = inherited(self._environment, self._withheld)
        environment["TIDEGATE_IDEMPOTENCY_KEY"] = call.key
        # -P: the program's own folder holds modules whose names hide those of the library.
        argv = (sys.executable, "-P", "-X", "utf8", _PROGRAM)
        return Spawn(argv, self._project, environment, json.dumps(request).encode())

    def _result(self, exited: Exit) -> Done | Failed:
        stdout = exited.stdout
        if stdout.cut:
            return Failed(
                "States.DataLimitExceeded",
                f"the function returned {stdout.total} bytes of JSON, {OUTPUT_MAX} are allowed; "
                "write large results to a file or table and return where",
            )
        if not stdout.total:
            how = ended_how(exited.code)
            return Failed("Tidegate.FunctionCrashed", f"{how} without a result{last_words(exited)}")
        try:
            answer = read(stdout.head + stdout.tail)[0]
        except InputError as error:
            return Failed("Tidegate.ResultUnusable", f"what the function returned: {error}")
        if not is_map(answer):
            return Failed("Tidegate.ResultUnusable", "something else wrote to the result's pipe")
        if "error" in answer:
            return Failed(answer["error"], answer["cause"])
        output = {"result": answer["result"], "printed": text_of(exited.stderr)}
        return Done({**output, "seconds": exited.seconds})
