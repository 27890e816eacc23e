"""Wording: what is wrong and what to do about it, in the words of the file's author.

Validators of documents raise `ValueError("what|fix")`. Without a bar, the text up to the first
"; " is what is wrong and the rest the fix, which is how the kernel's parsers speak.
"""

from __future__ import annotations

import re
from typing import cast

from tidegate.kernel.event import Json
from tidegate.kernel.spelling import did_you_mean, listed, nearest
from tidegate.kernel.validation import Wrong

VALUE_MAX = 40
"""Characters of a value that a message repeats."""
KEY_MAX = 64
"""Characters of a key that a message repeats."""

_TIGHT = re.compile(r"([A-Za-z_][\w.]{0,40}):([^\s/:]\S{0,40})")
_LETTERS = "use the letters A to Z, digits"
_NAMES = {
    r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$": f"{_LETTERS}, _ . - and blanks, and begin with a letter or digit",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": f"{_LETTERS}, _ . and -, and begin with a letter or digit",
    r"^[^/\s]+$": "leave out blanks and slashes",
}
"""What the patterns of names ask for, in words."""
_MAPPINGS = ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type")
_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type")
_WORDS = ("literal_error", "enum", "union_tag_invalid")
_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def say(wrong: Wrong) -> tuple[str, str]:
    """What is wrong and how to mend it."""
    match wrong.kind:
        case "extra_forbidden":
            return _unknown_key(wrong)
        case "missing" | "union_tag_not_found":
            wanted = f" ({wrong.wanted})" if wrong.wanted else ""
            return f'"{wrong.key}" is missing', f"add {wrong.key}{wanted}"
        case "value_error" | "assertion_error":
            return _raised(wrong)
        case _ if wrong.wants:
            return f"{_subject(wrong)} is {shown(wrong.seen, wrong.raw)}", _another_sort(wrong)
        case _ if wrong.choices and wrong.kind in _WORDS:
            return _choice(wrong)
        case _:
            return _measured(wrong)


def shown(value: Json, raw: str = "") -> str:
    """A value as a person calls it: `the text "yes"`, `the number 1.10`, `a list`."""
    match value:
        case None:
            return "empty"
        case bool():
            return raw or str(value).lower()
        case int() | float():
            return f"the number {_cut(raw or repr(value), VALUE_MAX)}"
        case str():
            return f"the text {quoted(value)}" if value else "an empty text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return _cut(repr(value), VALUE_MAX)


def quoted(text: str, limit: int = VALUE_MAX) -> str:
    return f'"{_cut(text, limit)}"'


def split(message: str) -> tuple[str, str]:
    """`what|fix` or `what; fix`."""
    for bar in ("|", "; "):
        what, found, fix = message.partition(bar)
        if found:
            return what.strip(), fix.strip()
    return message.strip(), ""


# ---- keys
def _unknown_key(wrong: Wrong) -> tuple[str, str]:
    if wrong.elsewhere:
        otherwise = f"it belongs {listed(wrong.elsewhere)}; check the indentation"
    else:
        otherwise = f"remove it; known here: {listed(wrong.known)}" if wrong.known else "remove it"
    fix = did_you_mean(wrong.key, wrong.known, otherwise)
    return f"unknown key {quoted(wrong.key, KEY_MAX)}", fix


# ---- values
def _raised(wrong: Wrong) -> tuple[str, str]:
    error = wrong.context.get("error")
    what, fix = split(str(error) if error is not None else wrong.message)
    if wrong.choices:
        fix = (
            f"{fix}, or write {listed(wrong.choices)}" if fix else f"write {listed(wrong.choices)}"
        )
    subject = f"{wrong.name}: " if wrong.name else ""
    if what.startswith(("not ", "no ")) and isinstance(wrong.seen, str | int | float):
        # "not a duration" is said of the value, which the author of the validator left out.
        what = f"{quoted(wrong.raw or str(wrong.seen))} is {what}"
    return f"{subject}{what}", fix


def _choice(wrong: Wrong) -> tuple[str, str]:
    seen = quoted(wrong.seen) if isinstance(wrong.seen, str) else shown(wrong.seen, wrong.raw)
    choices = listed(wrong.choices)
    if len(wrong.choices) == 1:
        return f"{_subject(wrong)} is {shown(wrong.seen, wrong.raw)}", f"write {choices}"
    if wrong.seen is None:
        return f"{_subject(wrong)} is empty", f"write one of {choices}"
    meant = nearest(wrong.seen, wrong.choices) if isinstance(wrong.seen, str) else None
    fix = f'did you mean "{meant}"?' if meant else "write one of these"
    return f"{_subject(wrong)}: {seen} is none of {choices}", fix


def _another_sort(wrong: Wrong) -> str:
    """The fix for a value of the wrong sort: the value itself written right, where that is clear."""
    seen: Json = wrong.seen
    template = _template(seen) if "text" in wrong.wants else None
    if template is not None:
        return f"text that begins with {{ needs quotes: {quoted(template)}"
    if len(wrong.wants) + len(wrong.choices) > 1:
        meant = nearest(seen, wrong.choices) if isinstance(seen, str) else None
        plain = [want.partition(" such as ")[0] for want in wrong.wants]
        return f'did you mean "{meant}"?' if meant else f"write {_either([*plain, *wrong.choices])}"
    want = wrong.wants[0]
    if isinstance(seen, str):
        return _instead_of_text(wrong, seen, want)
    if wrong.kind == "string_type" and isinstance(seen, bool | int | float):
        return f"write it in quotes: {quoted(wrong.raw or str(seen))}"
    if wrong.kind in _LISTS and isinstance(seen, dict):
        return 'write a list: put "- " before the first key of each item'
    if wrong.kind in _LISTS and isinstance(seen, bool | int | float):
        return f"write a list: [{wrong.raw or seen}]"
    if seen is None:
        return f"write {want}, or remove the {'item' if wrong.name.endswith(']') else 'key'}"
    return f"write {want}"


def _instead_of_text(wrong: Wrong, seen: str, want: str) -> str:
    if want == "true or false":
        meant = _BOOLEANS.get(seen.casefold())
        if meant is not None:
            return f"write {meant} ({quoted(seen)} is text in YAML 1.2)"
        if seen.casefold() in ("true", "false"):
            return f"write {seen.casefold()} without quotes"
    if want.startswith(("a number", "a whole number")) and _is_number(seen, want):
        return f"write {seen} without quotes"
    if wrong.kind in _LISTS:
        return f"write a list: [{quoted(seen)}]"
    tight = _TIGHT.fullmatch(seen) if wrong.kind in _MAPPINGS else None
    if tight is not None:
        return f'a space is missing after the colon: "{tight[1]}: {tight[2]}"'
    if wrong.kind in _MAPPINGS and wrong.name:
        return f"write {want}, indented below it"
    return f"write {want}"


def _measured(wrong: Wrong) -> tuple[str, str]:
    """Too small, too long, of the wrong pattern; and whatever else pydantic may say."""
    context, subject = wrong.context, _subject(wrong)
    seen = shown(wrong.seen, wrong.raw)
    match wrong.kind:
        case "greater_than_equal":
            return f"{subject} is {seen}", f"write at least {context['ge']}"
        case "greater_than":
            return f"{subject} is {seen}", f"write more than {context['gt']}"
        case "less_than_equal":
            return f"{subject} is {seen}", f"write at most {context['le']}"
        case "less_than":
            return f"{subject} is {seen}", f"write less than {context['lt']}"
        case "multiple_of":
            return f"{subject} is {seen}", f"write a multiple of {context['multiple_of']}"
        case "string_too_short":
            return f"{subject} is {seen}", f"write at least {_characters(context['min_length'])}"
        case "string_too_long":
            size = len(wrong.seen) if isinstance(wrong.seen, str) else 0
            return (
                f"{subject} has {_characters(size)}",
                f"write at most {_characters(context['max_length'])}",
            )
        case "too_short":
            length, limit = context.get("actual_length"), context["min_length"]
            has = f"has {_items(length)}" if length else "is empty"
            return f"{subject} {has}", f"write at least {_items(limit)}"
        case "too_long":
            length, limit = context.get("actual_length"), context["max_length"]
            if length is None:
                return f"{subject} has too many items", f"write at most {_items(limit)}"
            return f"{subject} has {_items(length)}", f"write at most {_items(limit)}"
        case "string_pattern_mismatch":
            pattern = str(context["pattern"])
            fix = _NAMES.get(pattern, f"write text that matches {pattern}")
            return f"{subject}: {quoted(str(wrong.seen))} does not fit", fix
        case "finite_number":
            return f"{subject} is {seen}", "write a finite number"
        case _:
            message = wrong.message[:1].lower() + wrong.message[1:]
            return f"{subject}: {message}", ""


# ---- small words
def _subject(wrong: Wrong) -> str:
    if wrong.at_key:
        return "the key"
    return wrong.name or "the document"


def _template(value: Json) -> str | None:
    """`{name}` without quotes is a mapping of one key without a value: the text that was meant."""
    if not isinstance(value, dict):
        return None
    items = list(cast("dict[str, Json]", value).items())
    return f"{{{items[0][0]}}}" if len(items) == 1 and items[0][1] is None else None


def _either(words: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _is_number(text: str, want: str) -> bool:
    plain = text.removeprefix("-")
    whole = plain.isascii() and plain.isdigit()
    return whole or (
        want.startswith("a number") and plain.isascii() and plain.replace(".", "", 1).isdigit()
    )


def _characters(number: object) -> str:
    return f"{number} character{'' if number == 1 else 's'}"


def _items(number: object) -> str:
    return f"{number} item{'' if number == 1 else 's'}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
