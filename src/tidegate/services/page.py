"""Page: one part of a list that is read page by page, and the cursor of the part that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NotRequired, TypedDict, TypeVar

from msgspec import Struct

from tidegate.kernel.clock import Day
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.ids import parse_public, public
from tidegate.kernel.problem import ProblemAnswer, problem_of
from tidegate.kernel.step import Key

T = TypeVar("T")


class PageAnswer(TypedDict, Generic[T]):
    """Items, the cursor of those that follow, and what could not be read, where there is such."""

    items: list[T]
    next: str | None
    unreadable: NotRequired[list[ProblemAnswer]]


class Page(Struct, Generic[T], frozen=True):
    """Items, and the cursor of those that follow."""

    items: list[T]
    next: str | None
    unreadable: Sequence[Defect] = ()
    """Why cells that belong here are left out: `cell.unreadable`, each with its name."""

    def answer(self) -> PageAnswer[T]:
        """As the API prints it; `unreadable` only where there are some, a problem each."""
        answer: PageAnswer[T] = {"items": self.items, "next": self.next}
        if self.unreadable:
            answer["unreadable"] = self.problems()
        return answer

    def problems(self) -> list[ProblemAnswer]:
        return [problem_of(one) for one in self.unreadable]


def cursor_of(key: Key) -> str:
    """Where a list of cells goes on after this one."""
    return public(str(key.day), key.scope, key.name)


def parse_cursor(kind: str, text: str) -> Key:
    """Raises InputError (`input`)."""
    try:
        day, scope, name = parse_public(text)
        return Key(kind, Day(int(day)), scope, name)
    except ValueError as error:
        raise InputError(
            "input", f"the cursor {text[:80]!r} is none of ours", fix="begin without one"
        ) from error
