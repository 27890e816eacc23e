"""Cause: why an attempt failed, in one line."""

from __future__ import annotations

_STDOUT = "; the end of its stdout:"
_STDERR = "the end of its stderr:"


def brief(cause: str) -> str:
    """A cause in one line: its first line, and of what a program wrote the last, which says most."""
    lines = [line.strip() for line in cause.splitlines() if line.strip()]
    if len(lines) < 2:
        return "".join(lines)
    if _STDERR in lines[1:]:
        # Both streams are there, and the last line is of this one.
        return f"{lines[0].removesuffix(_STDOUT)}; {_STDERR} {lines[-1]}"
    return f"{lines[0].removesuffix(':')}: {lines[-1]}"
