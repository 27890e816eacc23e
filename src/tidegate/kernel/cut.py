"""Cut: both ends of a text that is too long to be kept, with a mark where its middle was."""

from __future__ import annotations

import re

_MARK = re.compile(rb"\n\[\.\.\. cut here; (\d+) bytes were written in all \.\.\.\]\n")
_NEAR_THE_MIDDLE = 100
"""Bytes before and behind the middle of a text in which the mark of an earlier cut stands."""


def mark(total: int) -> str:
    return f"\n[... cut here; {total} bytes were written in all ...]\n"


def ends(text: str, limit: int) -> str:
    """The text, or both its ends, `limit` bytes together; a text that was cut before keeps its count."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    half, middle = limit // 2, len(encoded) // 2
    near = encoded[max(middle - _NEAR_THE_MIDDLE, 0) : middle + _NEAR_THE_MIDDLE]
    earlier = _MARK.search(near)
    total = int(earlier[1]) if earlier else len(encoded)
    head, tail = encoded[:half], encoded[-half:]
    return head.decode("utf-8", "ignore") + mark(total) + tail.decode("utf-8", "ignore")
