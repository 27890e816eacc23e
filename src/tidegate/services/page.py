"""Page: one part of a list that is read page by page, and the cursor of the part that follows."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tidegate.kernel.clock import Day
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import parse_public, public
from tidegate.kernel.problem import problem_of
from tidegate.kernel.step import Key


class Page(Struct, frozen=True):
    """Items, and the cursor of those that follow."""

    items: list[Json]
    next: str | None
    unreadable: Sequence[Defect] = ()
    """Why cells that belong here are left out: `cell.unreadable`, each with its name."""

    def answer(self) -> dict[str, Json]:
        """As the API prints it; `unreadable` only where there are some, a problem each."""
        answer: dict[str, Json] = {"items": self.items, "next": self.next}
        if self.unreadable:
            answer["unreadable"] = self.problems()
        return answer

    def problems(self) -> list[Json]:
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
