"""NamePattern: what a file's name says, such as `orders_{business_date:%Y%m%d}.csv`.

    {business_date:%Y%m%d}   a date, in pieces of %Y %y %m %d %j; {business_date} alone is %Y-%m-%d
    {dataset}                the dataset; `{anything}` reads a part of the name under that name
    *  ?                     any characters, one character
    %H %M %S                 may stand in a date's format: digits that are matched and not used

A pattern without `/` is held against what follows the last `/` of a name; one with `/` against
the whole name. Nothing but a `/` in the pattern matches a `/`. A date may be spread over a path:
`{business_date:%Y}/{business_date:%m}/{business_date:%d}/orders.csv`, or, which is the same,
`{business_date:%Y/%m/%d}/orders.csv`.

Matching takes linear time whatever the name: every part is matched at its first possible place,
which finds a match whenever there is one, because only free parts vary in length.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from msgspec import Struct

from tidegate.kernel.clock import Day, date_day

NAME_MAX = 1024
"""Characters of a name that is matched; a longer one matches nothing."""
PATTERN_MAX = 512
"""Characters of a pattern."""
DATE = "business_date"
DATASET = "dataset"

_PIECE = re.compile(r"\{([^{}]*)\}|([*?])|([^{}*?]+)|([{}])")
_DATE_FIELD = re.compile(rf"\{{{DATE}:[^{{}}]*\}}")
_FIELD = re.compile(r"([a-z_][a-z0-9_]*)(?::(.*))?", re.ASCII | re.DOTALL)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIGITS = {
    "Y": r"[0-9]{4}",
    "y": r"[0-9]{2}",
    "m": r"(?:0[1-9]|1[0-2])",
    "d": r"(?:0[1-9]|[12][0-9]|3[01])",
    "j": r"(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])",
    "H": r"[0-9]{2}",
    "M": r"[0-9]{2}",
    "S": r"[0-9]{2}",
}
_WHOLE_DATES = ({"Y", "m", "d"}, {"y", "m", "d"}, {"Y", "j"}, {"y", "j"})
_CENTURY = 2000  # of a year written with two digits


class Found(Struct, frozen=True):
    """What a matching name said."""

    day: Day | None
    fields: dict[str, str]


class NamePattern(Struct, frozen=True):
    """A compiled pattern; `names` are the fields it reads."""

    text: str
    names: frozenset[str]
    parts: tuple[re.Pattern[str], ...]  # one for each component of the path
    groups: tuple[tuple[str, ...], ...]  # what each group of each part is: a field, or %Y

    def match(self, name: str) -> Found | None:
        """What the name says; None when it does not match or names a day that does not exist."""
        if len(name) > NAME_MAX:
            return None
        pieces = name.split("/") if len(self.parts) > 1 else [name.rpartition("/")[2]]
        if len(pieces) != len(self.parts):
            return None
        fields: dict[str, str] = {}
        for part, groups, piece in zip(self.parts, self.groups, pieces, strict=True):
            found = part.fullmatch(piece)
            if found is None:
                return None
            for group, seen in zip(groups, found.groups(), strict=True):
                if fields.setdefault(group, seen) != seen:
                    return None
        dated = {name: seen for name, seen in fields.items() if name.startswith("%")}
        day = _day(dated) if DATE in self.names else None
        if DATE in self.names and day is None:
            return None
        return Found(day, {name: seen for name, seen in fields.items() if name not in dated})


def parse_name_pattern(text: str) -> NamePattern:
    """Raises ValueError, with what to write instead."""
    if not text or len(text) > PATTERN_MAX:
        raise ValueError(f"a name pattern has 1 to {PATTERN_MAX} characters, this has {len(text)}")
    parts: list[re.Pattern[str]] = []
    groups: list[tuple[str, ...]] = []
    spread = _DATE_FIELD.sub(lambda found: found[0].replace("/", f"}}/{{{DATE}:"), text)
    for component in spread.split("/"):
        pattern, names = _component(component)
        parts.append(re.compile(pattern, re.DOTALL))
        groups.append(tuple(names))
    said = {name for names in groups for name in names}
    directives = {name[1] for name in said if name.startswith("%")}
    if directives and directives - set("HMS") not in _WHOLE_DATES:
        raise ValueError(
            f"{text!r} names no whole date; write year, month and day, "
            "such as {business_date:%Y%m%d}, or year and day of the year, %Y%j"
        )
    fields = {name for name in said if not name.startswith("%")}
    return NamePattern(
        text, frozenset(fields | ({DATE} if directives else set())), tuple(parts), tuple(groups)
    )


def _component(text: str) -> tuple[str, list[str]]:
    """One component of the path as a regular expression, and what its groups are."""
    pattern = ""
    names: list[str] = []
    free = ""  # the free part that still looks for its end
    fixed = ""  # what must follow it
    for field, wild, literal, brace in _PIECE.findall(text):
        if brace:
            raise ValueError(f"{text!r} has a brace without its partner")
        if literal:
            fixed += re.escape(literal)
        elif wild == "?":
            fixed += "."
        elif _is_date(field):
            fixed += _date(field, names)
        else:
            if free and not fixed:
                raise ValueError(f"{text!r} has two free parts side by side; put text between them")
            # Atomic: once the fixed part is found, no other place is tried.
            pattern += f"(?>{free}{fixed})" if free else fixed
            free, fixed = (".*?" if wild else _free(field, names)), ""
    return f"{pattern}{free}{fixed}", names


def _is_date(field: str) -> bool:
    return field.partition(":")[0] == DATE


def _date(field: str, names: list[str]) -> str:
    pattern, end = "", 0
    form = field.partition(":")[2] if ":" in field else "%Y-%m-%d"
    for found in _DIRECTIVE.finditer(form):
        digits = _DIGITS.get(found[1])
        if digits is None:
            raise ValueError(
                f"{{{field}}} holds {found[0]!r}; a date is made of %Y %y %m %d %j and %H %M %S"
            )
        pattern += f"{re.escape(form[end : found.start()])}({digits})"
        end = found.end()
        names.append(found[0])
    if not end:
        raise ValueError(f"{{{field}}} holds no date; write for example {{{DATE}:%Y%m%d}}")
    return pattern + re.escape(form[end:])


def _free(field: str, names: list[str]) -> str:
    found = _FIELD.fullmatch(field)
    if found is None or found[2] is not None:
        raise ValueError(f"{{{field}}} is no field; write a name of a-z, 0-9 and _ in the braces")
    if found[1] in names:
        raise ValueError(f"{{{field}}} stands twice in one name")
    names.append(found[1])
    return "(.+?)"


def _day(seen: dict[str, str]) -> Day | None:
    year = int(seen["%Y"]) if "%Y" in seen else _CENTURY + int(seen["%y"])
    try:
        if "%j" in seen:
            of_year = int(seen["%j"])
            found = date(year, 1, 1) + timedelta(days=of_year - 1)
            return date_day(found) if found.year == year else None
        return date_day(date(year, int(seen["%m"]), int(seen["%d"])))
    except ValueError:
        return None
