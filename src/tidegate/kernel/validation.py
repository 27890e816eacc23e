"""Validation: pydantic's errors brought down to the things a person has to change.

pydantic answers for every alternative of a union; a person meant one of them. `reduce_errors`
walks the errors down the document: where their path leaves it (`actions.0.TriggerJob.job_name`,
though the document has no key `TriggerJob`) an alternative begins, and only the likeliest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidegate.kernel.event import Json
from tidegate.kernel.place import Path, Places
from tidegate.kernel.shape import Shape, shape_of
from tidegate.kernel.spelling import nearest

WANTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number such as 3",
    "int_parsing": "a whole number such as 3",
    "int_parsing_size": "a whole number such as 3",
    "int_from_float": "a whole number such as 3",
    "float_type": "a number such as 1.0",
    "float_parsing": "a number such as 1.0",
    "decimal_type": "a number such as 1.0",
    "decimal_parsing": "a number such as 1.0",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "key: value pairs",
    "mapping_type": "key: value pairs",
    "model_type": "key: value pairs",
    "model_attributes_type": "key: value pairs",
    "dataclass_type": "key: value pairs",
    "none_required": "nothing",
    "date_type": "a date such as 2024-01-15",
    "date_parsing": "a date such as 2024-01-15",
    "date_from_datetime_parsing": "a date such as 2024-01-15",
    "date_from_datetime_inexact": "a date such as 2024-01-15",
    "datetime_type": "an instant such as 2024-01-15T10:30:00Z",
    "datetime_parsing": "an instant such as 2024-01-15T10:30:00Z",
    "datetime_from_date_parsing": "an instant such as 2024-01-15T10:30:00Z",
    "timezone_aware": "an instant with its zone such as 2024-01-15T10:30:00Z",
    "time_type": "a time such as 06:00",
    "time_parsing": "a time such as 06:00",
    "url_type": "an address such as https://example.com/path",
    "url_parsing": "an address such as https://example.com/path",
    "url_scheme": "an address such as https://example.com/path",
}
"""Errors about the sort of a value, and what would have been right."""
ERRORS_MAX = 1_000
"""Errors of one document that are told; looking for hints costs time for each."""
CHOICES = frozenset({"literal_error", "enum"})

NOTHING_TAKEN_OUT: Mapping[Path, Sequence[int]] = {}
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


class Wrong(Struct, frozen=True, kw_only=True):
    """One thing to change, before it is put into words."""

    kind: str  # pydantic's type of error
    path: Path  # in the document; of `missing`: of the mapping that lacks the key
    name: str  # how to call the value: its key, with the indexes after it
    key: str = ""  # the missing or unknown key
    at_key: bool = False  # the key itself is wrong
    seen: Json = None
    raw: str = ""  # as written, where that says more than `seen`
    wants: tuple[str, ...] = ()  # the sorts of value that would be right
    choices: tuple[str, ...] = ()  # the words that would be right
    context: dict[str, Any] = {}
    message: str = ""
    known: tuple[str, ...] = ()  # the keys the mapping may still have
    elsewhere: tuple[str, ...] = ()  # where the unknown key would be known
    wanted: str = ""  # what a missing key takes


class _Found(NamedTuple):
    """An error of pydantic at the path where it belongs in the document."""

    path: Path
    error: ErrorDetails
    wants: tuple[str, ...]
    choices: tuple[str, ...]
    vague: bool = False  # true of several alternatives alike

    @property
    def kind(self) -> str:
        return self.error["type"]

    def same(self, other: _Found) -> bool:
        return (self.path, self.kind, self.error["loc"][-1]) == (
            other.path, other.kind, other.error["loc"][-1],
        )  # fmt: skip


def reduce_errors(
    error: ValidationError,
    places: Places,
    model: type[BaseModel],
    path: Path,
    kept: Mapping[Path, Sequence[int]] = NOTHING_TAKEN_OUT,
) -> tuple[list[Wrong], int]:
    """What pydantic found wrong in the body at `path`, as the things to change.

    Beyond ERRORS_MAX they are only counted: the second answer. `kept` says which items of its lists
    were judged; they are called by the indexes they have in the file.
    """
    errors = error.errors(include_url=False)
    if kept:
        errors = [_by_file(one, places, path, kept) for one in errors]
    found = _walk(errors[:ERRORS_MAX], 0, path, places)
    shape = shape_of(model)
    wrongs = [_wrong(each, shape, places, path) for each in found]
    return list(_without_echoes(wrongs)), len(errors[ERRORS_MAX:])


def _by_file(
    error: ErrorDetails, places: Places, here: Path, kept: Mapping[Path, Sequence[int]]
) -> ErrorDetails:
    location: list[str | int] = []
    for step in error["loc"]:
        own = kept[here][step] if isinstance(step, int) and here in kept else step
        location.append(own)
        here = (*here, own) if (*here, own) in places else here
    return {**error, "loc": tuple(location)}


# ---- which errors matter
def _walk(errors: Sequence[ErrorDetails], depth: int, here: Path, places: Places) -> list[_Found]:
    """The errors that count among those whose paths agree up to `depth`, which leads to `here`."""
    own: list[_Found] = []
    below: dict[str | int, list[ErrorDetails]] = {}
    alternatives: dict[str | int, list[ErrorDetails]] = {}
    for error in errors:
        rest = error["loc"][depth:]
        if not rest or rest[0] == "[key]" or (len(rest) == 1 and error["type"] == "missing"):
            own.append(_found(here, error))
        elif (*here, rest[0]) in places:
            below.setdefault(rest[0], []).append(error)
        else:
            alternatives.setdefault(rest[0], []).append(error)
    for step, inner in below.items():
        own += _walk(inner, depth + 1, (*here, step), places)
    if alternatives:
        own += _likeliest(
            [_walk(inner, depth + 1, here, places) for inner in alternatives.values()], here
        )
    return own


def _found(path: Path, error: ErrorDetails) -> _Found:
    wants = WANTED.get(error["type"])
    choices: tuple[str, ...] = ()
    if error["type"] in CHOICES:
        choices = tuple(_QUOTED.findall(str(error.get("ctx", {}).get("expected", ""))))
    if error["type"] == "union_tag_invalid":
        choices = tuple(_QUOTED.findall(str(error.get("ctx", {}).get("expected_tags", ""))))
    return _Found(path, error, () if wants is None else (wants,), choices)


def _likeliest(branches: list[list[_Found]], here: Path) -> list[_Found]:
    """The errors of the alternative that was meant; of several, what is said of all of them."""
    if len(branches) == 1:
        return branches[0]
    if all(
        error.path == here and error.kind != "missing" for branch in branches for error in branch
    ):
        return [_one_value([error for branch in branches for error in branch])]
    meant = [branch for branch in branches if not all(e.wants and e.path == here for e in branch)]
    # Told apart by a word (`action_type: trigger_job`): if no alternative knows it, the word is wrong.
    words = [[error for error in branch if error.choices] for branch in meant]
    if all(words) and len({branch[0].path for branch in words}) == 1:
        choices = tuple(dict.fromkeys(word for branch in words for word in branch[0].choices))
        return [words[0][0]._replace(choices=choices)]
    fewest = min(_weight(branch) for branch in meant)
    best, *others = [branch for branch in meant if _weight(branch) == fewest]
    common = [
        error._replace(vague=True)
        for error in best
        if all(any(error.same(other) for other in branch) for branch in others)
    ]
    return common if others and common else best


def _weight(branch: list[_Found]) -> tuple[bool, int]:
    """How far from the document an alternative is: first by its words, then by what is wrong."""
    return any(error.choices for error in branch), len(branch)


def _one_value(errors: list[_Found]) -> _Found:
    """The errors of one value that is no collection, or not the wanted one, as one."""
    wants = tuple(dict.fromkeys(want for error in errors for want in error.wants))
    choices = tuple(dict.fromkeys(word for error in errors for word in error.choices))
    for error in errors:
        # It had the right sort, so this alternative came nearest.
        if not error.wants and not error.choices:
            return error._replace(choices=choices)
    return errors[0]._replace(wants=wants, choices=choices)


def _without_echoes(wrongs: list[Wrong]) -> Iterator[Wrong]:
    """Leaves out a missing key that stands there misspelt: the unknown key says it already."""
    meant = {
        (wrong.path[:-1], nearest(wrong.key, wrong.known))
        for wrong in wrongs
        if wrong.kind == "extra_forbidden"
    }
    for wrong in wrongs:
        if wrong.kind != "missing" or (wrong.path, wrong.key) not in meant:
            yield wrong


# ---- what is known about each
def _wrong(found: _Found, top: Shape, places: Places, start: Path) -> Wrong:
    kind, error, path = found.kind, found.error, found.path
    location, context = error["loc"], error.get("ctx", {})
    about_key = kind in ("missing", "extra_forbidden")
    key = str(location[-1]) if about_key else ""
    shape, here = top, start
    for step in location[:-1] if about_key else location:
        inside = (*here, step) in places
        if inside or not found.vague:
            shape = shape.at(step)
        here = (*here, step) if inside else here
    if kind.startswith("union_tag"):
        key = str(context.get("discriminator", "")).strip("'")
        path = (*path, key) if (*path, key) in places else path
    return Wrong(
        kind=kind,
        path=path,
        name=_name(path),
        key=key,
        at_key=kind == "extra_forbidden" or location[-1:] == ("[key]",),
        seen=context["tag"] if kind == "union_tag_invalid" else error["input"],
        raw=places[path].raw if path in places else "",
        wants=found.wants,
        choices=found.choices,
        context=context,
        message=error["msg"],
        known=tuple(other for other in shape.known() if (*path[:-1], other) not in places),
        elsewhere=top.homes(key) if kind == "extra_forbidden" else (),
        wanted=shape.wanted(key) if kind in ("missing", "union_tag_not_found") else "",
    )


def _name(path: Path) -> str:
    """`alerts[0]`: the last key and the indexes after it; "" at the top."""
    name = ""
    for step in reversed(path):
        if isinstance(step, str):
            return f"{step}{name}"
        name = f"[{step}]{name}"
    return name
