"""Spelling: which known word somebody probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

CLOSE_MIN = 0.7
"""Share of two words that must agree; below it a guess misleads more than it helps."""
MISSPELT_MIN = 0.8
"""The same for a word that may be right as it is: only what is surely a slip is worth a word."""
SHORT_MIN = 3
"""Letters of a word cut short that tell it from others."""
WORD_MAX = 64
"""Longer words are never guessed at: comparing costs the square of their length."""
SLIP_MAX = 3
"""Letters between the first and the last that differ."""
CODE_MAX = 3
"""Letters of a part that tells words apart on purpose: `orders_eu` and `orders_us`."""
LISTED_MAX = 12
"""Words a message lists; it says how many more there are."""

_PARTS = re.compile(r"[^-_. ]+")
_DIGITS = re.compile(r"\d+")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one; case, `-`, `_` and spaces count for nothing."""
    if len(word) > WORD_MAX:
        return None
    plain: dict[str, str] = {}
    for candidate in known:
        plain.setdefault(_plain(candidate), candidate)
    wanted = _plain(word)
    # `date` is a part of `business_date`, though `dataset` has more of its letters.
    whole = [known for known in plain.values() if word.casefold() in _PARTS.findall(known)]
    if wanted not in plain and len(whole) == 1:
        return whole[0]
    matches = get_close_matches(wanted, plain, 1, CLOSE_MIN)
    if not matches and len(wanted) >= SHORT_MIN:
        # A word cut short is meant if only one begins like it.
        longer = [known for known in plain if known.startswith(wanted)]
        matches = longer if len(longer) == 1 else []
    return plain[matches[0]] if matches else None


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """The known word of which this one is a slip of the pen, where both could be right."""
    if not SHORT_MIN < len(word) <= WORD_MAX:
        return None
    wanted = _plain(word)
    likeness = SequenceMatcher(b=wanted, autojunk=False)
    best: tuple[float, str] | None = None
    for candidate in known:
        plain = _plain(candidate)
        if word == candidate or not _one_slip(wanted, plain) or _on_purpose(word, candidate):
            continue
        likeness.set_seq1(plain)
        ratio = likeness.ratio()
        if ratio >= MISSPELT_MIN and (best is None or ratio > best[0]):
            best = ratio, candidate
    return None if best is None else best[1]


def _one_slip(word: str, other: str) -> bool:
    """They differ in one short place: a letter more, less or wrong, or two that changed places.

    Quick, for a project may declare thousands of names.
    """
    longest, shortest = max(len(word), len(other)), min(len(word), len(other))
    if longest - shortest > 1:
        return False
    start = 0
    while start < shortest and word[start] == other[start]:
        start += 1
    end = 0
    while end < shortest - start and word[-1 - end] == other[-1 - end]:
        end += 1
    return longest - start - end <= SLIP_MAX


def _on_purpose(word: str, other: str) -> bool:
    """They differ in digits alone, or in short parts alone, as names in a row do."""
    plain, other_plain = _plain(word), _plain(other)
    if plain != other_plain and _DIGITS.sub("", plain) == _DIGITS.sub("", other_plain):
        return True
    parts, others = _PARTS.findall(word), _PARTS.findall(other)
    differing = [
        max(map(len, pair)) for pair in zip(parts, others, strict=False) if len(set(pair)) > 1
    ]
    return len(parts) == len(others) and len(differing) > 0 and max(differing) <= CODE_MAX


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A fix: the nearest word as a question, else what is said instead."""
    found = nearest(word, known)
    return f'did you mean "{found}"?' if found is not None else otherwise


def listed(words: Iterable[str]) -> str:
    """`a, b, c`; of many the first, and the count of the others."""
    every = list(words)
    text = ", ".join(every[:LISTED_MAX])
    rest = len(every) - LISTED_MAX
    return f"{text} and {rest} more" if rest > 0 else text


def _plain(word: str) -> str:
    return word.casefold().translate(_IGNORED)


_IGNORED = str.maketrans("", "", "-_ ")
