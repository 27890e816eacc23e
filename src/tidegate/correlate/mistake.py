"""Mistake: what a rule says that is right by the letter, and hardly what somebody meant.

An event may hold any field and any text, so most of this is a warning; each names what to write
where the letter is meant after all. Asked by `check` alone: what is followed stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

from tidegate.correlate.document import CONDITION_KEYS, nearly_a_key
from tidegate.correlate.field import BUSINESS_DATE, DATASET, OWN_NAMES
from tidegate.correlate.source import Source, maps
from tidegate.kernel.clock import parse_duration
from tidegate.kernel.deadline import parse_deadline
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.place import Path
from tidegate.kernel.predicate_parser import parse_wanted
from tidegate.kernel.spelling import listed, misspelt, nearest
from tidegate.kernel.step import Finding
from tidegate.kernel.value import is_map, shown

GUESSES_MAX: Final = 1_000
GUESSED_AMONG_MAX: Final = 1_000
"""Names of datasets nobody declares that are compared, with so many declared ones at most:
it costs the product of both."""
FIELDS_KEPT: Final = 4_096

_KNOWN: Final = OWN_NAMES | BUSINESS_DATE | DATASET
_BARE: Final = tuple(sorted(name for name in _KNOWN if "." not in name))
_IN_DATA: Final = tuple(sorted(name for name in _KNOWN if name.startswith("data.")))
_ORDERS: Final = ("<", "<=", ">", ">=")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MEMBERS: Final = re.compile(
    r"(?P<not>not\s+)?in(?:\s*[\[(](?P<shut>.*)[\])]|\s+(?P<open>.*,.*))\s*", re.IGNORECASE
)
_BETWEEN: Final = re.compile(r"between\s+(\S+)\s+and\s+(\S+)", re.IGNORECASE)
_LIKE: Final = re.compile(r"like\s+(%?)([^%*]*)[%*]?", re.IGNORECASE)
_SHOUTED: Final = re.compile(r"(MATCHES|CONTAINS|STARTSWITH|ENDSWITH)\s+.*")
_SIGNS: Final = {"≥": ">=", "≤": "<=", "≠": "!=", "!": "!="}


def odd_conditions(body: Mapping[str, Json]) -> Iterator[Finding]:
    """Fields that are nearly one every event has, and texts that are nearly an operator."""
    for path, field, wanted in _asked(body):
        yield from _odd_field(path, field)
        if isinstance(wanted, str):
            yield from _odd_text(path, wanted)
    for number, line in maps(body, "correlation_logic"):
        matched = line.get("match_field")
        if isinstance(matched, str):
            yield from _odd_field(("correlation_logic", number, "match_field"), matched)
    for number, one in maps(body, "conditions"):
        type_ = one.get("event_type")
        if isinstance(type_, str) and _operator(type_) != "==":
            yield _warning(
                ("conditions", number, "event_type"),
                f"event types are compared whole here: {shown(type_, 80)} is no operator",
                f"write type: {shown(type_, 80)}",
            )


def odd_times(body: Mapping[str, Json]) -> Iterator[Finding]:
    """Durations that leave no time, and a warning that comes after the alarm."""
    expect = body.get("expect")
    if is_map(expect) and _warns_late(expect.get("warn_at"), expect.get("deadline")):
        yield Finding(
            "rule", "", ("expect", "warn_at"),
            "the early warning does not come before the deadline it warns of",
            "write an earlier warn_at, or leave it out",
        )  # fmt: skip
    if _is_nothing(body.get("close_after")):
        yield _warning(
            ("close_after",),
            "a gate is closed the moment its deadline or window has passed: nothing late is let in",
            "write how long it stays open to late events and to people, such as 1h",
        )
    for number, line in maps(body, "correlation_logic"):
        if _is_nothing(line.get("time_window")):
            yield _warning(
                ("correlation_logic", number, "time_window"),
                "a window of no time takes only events of the very same instant",
                "write how far apart the inputs may be, such as 24h, or remove the window",
            )


def odd_datasets(source: Source, declared: Collection[str], guessed: set[str]) -> Iterator[Finding]:
    """A dataset nobody declares, whose name is nearly that of one somebody declares.

    `guessed` remembers the names of a whole project that were looked at: GUESSES_MAX of them.
    """
    for test in source.tests:
        name = test.operand
        if not test.fixes("dataset") or not isinstance(name, str) or name in declared:
            continue
        guessed.add(name)
        if len(guessed) > GUESSES_MAX or len(declared) > GUESSED_AMONG_MAX:
            continue
        meant = misspelt(name, declared)
        if meant is not None:
            yield _warning(
                test.at,
                f"no document declares a dataset {shown(name, 80)}",
                f'did you mean "{meant}"? if both are meant, declare this one in datasets/',
            )


def unknown_application(source: Source, known: Collection[str]) -> Iterator[Finding]:
    """An application is what a mapping says it is; of one without a mapping no event ever is."""
    for test in source.tests:
        name = test.operand
        if not test.fixes("application") or not isinstance(name, str) or name in known:
            continue
        meant = nearest(name, known)
        there = f"; applications here: {listed(sorted(known))}" if known else ""
        yield Finding(
            "rule", "", test.at,
            f"no mapping of an application is called {shown(name, 80)}, so no event is of it",
            f'did you mean "{meant}"?' if meant else f"map its sources in contexts/{there}",
            lacks="context",
        )  # fmt: skip


# ---- fields
def _asked(body: Mapping[str, Json]) -> Iterator[tuple[Path, str, Json]]:
    """Every field that something is asked of."""
    for number, one in maps(body, "conditions"):
        for field, wanted in one.items():
            if field not in CONDITION_KEYS:
                yield ("conditions", number, field), field, wanted
        yield from _quality(one, ("conditions", number, "additional_conditions"))
    yield from _quality(body, ("additional_conditions",))


def _quality(one: Mapping[str, Json], at: Path) -> Iterator[tuple[Path, str, Json]]:
    for number, fields in maps(one, "additional_conditions"):
        for field, wanted in fields.items():
            yield (*at, number, field), field, wanted


def _odd_field(path: Path, field: str) -> Iterator[Finding]:
    root, dot, rest = field.partition(".")
    if field in _KNOWN or (path[0] == "conditions" and nearly_a_key(field)):
        return
    if not dot:
        meant, known = _slip(field, _BARE), f"data.{field}"
        otherwise = f" a field of the event is {known}"
    elif root == "data":
        meant, known, otherwise = _slip(field, _IN_DATA), field, ""
    else:
        meant, known, otherwise = _slip(root, ("data",)), field, ""
        meant = meant and f"{meant}.{rest}"
    if meant is not None:
        yield _warning(
            path,
            f"{field} is met only by events that have {known} themselves",
            f'did you mean "{meant}"?{otherwise}',
            word=field,
        )


@lru_cache(maxsize=FIELDS_KEPT)
def _slip(field: str, known: tuple[str, ...]) -> str | None:
    """Rules of one project ask for the same fields."""
    return misspelt(field, known)


# ---- texts
def _operator(text: str) -> str:
    try:
        return parse_wanted("", text).operator
    except InputError:
        return "=="  # what is wrong with it, the model says


def _odd_text(path: Path, text: str) -> Iterator[Finding]:
    operator = _operator(text)
    if operator == "==" and not text.lstrip().startswith("=="):
        meant = _meant(text.strip())
        if meant is not None:
            yield _warning(
                path,
                f"{shown(text, 80)} is compared as it stands: it is no operator",
                f"{meant}; to mean the text itself write == {shown(text, 80)}",
            )
    elif operator in _ORDERS:
        written = text.strip().removeprefix(operator).strip()
        if _is_word(written):
            yield _warning(
                path,
                f"{shown(text, 80)} compares texts: no number ever meets it",
                f'write a number, such as {operator} 0; to compare texts write {operator} "{written}"',
            )


def _is_word(written: str) -> bool:
    return written[:1].isalpha() and not _DATE.match(written)


def _meant(text: str) -> str | None:
    """What to write where a text looks like an operator of another language."""
    if found := _MEMBERS.fullmatch(text):
        items = (found["shut"] if found["open"] is None else found["open"]).strip().strip("[]()")
        return f'write "{"not in" if found["not"] else "in"} [{items}]"'
    if found := _BETWEEN.fullmatch(text):
        return f'write ">= {found[1]}" here, and "<= {found[2]}" under additional_conditions'
    if found := _LIKE.fullmatch(text):
        how = "contains" if found[1] else "startswith"
        return f'write "{how} {found[2]}"' if "%" in text or "*" in text else None
    if _SHOUTED.fullmatch(text):
        first, _, rest = text.partition(" ")
        return f'write "{first.lower()} {rest.strip()}"'
    sign = _SIGNS.get(text[:1])
    return f'write "{sign} {text[1:].strip()}"' if sign and text[1:].strip() else None


def _warns_late(warn_at: Json, deadline: Json) -> bool:
    """On every business date; where only one of the two counts business days, it may be in order."""
    try:
        warn, due = parse_deadline(str(warn_at)), parse_deadline(str(deadline))
    except ValueError:
        return False  # the model says so
    comparable = warn.business == due.business or (warn.business and warn.days > 0)
    return comparable and (warn.days, warn.second) >= (due.days, due.second)


def _is_nothing(written: Json) -> bool:
    try:
        return isinstance(written, str) and parse_duration(written) == 0
    except ValueError:
        return False


def _warning(path: Path, what: str, fix: str, word: str = "") -> Finding:
    return Finding("rule", "", path, what, fix, warning=True, word=word)
