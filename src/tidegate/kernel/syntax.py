"""Syntax: what PyYAML's scanner complains about, said so that the author of the file understands.

libyaml and PyYAML's own scanner word the same complaint differently, so only the words they share
are looked for. The place is where the author has to look, which is often where a construct began
and not where the scanner gave up.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from tidegate.kernel.fault import Fault, fault_at
from tidegate.kernel.place import Lines

_TIGHT_COLON = re.compile(r"[ -]*([\w.-]+):([^\s/:]\S{0,40})")
"""A key whose colon touches its value; an address such as s3://bucket is none."""


# What YAML 1.2 allows in a file, less what PyYAML would take for the end of a line though no editor
# does (a lone carriage return, U+0085, U+2028, U+2029), less a byte order mark further down.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    "|\r(?!\n)"
)


class Complaint(NamedTuple):
    """One complaint of a scanner; offsets are into the text of the file."""

    problem: str
    at: int
    context: str
    began: int | None


def complaint(error: yaml.YAMLError, base: int, text: str) -> Complaint:
    """A scanner's error; `base` is where in the file the scanned text began."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Complaint(str(error), min(base, len(text)), "", None)
    at, began = error.problem_mark, error.context_mark
    return Complaint(
        error.problem or "",
        min(len(text), base + (at.index if at is not None else 0)),
        error.context or "",
        min(len(text), base + began.index) if began is not None else None,
    )


def forbidden_fault(file: str, lines: Lines) -> Fault | None:
    """The first character that cannot stand in a file."""
    found = _FORBIDDEN.search(lines.text)
    if found is None:
        return None
    span = lines.span(found.start(), found.end())
    if found[0] == "\r":
        what, fix = "a carriage return without a line feed", "save the file with line feeds"
    else:
        what = f"the character U+{ord(found[0]):04X} cannot stand in YAML"
        fix = f'remove it, or write it as "\\u{ord(found[0]):04X}" in double quotes'
    return fault_at(file, span, what, fix)


def syntax_fault(found: Complaint, file: str, lines: Lines) -> Fault:
    start, end, what, fix = _explain(found, lines.text)
    return fault_at(file, lines.span(start, end), what, fix)


def _explain(found: Complaint, text: str) -> tuple[int, int, str, str]:
    """From where to where, what, and how to mend it."""
    problem, at = found.problem, found.at
    if "cannot start any token" in problem:
        return _odd_character(text, at)
    if "values are not allowed" in problem:
        return _odd_colon(text, at)
    if "entries are not allowed" in problem:
        return at, at + 1, "a list item cannot begin here", "begin the list on a line of its own"
    if "unexpected end of stream" in problem or "unexpected document" in problem:
        began = at if found.began is None else found.began
        return began, began + 1, "the quote that opens here is never closed", "close it"
    if "could not find expected ':'" in problem:
        began = at if found.began is None else found.began
        tight = _tight_colon(text, began)
        if tight is not None:
            return tight
        return began, _line_end(text, began), "this is no key with a value", 'write "key: value"'
    if "comment or" in problem and "block scalar" in found.context:
        # `> 0` was meant as a comparison; to YAML it opens a text of several lines.
        began = at if found.began is None else found.began
        end = _line_end(text, began)
        sign = text[began : began + 1]
        fix = f'put it in quotes: "{text[began:end].strip()}"'
        return began, end, f"{sign} opens a text of several lines", fix
    if "unknown escape character" in problem:
        # The two scanners point at the backslash and at the character after it.
        at = at if text[at : at + 1] == "\\" else at - 1
        return (
            at,
            at + 2,
            f'"{text[at : at + 2]}" means nothing in double quotes',
            "write two backslashes, or use single quotes",
        )
    if "Unicode character escape" in problem or "hexadecimal" in problem:
        return at, at + 1, "this escape is no character", "write the character itself"
    if "alphabetic or numeric" in problem:
        return _odd_character(text, at if found.began is None else found.began)
    if "incompatible" in problem:
        return at, _line_end(text, at), "only YAML 1.2 is read", "remove the line"
    if text[at : at + 1] == ":":
        return at, at + 1, "a key is missing before the colon", "write the key, or quote the text"
    if "flow" in found.context:
        return _flow(found, text)
    return _block(found, text)


def _odd_character(text: str, at: int) -> tuple[int, int, str, str]:
    char = text[at : at + 1]
    if char == "\t":
        end = at
        while text[end : end + 1] == "\t":
            end += 1
        return at, end, "a tab cannot indent or separate here", "use spaces"
    return at, at + 1, f"text cannot begin with {char}", "put the text in quotes"


def _odd_colon(text: str, at: int) -> tuple[int, int, str, str]:
    """A colon where no key can end: a second one, or a key where none can stand."""
    start = text.rfind("\n", 0, at) + 1
    if ": " in text[start:at]:
        return at, at + 1, "a second colon on this line", "put text that holds a colon in quotes"
    above = text[:start].rstrip()
    tight = _tight_colon(text, above.rfind("\n") + 1)
    if tight is not None:
        return tight
    start += len(text[start:at]) - len(text[start:at].lstrip())
    return (
        start,
        at,
        "no key can stand here: the line above holds a value already",
        "indent it like the key it belongs beside, or put the text in quotes",
    )


def _tight_colon(text: str, start: int) -> tuple[int, int, str, str] | None:
    """`key:value`, which is one word to YAML."""
    tight = _TIGHT_COLON.match(text, start)
    if tight is None:
        return None
    fix = f'write "{tight[1]}: {tight[2]}"'
    return tight.end(1), tight.end(1) + 1, "a space is missing after the colon", fix


def _flow(found: Complaint, text: str) -> tuple[int, int, str, str]:
    at = found.at
    began = at if found.began is None else found.began
    ended = at >= len(text.rstrip()) or text.startswith("---", at)
    opener = text[began : began + 1]
    if ended and opener not in ("[", "{"):
        # The scanner stood behind a comma and has forgotten where the bracket opened.
        began = max(0, text.rfind("[", 0, at), text.rfind("{", 0, at))
        opener = text[began : began + 1]
    elif "node content" in found.problem:
        return (
            at,
            at + 1,
            f"{_named(text, at)} stands where a value should",
            "write one, or remove it",
        )
    closer = "]" if opener == "[" else "}"
    if ended or _line_of(text, began) != _line_of(text, at):
        return began, began + 1, f"the {opener} that opens here is never closed", f"add {closer}"
    return (
        at,
        at + 1,
        f"{_named(text, at)} is not expected inside {opener}{closer}",
        f"put a comma before it, or close with {closer}; quote text that holds , [ ] {{ }}",
    )


def _block(found: Complaint, text: str) -> tuple[int, int, str, str]:
    at, problem = found.at, found.problem
    if (at > 0 and text[at - 1] in "\"'") or text[:at].rstrip(" ")[-1:] in ('"', "'"):
        return (
            at,
            _line_end(text, at),
            "text goes on after its closing quote",
            "put all of it in one pair of quotes; double a quote inside: 'it''s'",
        )
    if text[at : at + 1] in ("]", "}") and text[at : at + 1]:
        return at, at + 1, f"{text[at]} closes nothing", "remove it, or quote the text"
    if "document start" in problem:
        return (
            at,
            _line_end(text, at),
            "the document ended before this",
            'put "---" between documents',
        )
    if "indicator" in problem or "expected key" in problem or "<block end>" in problem:
        return (
            at,
            _line_end(text, at),
            "this line does not line up with the ones above",
            "indent it like its neighbours; every key and every - of one level begins in one column",
        )
    if "node content" in problem:
        return at, at + 1, f"text cannot begin with {text[at : at + 1]}", "put the text in quotes"
    return at, at + 1, problem, ""


def _named(text: str, at: int) -> str:
    char = text[at : at + 1]
    return "the end of the file" if not char else "a line break" if char in "\r\n" else f'"{char}"'


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return max(at + 1, len(text[: end if end >= 0 else len(text)].rstrip()))


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at)
