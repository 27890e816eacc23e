"""Naming: the names a rule's templates use that stand for nothing.

An event may hold any field, so `data.x` is never wrong for sure; a bare name is where it is almost
one that a gate has, and so is an input that the rule does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tidegate.correlate.compiling_actions import SCOPE_NAMES
from tidegate.correlate.field import BUSINESS_DATE, DATASET, OWN_NAMES, one_name
from tidegate.correlate.source import Source, maps
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.place import EACH, Path
from tidegate.kernel.spelling import did_you_mean, listed, nearest
from tidegate.kernel.step import Finding
from tidegate.kernel.template import parse_template
from tidegate.kernel.value import is_list, is_map, parse_path

SECTIONS = ("actions", "on_timeout", "on_quality_failure")
ROUND_NAMES = frozenset({"sequence", "round", "rule", "process", "business_process"})
"""What a global id may name beside match fields."""

MATCHED: Path = ("correlation_logic", EACH, "match_field")
CALLED: tuple[Path, ...] = (
    ("conditions", EACH, "name"),
    *(("conditions", EACH, field) for field in sorted(DATASET)),
    ("job_dependencies", EACH, "prerequisite_job"),
)
"""What inputs are called by."""
_NAMED: tuple[Path, ...] = (("conditions", EACH), ("additional_conditions", EACH), MATCHED)
"""Where the names come from that a template may use."""
_ROOTS = frozenset({"data", "context", "inputs"})
_ALWAYS = ("data.business_date", "data.dataset_name")
_CODE = "expression.invalid"
_BRACES = re.compile(r"(?<![$\w{])\{{1,2}\s*([A-Za-z_][\w.]*)\s*\}{1,2}|(?<!\$)\$([A-Za-z_]\w*)")
"""`{name}`, `{{ name }}`, `$name`."""


def unknown_names(body: Mapping[str, Json], sources: Sequence[Source]) -> Iterator[Finding]:
    lines = [line.get("match_field") for _, line in maps(body, "correlation_logic")]
    fields = [field for field in lines if isinstance(field, str)] or ["data.business_date"]
    asked = {field for one in sources for field in one.fields}
    bare = {field.removeprefix("data.") for field in (*asked, *fields)}
    known = SCOPE_NAMES | OWN_NAMES | _ROOTS | {name.partition(".")[0] for name in (*fields, *bare)}
    surely = {*_ALWAYS, *(field for field in fields if field.startswith("data."))}
    for section in SECTIONS:
        for number, action in maps(body, section):
            for path, text in _texts(action, (section, number)):
                yield from _no_hole(path, text)
                for name in _names(text, "action"):
                    root, _, rest = name.partition(".")
                    yield from _no_path(path, name)
                    if root == "inputs":
                        yield from _unknown_input(path, rest, sources)
                    elif root not in known:
                        yield from _unknown(path, root, known)
                    elif root == "data" and one_name(name) not in asked and name not in surely:
                        yield from _odd_data(path, name, surely)
    yield from _unknown_in_id(body, fields)


def _no_hole(path: Path, text: str) -> Iterator[Finding]:
    """A name in the braces of another language: it is sent as it stands."""
    for found in _BRACES.finditer(text):
        name = found[1] or found[2]
        if name in SCOPE_NAMES or name in _ALWAYS:
            yield Finding(
                "rule", "", path, f"{found[0]} is sent as it stands: it is no hole",
                f"write ${{{name}}}", warning=True, code=_CODE, word=found[0],
            )  # fmt: skip


def _no_path(path: Path, name: str) -> Iterator[Finding]:
    try:
        parse_path(name)
    except InputError as error:
        yield Finding("rule", "", path, error.message, error.fix, code=error.code, word=name)


def _unknown(path: Path, root: str, known: frozenset[str]) -> Iterator[Finding]:
    meant = nearest(root, sorted(known))
    if meant is not None:
        yield Finding(
            "rule", "", path, f'a gate has nothing called "{root}"',
            f'did you mean "{meant}"? a field of the event is data.{root}',
            code=_CODE, word=root, heeds=_NAMED,
        )  # fmt: skip
        return
    yield Finding(
        "rule", "", path,
        f'a gate has nothing called "{root}": it is looked for in the newest input alone',
        f"write data.{root}, if a field of the event is meant",
        warning=True, code=_CODE, word=root, heeds=_NAMED,
    )  # fmt: skip


def _unknown_input(path: Path, rest: str, sources: Sequence[Source]) -> Iterator[Finding]:
    # An input of any dataset is also found by what came, which nobody knows.
    if not sources or any(one.dataset is None and not one.is_run for one in sources):
        return
    here = sorted({called for one in sources for called in (one.name, one.dataset) if called})
    if rest and not any(rest == one or rest.startswith(f"{one}.") for one in here):
        word = rest.partition(".")[0]
        yield Finding(
            "rule", "", path, f'this rule has no input called "{word}"',
            did_you_mean(word, here, f"write one of {listed(here)}"),
            code=_CODE, word=word, heeds=CALLED,
        )  # fmt: skip


def _odd_data(path: Path, name: str, surely: set[str]) -> Iterator[Finding]:
    meant = nearest(name, sorted(surely))
    if meant is not None:
        yield Finding(
            "rule", "", path, f"no condition and no match field of this rule names {name}",
            f'did you mean "{meant}"?',
            warning=True, code=_CODE, word=name, heeds=_NAMED,
        )  # fmt: skip


def _unknown_in_id(body: Mapping[str, Json], fields: Sequence[str]) -> Iterator[Finding]:
    normalisation = body.get("context_normalization")
    text = normalisation.get("global_correlation_id") if is_map(normalisation) else None
    if isinstance(text, str):
        path = ("context_normalization", "global_correlation_id")
        for name in _names(text, "id"):
            yield from unknown_in_id(path, name, fields)


def unknown_in_id(path: Path, name: str, fields: Sequence[str]) -> Iterator[Finding]:
    """An id is made of what all inputs share, and of the round."""
    known = {*ROUND_NAMES, *fields, *(f"data.{field}" for field in fields)}
    if any(field in BUSINESS_DATE for field in fields):
        known |= BUSINESS_DATE | {"ds"}
    if name not in known:
        shown = sorted(one for one in known if not one.startswith("data.data."))
        yield Finding(
            "rule", "", path, f"the global id names {name!r}, which is no match field",
            did_you_mean(name, shown, f"use only {listed(shown)}"),
            code=_CODE, word=name, heeds=(MATCHED,),
        )  # fmt: skip


def _texts(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif is_list(value):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))
    elif is_map(value):
        for key, item in value.items():
            yield from _texts(item, (*path, key))


def _names(text: str, style: str) -> tuple[str, ...]:
    try:
        return parse_template(text, "id" if style == "id" else "action").paths
    except InputError:
        return ()  # the model says so
