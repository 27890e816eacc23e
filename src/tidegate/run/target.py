r"""Target: what a job's document says to start, with its `${...}` filled in for one run.

A command as a list is one program with its arguments, each a template. As text it goes to a shell
exactly as written, unless it has holes: then it is cut into words first and no shell sees it, for
values of a run may come from events, and `report.sh ${parameters.table}` must not run what somebody
wrote into `table`. A text with holes that needs a shell is therefore a fault.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import compile_hole
from tidegate.kernel.template import Template, parse_any, parse_template

SCOPE: Final = frozenset(
    {
        "parameters", "business_date", "ds", "correlation_id", "job", "execution", "trigger",
        "attempt", "round", "priority", "process",
    }
)  # fmt: skip
"""The names templates of a job may read; those without a value are missing."""

Fill: TypeAlias = Callable[[Mapping[str, Json]], Json]
"""Raises Missing, or InputError (`expression.*`)."""

_NEEDS_SHELL = re.compile(r"[|&;<>`*?~$()]")
_HOLE = re.compile(r"\$\$\{|\$\{")
_MARK = "\ue000"  # a private character stands for each hole while the words are cut
_AS_LIST = "write the command as a list: [program, argument, ...]"


# ---- checking
def check(value: Json) -> None:
    """Raises ValueError (`what|fix`)."""
    try:
        _parse(value)
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix or 'look at the expression'}") from error


def check_shell(text: str) -> None:
    """A command as text. Raises ValueError (`what|fix`)."""
    if not text.strip():
        raise ValueError("the command is empty|write a program with its arguments")
    if not parse_template(text, "action", names=SCOPE).constant:
        _words(text)


# ---- filling
def of(value: Json) -> Fill:
    """A value with templates anywhere in it."""
    return _parse(value).fill


def of_target(kind: str, target: str | Sequence[str]) -> Fill:
    """A command as a list or as text for a shell; anything else as text."""
    if not isinstance(target, str):
        return _list(target)
    template = parse_template(target, "action", names=SCOPE)
    if kind == "command" and not template.constant:
        return _list(_words(target))
    return template.render_text


def _list(words: Sequence[str]) -> Fill:
    templates = [parse_template(word, "action", names=SCOPE) for word in words]
    return lambda scope: [template.render_text(scope) for template in templates]


def _parse(value: Json) -> Template:
    return parse_any(value, "action", names=SCOPE)


def _words(text: str) -> list[str]:
    """The words of a command with holes, as a shell would cut them. Raises ValueError (`what|fix`)."""
    marked, holes = _marked(text)
    if _NEEDS_SHELL.search(marked):
        raise ValueError(
            "a command with ${...} runs without a shell, and this needs one|"
            "use the variables TIDEGATE_PARAMETER_<NAME> instead of ${...}, or " + _AS_LIST
        )
    try:
        words = shlex.split(marked)
    except ValueError as error:
        raise ValueError(f"the command cannot be cut into words: {error}|{_AS_LIST}") from error
    left = iter(holes)
    return ["".join(next(left) if char == _MARK else char for char in word) for word in words]


def _marked(text: str) -> tuple[str, list[str]]:
    """The text with a mark in place of every hole, and the holes."""
    parts: list[str] = []
    holes: list[str] = []
    at = 0
    while found := _HOLE.search(text, at):
        parts.append(text[at : found.start()].replace(_MARK, ""))
        if found[0] == "$${":
            parts.append("$")  # a `${` that is meant for the shell
            at = found.end()
            continue
        _, end = compile_hole(text, found.end(), "}", names=SCOPE)
        holes.append(text[found.start() : end])
        parts.append(_MARK)
        at = end
    parts.append(text[at:].replace(_MARK, ""))
    return "".join(parts), holes
