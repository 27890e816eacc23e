"""Spelling: which known word somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CLOSE_MIN = 0.7
"""Share of two words that must agree; below it a guess misleads more than it helps."""
SHORT_MIN = 3
"""Letters of a word cut short that tell it from others."""
WORD_MAX = 64
"""Longer words are never guessed at: comparing costs the square of their length."""
LISTED_MAX = 12
"""Words a message lists; it says how many more there are."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one; case, `-`, `_` and spaces count for nothing."""
    if len(word) > WORD_MAX:
        return None
    plain: dict[str, str] = {}
    for candidate in known:
        plain.setdefault(_plain(candidate), candidate)
    wanted = _plain(word)
    matches = get_close_matches(wanted, plain, 1, CLOSE_MIN)
    if not matches and len(wanted) >= SHORT_MIN:
        # A word cut short is meant if only one begins like it.
        longer = [known for known in plain if known.startswith(wanted)]
        matches = longer if len(longer) == 1 else []
    return plain[matches[0]] if matches else None


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
