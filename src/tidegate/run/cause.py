"""Cause: why an attempt failed, in one line."""

from __future__ import annotations


def brief(cause: str) -> str:
    """A cause in one line: its first line, and of what a program wrote the last, which says most."""
    lines = [line.strip() for line in cause.splitlines() if line.strip()]
    if len(lines) < 2:
        return "".join(lines)
    return f"{lines[0].removesuffix(':')}: {lines[-1]}"
