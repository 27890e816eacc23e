"""Pattern: a regular expression that answers yes or no in time linear in the text.

Python's own engine tries alternatives one after the other, so `(a+)+$` on forty letters takes
longer than anyone waits, and no test of a pattern's looks finds all of these. Here all
alternatives are followed at once (Thompson's way): a pattern of m instructions on n characters
costs at most n * m, whatever they are. The sets of alternatives met are kept, so a pattern used
often costs one dictionary lookup a character.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias, assert_never

from tidegate.kernel.pattern_parser import (
    Border,
    Chars,
    Edge,
    Either,
    Part,
    PatternError,
    PatternParser,
    Repeat,
    Sequence,
)

PROGRAM_MAX: Final = 1000
"""Instructions of one pattern; counted repetition multiplies them."""
KEPT_MAX: Final = 2000
"""Transitions one pattern keeps; then it forgets them all and learns anew."""


class _Take(NamedTuple):
    """Read one character of the set, go on behind."""

    chars: Chars


class _Fork(NamedTuple):
    """Go on at both places."""

    one: int
    other: int


class _Check(NamedTuple):
    """Go on behind, but only here."""

    border: Border


class _Found(NamedTuple):
    """The whole pattern has been read."""


_Instruction: TypeAlias = _Take | _Fork | _Check | _Found


class _State:
    """All places the program may be at, and what stood before the next character."""

    __slots__ = ("at", "before", "next")

    def __init__(self, at: frozenset[int], before: str) -> None:
        self.at = at
        self.before = before
        self.next: dict[str, _State | None] = {}
        """None: found. The key "" is the end of the text."""


class Pattern:
    """A compiled pattern; equal texts get equal answers for ever, in any thread."""

    def __init__(self, source: str) -> None:
        """Raises PatternError."""
        self.source = source
        self._program = tuple(_Program().of(PatternParser(source).parse()))
        self._checks = any(isinstance(step, _Check) for step in self._program)
        self._kept = _Kept()

    @property
    def size(self) -> int:
        return len(self._program)

    @property
    def learnt(self) -> int:
        """Transitions it keeps now."""
        return self._kept.transitions

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        # Another thread may forget what is kept here; this one then goes on with what it holds.
        kept = self._kept
        state = kept.start
        for character in (*text, ""):
            try:
                following = state.next[character]
            except KeyError:
                following = self._learn(kept, state, character)
            if following is None:
                return True
            state = following
        return False

    def _learn(self, kept: _Kept, state: _State, character: str) -> _State | None:
        following = self._follow(state, character)
        target: _State | None = None
        if following is not None:
            key = (following, self._before(character))
            target = kept.states.get(key)
            if target is None:
                target = kept.states[key] = _State(*key)
        kept.transitions += 1
        if kept.transitions > KEPT_MAX:
            self._kept = _Kept()
        else:
            state.next[character] = target
        return target

    def _before(self, character: str) -> str:
        """What later borders need to know of a character; nothing where there are no borders."""
        if not self._checks:
            return ""
        return "\n" if character == "\n" else "w" if _is_word(character) else "x"

    def _follow(self, state: _State, character: str) -> frozenset[int] | None:
        """Where the program may be after one more character; None when it found its end before."""
        program, seen = self._program, set[int]()
        reached, waiting = {0}, list(state.at)
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            match program[at]:
                case _Take(chars):
                    if character and chars.holds(character):
                        reached.add(at + 1)
                case _Fork(one, other):
                    waiting += (one, other)
                case _Check(border):
                    if _stands(border, state.before, character):
                        waiting.append(at + 1)
                case _Found():
                    return None
        return frozenset(reached)


class _Kept:
    """What one pattern has learnt."""

    def __init__(self) -> None:
        self.start = _State(frozenset({0}), "")
        self.states: dict[tuple[frozenset[int], str], _State] = {}
        self.transitions = 0


class _Program:
    """Writes a tree as instructions."""

    def __init__(self) -> None:
        self._steps: list[_Instruction] = []
        self._written = 0

    def of(self, part: Part) -> Iterable[_Instruction]:
        self._write(part)
        return (*self._steps, _Found())

    def _write(self, part: Part) -> None:
        # Empty parts write nothing but may be repeated too, so calls are counted as well.
        self._written += 1
        if len(self._steps) > PROGRAM_MAX or self._written > 10 * PROGRAM_MAX:
            raise PatternError(0, f"it needs more than {PROGRAM_MAX} instructions")
        match part:
            case Chars():
                self._steps.append(_Take(part))
            case Edge():
                self._steps.append(_Check(part.border))
            case Sequence():
                for one in part.parts:
                    self._write(one)
            case Either():
                self._write_either(part)
            case Repeat():
                self._write_repeat(part)
            case _:
                assert_never(part)

    def _write_either(self, part: Either) -> None:
        ends: list[int] = []
        for branch in part.branches[:-1]:
            fork = self._reserve()
            self._write(branch)
            ends.append(self._reserve())
            self._steps[fork] = _Fork(fork + 1, len(self._steps))
        self._write(part.branches[-1])
        self._join(ends)

    def _write_repeat(self, part: Repeat) -> None:
        for _ in range(part.least):
            self._write(part.part)
        if part.most is None:
            fork = self._reserve()
            self._write(part.part)
            self._steps.append(_Fork(fork, fork))
            self._steps[fork] = _Fork(fork + 1, len(self._steps))
            return
        forks: list[int] = []
        for _ in range(part.most - part.least):
            forks.append(self._reserve())
            self._write(part.part)
        for fork in forks:
            self._steps[fork] = _Fork(fork + 1, len(self._steps))

    def _reserve(self) -> int:
        self._steps.append(_Fork(0, 0))
        return len(self._steps) - 1

    def _join(self, ends: list[int]) -> None:
        for end in ends:
            self._steps[end] = _Fork(len(self._steps), len(self._steps))


def _is_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())


def _stands(border: Border, before: str, character: str) -> bool:
    """Whether a border lies between what stood before ("": nothing) and this character ("": none)."""
    match border:
        case "text begins":
            return before == ""
        case "text ends":
            return character == ""
        case "line begins":
            return before in ("", "\n")
        case "line ends":
            return character in ("", "\n")
        case "word":
            return (before == "w") is not _is_word(character)
        case "inside":
            return (before == "w") is _is_word(character)
        case _:
            assert_never(border)
