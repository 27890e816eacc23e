"""The program that calls one of the user's functions, in an interpreter of its own.

stdin is {"function": "module:callable", "arguments": {...}, "folder": "..."}; stdout is one JSON
document {"result": ...} or {"error": ..., "cause": ...}. What the function prints goes to stderr.

Built on the standard library alone: nothing of ours gets between the user's code and its modules.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

TRACEBACK_LINES = 20
CAUSE_MAX = 4096
"""Characters of a cause; the last lines of a traceback say most."""


def main() -> None:
    request: dict[str, Any] = json.load(sys.stdin)
    # The answer's way is kept apart: a print, or a child process, must not get into it.
    answer = os.dup(1)
    os.dup2(2, 1)
    sys.path.insert(0, request["folder"])
    said = json.dumps(called(request["function"], request["arguments"]), allow_nan=False)
    sys.stdout.flush()
    with open(answer, "wb") as out:
        out.write(said.encode())


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The function's result, or what it raised. `name` is `module:callable` or `module:Class.method`."""
    try:
        function = found(name)
    except BaseException as error:
        return failure("Tidegate.FunctionNotFound", f"{name}: {summary(error)}")
    try:
        result = function(**arguments)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are ends of the work as well
        return failure(type(error).__name__, summary(error))
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return failure(
            "Tidegate.ResultUnusable",
            f"{name} returned a {type(result).__name__} that is no JSON ({error}); return texts, "
            "numbers, booleans, None, and lists and dicts of them",
        )
    return {"result": result}


def found(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    if not callable(value):
        raise TypeError(f"{path} is a {type(value).__name__}, not a function")
    function: Callable[..., Any] = value
    return function


def failure(error: str, cause: str) -> dict[str, Any]:
    return {"error": error, "cause": cause}


def summary(error: BaseException) -> str:
    """The message, then the last lines of the traceback without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = "".join(traceback.format_exception(type(error), error, trace)).splitlines()
    tail = "\n".join(lines[-TRACEBACK_LINES:])
    return f"{error}\n{tail[-CAUSE_MAX:]}"


if __name__ == "__main__":
    main()
