"""Invalid: what was wrong with a parameter or a body, in words; nothing of the library's own text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.validation import WANTED
from tidegate.kernel.value import shown

SAID_MAX = 3
"""Faults in the sentence; all of them stand in `faults`."""
SEEN_MAX = 64

_PLACES = {"query": "parameter", "path": "the address's", "body": "the body's", "header": "header"}
_BOUNDS = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
    "string_too_long": ("may have at most so many characters:", "max_length"),
    "string_too_short": ("must have at least so many characters:", "min_length"),
    "too_long": ("may have at most so many entries:", "max_length"),
    "too_short": ("must have at least so many entries:", "min_length"),
}


def refusal(
    errors: Iterable[Mapping[str, Any]], known: Sequence[str] = ()
) -> tuple[InputError, list[dict[str, Json]]]:
    """The error to answer with, and every fault with its place; `known` are the body's own keys."""
    faults = [_fault(one, known) for one in errors]
    said = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:SAID_MAX])
    fix = "; ".join(dict.fromkeys(str(fault["fix"]) for fault in faults if fault["fix"]))
    return InputError("request.invalid", said, fix=fix), faults


def not_json(content_type: str) -> InputError:
    """A body that says it is something else, as `curl -d` does by itself."""
    named = f"the Content-Type {content_type[:SEEN_MAX]!r}" if content_type else "no Content-Type"
    return InputError(
        "request.invalid",
        f"the body came with {named}, and is read as JSON alone",
        fix="send the header Content-Type: application/json",
    )


def _fault(error: Mapping[str, Any], known: Sequence[str]) -> dict[str, Json]:
    kind, location = str(error["type"]), tuple(error["loc"])
    if kind == "extra_forbidden" and known and len(location) == len(("body", "key")):
        # That it be left out is no advice: what it was meant to limit would have no limit.
        listed = f"known here: {', '.join(known)}"
        what, fix = "is not known here", did_you_mean(str(location[1]), known, listed)
    else:
        what, fix = _said(kind, error)
    # Of a body that cannot be read pydantic names the byte; that is no place to look for.
    where = "the body" if kind == "json_invalid" else _where(location)
    return {"where": where, "what": what, "fix": fix}


def _said(kind: str, error: Mapping[str, Any]) -> tuple[str, str]:
    seen: Any = error.get("input")
    context: dict[str, Any] = error.get("ctx") or {}
    if kind == "missing":
        return "is missing", "send it"
    if kind == "json_invalid":
        return f"is no JSON: {context.get('error', 'it cannot be read')}", "send one JSON object"
    if kind == "extra_forbidden":
        return "is not known here", "leave it out, or see GET /api/v1/openapi.json"
    if kind in WANTED:
        return f"{_shown(seen)} is not what is wanted", f"send {WANTED[kind]}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {context.get(name)}, not {_shown(seen)}", ""
    if kind == "value_error":
        # Our own words: `what|fix`.
        what, _, fix = str(context.get("error", "")).partition("|")
        return what, fix
    return f"{_shown(seen)} cannot be used", "see GET /api/v1/openapi.json"


def _where(location: Sequence[str | int]) -> str:
    place = _PLACES.get(str(location[0]), str(location[0])) if location else "the request"
    names = [str(one) for one in location[1:]]
    return f"{place} {'.'.join(names)}".strip() if names else place.removesuffix("'s")


def _shown(seen: Any) -> str:
    if isinstance(seen, float) and not math.isfinite(seen):
        return "NaN" if math.isnan(seen) else "a number without end"
    try:
        return shown(seen, SEEN_MAX)
    except TypeError:
        return "this"
