"""Mending: what is wrong with a body, and what is wrong behind that.

    body --model--> wrongs --mend as proposed, else take out--> body' --model--> ... --> Mended

A model stops at what it cannot read: keys below an unknown one, what two values are together, and
everything that is judged with other documents would only be told once the first fault is mended. So
each fault is mended here as its own fix says (`did you mean "owner"?`), or its value is taken out,
and the model is asked again. What only follows from a value that was taken out is not told.

Nothing mended is ever followed: it serves to find faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ValidationError

from tidegate.kernel.errors import TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.place import Path, Place, Places
from tidegate.kernel.spelling import nearest
from tidegate.kernel.validation import Wrong, reduce_errors
from tidegate.kernel.value import is_list, is_map
from tidegate.kernel.wording import say

ROUNDS_MAX = 8
"""Faults behind one another in one document; the innermost wait for those before them."""

UNREAD = "unread"
"""Stands for a text that must be there and cannot be read."""

_MEANT = re.compile(r'did you mean "([^"]*)"\?')
_KEYS = ("missing", "union_tag_not_found")


class Gap(Struct, frozen=True):
    """A value that could not be read and was taken out."""

    path: Path  # in the body, by its mended keys
    value: Json


class Mended(Struct, frozen=True):
    wrongs: tuple[Wrong, ...]
    untold: int  # further ones, which were only counted
    places: Places  # of the values as written, by their mended keys as well
    written: Json  # with mended keys and words, and with all values that cannot be read
    body: Json | None  # passes the model: those taken out; None where too little is left
    moved: Moved  # where the values of `body` stand
    gaps: tuple[Gap, ...]


class Moved(Mapping[Path, Place]):
    """Places by the paths of a mended document: its keys had other names, its items other indexes."""

    def __init__(
        self, places: Places, keys: Mapping[Path, str], kept: Mapping[Path, Sequence[int]]
    ) -> None:
        self._places = places
        self._keys = keys
        self._kept = kept

    def __getitem__(self, path: Path) -> Place:
        if not self._keys and not self._kept:
            return self._places[path]
        here = self.before(path)
        return self._places[tuple(self._keys.get(here[: n + 1], here[n]) for n in range(len(here)))]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def before(self, path: Path) -> Path:
        """The path before items were taken out of lists."""
        here: Path = ()
        for step in path:
            kept = self._kept.get(here, ())
            there = isinstance(step, int) and step < len(kept)
            here = (*here, kept[step] if there and isinstance(step, int) else step)
        return here


def mend(
    body: Json, model: type[BaseModel], places: Places, at: Path, spare: Mapping[str, Json]
) -> Mended:
    """All that is wrong with a body that stands at this path. Raises TidegateError as the model does."""
    return _Mending(body, model, places, at, spare).result()


def _tagged(wrong: Wrong) -> Path:
    """The mapping whose word for what it is was wrong."""
    return wrong.path[:-1] if wrong.path[-1:] == (wrong.key,) else wrong.path


class _Mending:
    """One body while it is mended. Paths are those in the file, with mended keys."""

    def __init__(
        self,
        body: Json,
        model: type[BaseModel],
        places: Places,
        at: Path,
        spare: Mapping[str, Json],
    ) -> None:
        self._model = model
        self._at = at
        self._spare = spare
        self._body = body
        self._written: Json = None
        self._keys: dict[Path, str] = {}  # what mended keys were called
        self._places = Moved(places, self._keys, {})
        self._base = places
        self._out: dict[Path, Json] = {}
        self._lost: set[Path] = set()  # those of them whose keys the model knows
        self._gaps: dict[Path, Json] = {}
        self._put: set[Path] = set()  # words that were exchanged
        self._spared = False
        self._wrongs: list[Wrong] = []
        self._untold = 0

    def result(self) -> Mended:
        errors, kept = self._judge(self._body, {})
        if errors is None:
            return self._mended(self._body, kept)
        self._written = msgspec.json.decode(msgspec.json.encode(self._body))
        for _ in range(ROUNDS_MAX):
            if not self._take(errors, kept):
                break
            kept = dict[Path, tuple[int, ...]]()
            rest = self._rest(self._written, self._at, kept)
            try:
                errors, kept = self._judge(rest, kept)
            except TidegateError:
                break
            if errors is None:
                return self._mended(rest, kept)
        return self._mended(None, {})

    def _judge(
        self, body: Json, kept: dict[Path, tuple[int, ...]]
    ) -> tuple[ValidationError | None, dict[Path, tuple[int, ...]]]:
        # As JSON, because a strict model then reads texts as dates and lists as tuples, and no
        # wider: so the same document is judged alike from a folder and from a request.
        try:
            self._model.model_validate_json(msgspec.json.encode(body))
        except ValidationError as error:
            return error, kept
        return None, kept

    def _mended(self, body: Json | None, kept: Mapping[Path, tuple[int, ...]]) -> Mended:
        depth = len(self._at)
        return Mended(
            wrongs=tuple(self._wrongs),
            untold=self._untold,
            places=self._places,
            written=self._written if self._wrongs else self._body,
            body=body,
            moved=Moved(self._base, self._keys, kept),
            gaps=tuple(Gap(path[depth:], value) for path, value in self._gaps.items()),
        )

    # ---- one round
    def _take(self, error: ValidationError, kept: Mapping[Path, Sequence[int]]) -> bool:
        """Tells what is new and mends everything; False where nothing more can be mended."""
        wrongs, untold = reduce_errors(error, self._places, self._model, self._at, kept)
        told = {(one.kind, one.path, one.key) for one in self._wrongs}
        self._wrongs += [
            one
            for one in wrongs
            if (one.kind, one.path, one.key) not in told and not self._follows(one)
        ]
        self._untold += untold
        if untold:
            return False
        # The innermost first: what is renamed around them keeps their paths right until then.
        changed = [self._change(one) for one in sorted(wrongs, key=lambda one: -len(one.path))]
        return any(changed)

    def _follows(self, wrong: Wrong) -> bool:
        """It would not be there, had nothing been taken out or exchanged."""
        if self._spared or wrong.path in self._put or (*wrong.path, wrong.key) in self._put:
            return True
        if wrong.kind in _KEYS:
            return (*wrong.path, wrong.key) in self._gaps
        return wrong.kind != "extra_forbidden" and any(
            wrong.path == lost[:-1] for lost in self._lost
        )

    def _change(self, wrong: Wrong) -> bool:
        path = wrong.path
        found = _MEANT.fullmatch(say(wrong)[1])
        meant = found[1] if found is not None else None
        if wrong.kind == "union_tag_not_found" and self._rename_nearest(path, wrong.key):
            return True
        if wrong.kind in _KEYS:
            return self._give((*path, wrong.key))
        if path == self._at:
            return False
        if path in self._out:
            return self._give(path)  # it must be there
        if wrong.kind == "extra_forbidden":
            return self._rename(path, meant) or self._take_out(path, known=False)
        value = self._find(path)
        if meant is not None and isinstance(value, str) and path not in self._put:
            self._set(path, meant)
            self._put.add(path)
            return True
        return self._take_out(_tagged(wrong) if wrong.kind == "union_tag_invalid" else path)

    def _give(self, path: Path) -> bool:
        """A spare value for what must be there; where none will do, what lacks it is taken out."""
        parent, key = self._find(path[:-1]), str(path[-1])
        spare = {key: UNREAD}
        if path[:-1] == self._at:
            # All of them, for one is nothing without the others.
            spare = dict(self._spare) if key in self._spare else {}
            self._spared = self._spared or bool(spare)
        if not spare or not is_map(parent) or path in self._put:
            return self._take_out(path[:-1])
        for one, value in spare.items():
            own = (*path[:-1], one)
            self._gaps.setdefault(own, None)
            self._out.pop(own, None)
            self._put.add(own)
            parent[one] = value
        return True

    def _rename(self, path: Path, meant: str | None) -> bool:
        parent = self._find(path[:-1])
        if meant is None or not is_map(parent) or meant in parent or path[-1] not in parent:
            return False
        old, new = str(path[-1]), (*path[:-1], meant)
        items = [(meant if key == old else key, value) for key, value in parent.items()]
        parent.clear()
        parent.update(items)
        self._keys[new] = old
        return True

    def _rename_nearest(self, path: Path, key: str) -> bool:
        """The key that is nearly the one that tells what the rest of its mapping may be."""
        parent = self._find(path)
        written = nearest(key, parent) if is_map(parent) else None
        return written is not None and self._rename((*path, written), key)

    def _take_out(self, path: Path, *, known: bool = True) -> bool:
        if path in self._out or len(path) <= len(self._at):
            return False
        value = self._find(path)
        self._out[path] = value
        self._gaps[path] = value
        if known:
            self._lost.add(path)
        return True

    # ---- the body
    def _find(self, path: Path) -> Json:
        value = self._written
        for step in path[len(self._at) :]:
            if is_map(value):
                value = value.get(str(step))
            elif is_list(value) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def _set(self, path: Path, value: Json) -> None:
        parent = cast("dict[str | int, Any]", self._find(path[:-1]))
        parent[path[-1]] = value

    def _rest(self, value: Json, here: Path, kept: dict[Path, tuple[int, ...]]) -> Json:
        """What is left of a value; `kept` learns which items of its lists."""
        if is_map(value):
            return {
                key: self._rest(item, (*here, key), kept)
                for key, item in value.items()
                if (*here, key) not in self._out
            }
        if is_list(value):
            left = [number for number in range(len(value)) if (*here, number) not in self._out]
            if len(left) < len(value):
                kept[here] = tuple(left)
            return [self._rest(value[number], (*here, number), kept) for number in left]
        return value
