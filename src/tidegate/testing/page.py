"""Page: a page of the documentation, run as its reader would run it.

What of a page is run follows from how it looks:

    `rules/nightly.yaml`:      a line with a name alone, and a block after it: this file is written
    ```sh                      commands, typed into one shell in a folder of the page's own
    ```text, ```json           the next such block: what they answer, stdout and stderr together
    ```console                 lines that begin with `$ ` are commands, what follows is the answer
    <!-- not run: why -->      the block after it is left alone

What differs from run to run (instants of the machine, durations, keys) is compared by its kind,
see `plain`. Port 5000 stands for a free one, and `sunday` for a day that
is not near (testing/weekday.py). `rewritten` answers the page with what it said now.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from tidegate.kernel.calendar import WeekdayName
from tidegate.testing.weekday import exchanged, far_weekday

SECONDS_MAX = 240
PORT = "5000"
READY_TRIES_MAX = 300
_OURS = ("TIDEGATE_", "DATABASE_URL", "PIPELINE_API_TOKEN")

_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"`(?P<name>[\w.\-/]+)`:\n+\Z")
_LEFT = re.compile(r"<!-- not run: [^>]+ -->\n+\Z")
_ANSWERS = frozenset({"text", "json"})
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_VARIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d+\.\d+ s\b"), "<seconds> s"),
    (re.compile(r'("(?:seconds|cpu_seconds)": )[\d.e-]+'), r"\1<seconds>"),
    (re.compile(r"(_seconds(?:\{[^}]*\})?) [\d.e+-]+"), r"\1 <seconds>"),
    (
        re.compile(r"(?<=after )(?:\d+(?:ms|[dhms]))+|\b(?:\d+(?:ms|[dhms])){2,}|\b\d+ms\b"),
        "<span>",
    ),
    (re.compile(r"\bpid \d+"), "pid <number>"),
    (re.compile(r"\bwindow w\d+"), "window w<number>"),  # its place in the log
    (re.compile(r"\b\d+ MiB"), "<number> MiB"),
    (re.compile(r"\b3\.\d+\.\d+(?=$|\s)", re.MULTILINE), "<version>"),
    (re.compile(r"\bv1,[A-Za-z0-9+/=]{20,}"), "v1,<signature>"),
    (re.compile(r"\b(msg_)?[0-9a-f]{16,64}\b"), "<key>"),
)


class Part(Struct, frozen=True):
    """One thing the reader does."""

    script: str
    answer: tuple[int, int] | None = None  # where in the page its answer stands
    fails: bool = False  # a later `echo $?` shows how it ended


class Said(Struct, frozen=True):
    """What a part answered."""

    part: Part
    text: str
    code: int


def parts_of(page: str) -> list[Part]:
    """Files to write and commands to type, in order."""
    found: list[Part] = []
    pending: int | None = None  # the part whose answer may follow
    for block in _FENCE.finditer(page):
        kind, body, before = block["kind"], block["body"], page[: block.start()]
        named = _NAMED.search(before)
        if _LEFT.search(before):
            pending = None
        elif named is not None:
            found.append(Part(_writes(named["name"], body)))
            pending = None
        elif kind == "sh":
            found.append(Part(body))
            pending = len(found) - 1
        elif kind == "console":
            found += _typed(body, block.start("body"))
            pending = None
        elif kind in _ANSWERS and pending is not None:
            found[pending] = Part(found[pending].script, block.span("body"))
            pending = None
    return found


def _writes(name: str, body: str) -> str:
    folder = shlex.quote(str(Path(name).parent))
    return (
        f"mkdir -p {folder}\ncat > {shlex.quote(name)} <<'END_OF_THE_FILE'\n{body}END_OF_THE_FILE\n"
    )


def _typed(body: str, start: int) -> list[Part]:
    """The commands of a console, each with the place of its answer."""
    found: list[Part] = []
    at, command, began = start, "", start
    for line in [*body.splitlines(keepends=True), "$ "]:
        if line.startswith("$ "):
            if command:
                fails = line.startswith("$ echo $?")
                found.append(Part(command, (began, at), fails))
            command, began = line.removeprefix("$ "), at + len(line)
        elif command.endswith("\\\n") and began == at:
            command, began = command + line, at + len(line)
        at += len(line)
    return found


# ---- running
def run_page(
    parts: list[Part],
    folder: Path,
    stands: Mapping[str, str] | None = None,
    far: WeekdayName | None = None,
) -> list[Said]:
    """Do what the page says in this folder; `stands` has what texts of the page really are here.

    `far` is the day that stands for `sunday`. Raises AssertionError when a part fails.
    """
    port = str(_free_port())
    stands = {**(stands or {}), PORT: port}
    far = far or far_weekday()
    notes = folder / ".page"
    notes.mkdir()
    lines: list[str] = []
    for number, part in enumerate(parts):
        file = notes / str(number)
        file.write_text(exchanged(_replaced(part.script, stands), far), "utf-8")
        quoted = shlex.quote(str(file))
        lines.append(f"(exit ${{ended:-0}}); . {quoted} > {quoted}.said 2>&1; ended=$?")
        lines.append(f"echo $ended > {quoted}.code")
        if part.script.rstrip().endswith("&"):
            lines.append(_answers(port))
    lines.append("kill $(jobs -p) 2>/dev/null; wait")
    _bash("\n".join(lines), folder)
    back = {**{here: there for there, here in stands.items()}, str(folder): "/srv"}
    said: list[Said] = []
    for number, part in enumerate(parts):
        file = notes / str(number)
        text = file.with_suffix(".said").read_text("utf-8", "replace")
        text = exchanged(_replaced(text, back), far)
        code = int(file.with_suffix(".code").read_text("utf-8"))
        assert code == 0 or part.fails, f"exit {code} of:\n{part.script}\n{text}"
        said.append(Said(part, text, code))
    return said


def _replaced(text: str, pairs: Mapping[str, str]) -> str:
    for old, new in pairs.items():
        text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new.replace("\\", r"\\"), text)
    return text


def _answers(port: str) -> str:
    """What was started in the background answers."""
    attempt = f"curl -s -o {os.devnull} http://127.0.0.1:{port}/healthz"
    return f"for n in $(seq {READY_TRIES_MAX}); do {attempt} && break; sleep 0.2; done"


def _bash(script: str, folder: Path) -> None:
    # What is set here must not be what a page shows.
    own = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {**own, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100", "LOGNAME": "anna"}
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=folder, env=given, text=True, stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        shell.communicate(script + "\n", timeout=SECONDS_MAX)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# ---- comparing
def plain(parts: list[Part]) -> Callable[[str], str]:
    """Text without what differs from run to run; instants the page itself gives stay."""
    given = set(_INSTANT.findall("\n".join(part.script for part in parts)))

    def shorten(text: str) -> str:
        text = _INSTANT.sub(lambda found: found[0] if found[0] in given else "<instant>", text)
        for pattern, instead in _VARIES:
            text = pattern.sub(instead, text)
        return "\n".join(re.sub(r"\s+", " ", line).rstrip() for line in text.strip().splitlines())

    return shorten


def rewritten(page: str, said: list[Said]) -> str:
    """The page as it would be written now; the same page where every answer is of the same kind."""
    shorten = plain([one.part for one in said])
    answered = [(one.part.answer, one.text) for one in said if one.part.answer is not None]
    if all(shorten(page[first:last]) == shorten(text) for (first, last), text in answered):
        return page
    # All of them, so that the instants of one page belong together.
    for (first, last), text in sorted(answered, reverse=True):
        line = text.rstrip("\n")
        page = f"{page[:first]}{line}{chr(10) if line else ''}{page[last:]}"
    return page
