"""Reference: docs/reference, generated from the code: commands, error codes, limits, documents.

python -m tidegate.cli.reference docs/reference
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from tidegate.cli.main import EXITS, TREE, cli
from tidegate.cli.reference_api import api
from tidegate.cli.reference_documents import documents, schemas
from tidegate.kernel.errors import CODES


def pages(folder: Path) -> dict[str, str]:
    """Every generated page by file name; `folder` holds what they are made of."""
    return {
        "commands.md": commands(),
        "errors.md": errors(),
        "api.md": api(openapi()),
        "documents.md": documents(folder),
        **dict(schemas()),
    }


def commands() -> str:
    """The help of every command."""
    lines = ["# Commands", "", "Generated. stdout is data, stderr is talk.", ""]
    context = click.Context(cli, info_name="tidegate")
    for name in sorted(TREE):
        command = cli.get_command(context, name)
        assert command is not None
        lines += _command(command, f"tidegate {name}")
    lines += [
        "## Exit codes",
        "",
        "| code | meaning |",
        "| --- | --- |",
        "| 0 | ok |",
        "| 1 | failed |",
    ]
    meanings = {
        2: "usage",
        3: "not found",
        4: "auth",
        5: "conflict",
        6: "timeout",
        7: "unreachable",
    }
    assert set(EXITS.values()) == set(meanings)
    lines += [f"| {code} | {meaning} |" for code, meaning in meanings.items()]
    lines += [
        "| 10 | explain: not yet |",
        "| 11 | explain: late |",
        "| 12 | explain: needs a person |",
    ]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, path: str) -> list[str]:
    lines: list[str] = []
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in sorted(command.list_commands(context)):
            inner = command.get_command(context, name)
            assert inner is not None
            lines += _command(inner, f"{path} {name}")
        return lines
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
    return [f"## {path}", "", "```text", command.get_help(context), "```", ""]


def errors() -> str:
    """The table of codes."""
    lines = [
        "# Error codes", "", "Generated. Codes are API: never reused for another meaning.", "",
        "| code | HTTP | title | retry |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for code in sorted(CODES):
        row = CODES[code]
        again = "yes" if row.retryable else "no"
        lines.append(f"| `{code}` | {row.http_status} | {row.title} | {again} |")
    lines += [
        "",
        "`event.conflict` comes as a remark: the event door answers 202 with `conflicts: 1`, also to a single",
        "event, because what was sent is kept, in the inbox. `tidegate event send` ends with 1.",
    ]
    return "\n".join(lines) + "\n"


def openapi() -> dict[str, Any]:
    """The OpenAPI document, without a running process."""
    from tidegate.api.app import make_routes

    app = make_routes(None)  # type: ignore[arg-type]  # describing calls nothing
    found: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    for name, text in pages(folder).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
