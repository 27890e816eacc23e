"""YAML 1.2 as plain JSON values with the place of each; several documents a file.

What a word without quotes means is said in `kernel/scalar`.

Decided here:
- JSON has no NaN, no infinity, no integer beyond 64 bits: writing one is a fault.
- A key is text; a number, a truth value or a collection as a key is a fault, a key written twice
  as well (the last counts, so that the rest can still be checked).
- Anchors and aliases are read. An alias may not lie within its own anchor, and all aliases
  of a file together stand for at most ALIAS_NODES_MAX values.
- `<<: *name` merges, though YAML 1.2 lost it, because editors and people still know it: the keys
  written out win, then the first of several sources.
- Tags of the core schema are allowed where they agree with the value; all others are faults.
- `%YAML 1.1` changes nothing, with a warning.
- A syntax fault ends its document; reading goes on at the next `---`.

Parsing is PyYAML's, by libyaml where it is there. Its events are taken one by one: its `compose`
recurses in C without a limit, so that a file of brackets would end the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

import yaml

from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault, fault_at
from tidegate.kernel.place import Lines, Parsed, Path, Place, Span
from tidegate.kernel.scalar import Unfit, plain
from tidegate.kernel.syntax import complaint, forbidden_fault, syntax_fault

DEPTH_MAX = 64
"""Mappings and lists inside one another."""
NODES_MAX = 200_000
"""Values of one file."""
ALIAS_NODES_MAX = 10_000
"""Values that all aliases and merges of one file stand for."""
LAST = 1_000_000
FAULTS_MAX = 1_000
"""Faults after which the rest of a file is left unread."""
SYNTAX_FAULTS_MAX = 20
"""Syntax faults after which the rest of a file is left unread."""

_NAME_KEYS = ("name", "rule_name")
_TWO_DOCUMENTS = 'keep one of the two; another document begins with "---" above it'
_CORE = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {"map": dict, "seq": list}
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),),
}  # fmt: skip

_SURROGATE = re.compile("[\ud800-\udfff]")
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


def parse(
    text: str, file: str, *, pure: bool = False, counting: int = LAST
) -> tuple[tuple[Parsed, ...], tuple[Fault, ...]]:
    """The documents of a file that is not empty, and what is wrong with it; `pure` without libyaml.

    Of a key that is written more than once the one of this index counts, else the last.
    A document that holds nothing (`---` twice in a row, only comments) is left out.
    """
    lines = Lines(text)
    forbidden = forbidden_fault(file, lines)
    if forbidden is not None:
        return (), (forbidden,)
    reader = _Reader(file, lines, counting)
    base = 0
    for _ in range(SYNTAX_FAULTS_MAX):
        resume = reader.read(base, pure=pure)
        if resume is None:
            return tuple(reader.documents), tuple(reader.faults)
        base = resume
    reader.faults.append(
        fault_at(
            file,
            lines.span(base, base + 3),
            f"{SYNTAX_FAULTS_MAX} syntax faults; nothing from here on was read",
            "mend those above first",
        )
    )
    return tuple(reader.documents), tuple(reader.faults)


# ---- events to values
class _Anchor(NamedTuple):
    value: Json
    path: Path
    first: int  # its paths are trail[first:last]
    last: int


class _Stop(Exception):
    """A limit was met; nothing more of this file is read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


class _Reader:
    """Reads one file; holds what its documents share and what the one at hand has so far."""

    def __init__(self, file: str, lines: Lines, counting: int) -> None:
        self.documents: list[Parsed] = []
        self.faults: list[Fault] = []
        self._file = file
        self._lines = lines
        self._counting = counting
        self._base = 0
        self._nodes = 0
        self._expanded = 0
        self._events: Iterator[yaml.Event] = iter(())
        self._begin()

    def _begin(self) -> None:
        self._places: dict[Path, Place] = {}
        self._trail: list[Path] = []  # every path in the order it was met: a node's are one slice
        self._anchors: dict[str, _Anchor | None] = {}  # None while the node is being read
        self._times = 1
        self._twice = 0
        self._last = False  # the newest of `documents` is the one at hand
        self._ended = False  # by `...`

    def read(self, base: int, *, pure: bool) -> int | None:
        """Reads on from an offset; the offset to resume from after a syntax fault, None at the end."""
        text = self._lines.text
        self._base = base
        loader = yaml.SafeLoader if pure else _LOADER
        try:
            self._events = yaml.parse(text[base:], Loader=loader)
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._document(event)
                elif isinstance(event, yaml.DocumentEndEvent):
                    self._ended = bool(event.explicit)
        except _Stop as stop:
            self.faults.append(stop.fault)
        except yaml.YAMLError as error:
            if self._last and not self._ended:
                # What follows belonged to it, so it is no whole document.
                self.documents.pop()
                self._last = False
            found = complaint(error, base, text)
            fault = syntax_fault(found, self._file, self._lines)
            if not any(other.line == fault.line for other in self.faults):
                # On one line a second fault is nearly always another sign of the first.
                self.faults.append(fault)
            separator = _SEPARATOR.search(text, max(base + 1, found.at))
            return separator.start() if separator is not None else None
        return None

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._begin()
        if event.version is not None and event.version != (1, 2):
            self._fault(
                self._span(event, event),
                f"%YAML {event.version[0]}.{event.version[1]} changes nothing: this is read as 1.2",
                "remove the line; words such as yes and on are text",
                warning=True,
            )
        value = self._node(next(self._events), (), None)
        if value is not None:
            self.documents.append(Parsed(value, self._places, self._times, self._twice))
            self._last = True

    def _node(self, event: yaml.Event, path: Path, key: Span | None) -> Json:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise self._stop(event, f"more than {NODES_MAX:,} values", "split the file")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, key)
        assert isinstance(event, yaml.NodeEvent)
        first = len(self._trail)
        self._trail.append(path)
        if event.anchor:
            self._anchors[event.anchor] = None
        raw = ""
        end: yaml.Event = event
        value: Json
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            raw = "" if isinstance(value, str) else event.value
        else:
            assert isinstance(event, yaml.CollectionStartEvent)
            if len(path) >= DEPTH_MAX:
                raise self._stop(event, f"nested deeper than {DEPTH_MAX} levels", "flatten it")
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            value, end = self._mapping(path) if is_mapping else self._sequence(path)
            self._check_tag(event, value)
        self._places[path] = Place(self._span(event, end), key, raw)
        if event.anchor:
            self._anchors[event.anchor] = _Anchor(value, path, first, len(self._trail))
        return value

    def _sequence(self, path: Path) -> tuple[list[Json], yaml.Event]:
        values: list[Json] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return values, event
            values.append(self._node(event, (*path, len(values)), None))
        raise AssertionError("a parser closes what it opens")

    def _mapping(self, path: Path) -> tuple[dict[str, Json], yaml.Event]:
        values: dict[str, Json] = {}
        keys: dict[str, Span] = {}
        times: dict[str, int] = {}
        merge_first: int | None = None
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                if merge_first is not None:
                    self._merge(values, path, merge_first)
                return values, event
            key, span = self._key(event, path)
            if key is None:
                self._node(next(self._events), (*path, "?"), span)
                continue
            if key in keys:
                times[key] = times.get(key, 1) + 1
                self._times = max(self._times, times[key])
                self._twice += 1
                self._fault(
                    span,
                    f'"{key}" is written twice, first on line {keys[key].line}',
                    _TWO_DOCUMENTS if key in _NAME_KEYS and not path else "keep one of the two",
                )
            keys[key] = span
            if times.get(key, 1) - 1 > self._counting:
                self._node(next(self._events), (*path, "?"), span)
                continue
            if _is_merge(event):
                merge_first = len(self._trail)
            values[key] = self._node(next(self._events), (*path, key), span)
        raise AssertionError("a parser closes what it opens")

    def _key(self, event: yaml.Event, path: Path) -> tuple[str | None, Span]:
        """A key as text, or None where there is none to go by."""
        span = self._span(event, event)
        if not isinstance(event, yaml.ScalarEvent):
            value = self._node(event, (*path, "?"), None)
            span = self._places[(*path, "?")].value
            if isinstance(value, str):
                return value, span
            if not isinstance(event, yaml.AliasEvent):
                self._fault(span, *self._odd_key(event))
            return None, span
        if event.anchor:
            here = len(self._trail)
            self._anchors[event.anchor] = _Anchor(event.value, (*path, "?"), here, here)
        if not event.implicit[0]:
            return self._text(event), span
        if event.value == "":
            self._fault(
                span, "a key is missing before the colon", "write the key, or quote the text"
            )
            return None, span
        try:
            value = plain(event.value)
        except Unfit:
            value = None
        if not isinstance(value, str):
            self._fault(
                span, f"the key {event.value} is no text", f'write it in quotes: "{event.value}"'
            )
        return event.value, span

    def _odd_key(self, event: yaml.Event) -> tuple[str, str]:
        start = self._base + _index(event.start_mark)
        text = self._lines.text
        if text[max(0, start - 1) : start + 1] == "{{":
            end = text.find("}}", start)
            template = text[start - 1 : end + 2] if 0 <= end - start < 200 else "{{ ... }}"
            return "a template without quotes is read as a mapping", f'write "{template}"'
        return "a list or mapping cannot be a key", "write the key as text"

    def _merge(self, values: dict[str, Json], path: Path, first: int) -> None:
        """Puts what `<<` names below the keys that are written out; its paths begin at `first`."""
        home = (*path, "<<")
        source = values.pop("<<")
        several = isinstance(source, list)
        listed = cast("list[Json]", source if several else [source])
        sources = {(*home, i) if several else home: each for i, each in enumerate(listed)}
        taken: dict[Path, set[str]] = {}
        for origin, each in sources.items():
            if not isinstance(each, dict):
                span = self._places[home].value
                self._fault(span, "<< merges mappings only", "write <<: *name of a mapping")
                return
            added = {k: v for k, v in cast("dict[str, Json]", each).items() if k not in values}
            values.update(added)
            taken[origin] = set(added)
        depth = len(home) + several
        paths = [
            below
            for below in self._trail[first:]
            if len(below) > depth and below[depth] in taken.get(below[:depth], ())
        ]
        self._copy(paths, depth, path)

    def _alias(self, event: yaml.AliasEvent, path: Path, key: Span | None) -> Json:
        name = event.anchor or ""
        span = self._span(event, event)
        anchor = self._anchors.get(name)
        self._trail.append(path)
        self._places[path] = Place(span, key)
        if anchor is None:
            if name in self._anchors:
                self._fault(span, f"*{name} lies within &{name}", "repeat no value inside itself")
            else:
                self._fault(span, f"no anchor &{name} stands above", f"write &{name} before it")
            return None
        self._copy(self._trail[anchor.first + 1 : anchor.last], len(anchor.path), path)
        return anchor.value

    def _copy(self, paths: list[Path], depth: int, to: Path) -> None:
        """Gives values that stand elsewhere their places here, too."""
        self._expanded += len(paths) + 1
        if self._expanded > ALIAS_NODES_MAX:
            raise _Stop(
                fault_at(
                    self._file,
                    self._places[to].value if to in self._places else None,
                    f"the aliases of this file stand for more than {ALIAS_NODES_MAX:,} values",
                    "write the values out, or split the file",
                )
            )
        for path in paths:
            new = (*to, *path[depth:])
            self._trail.append(new)
            self._places[new] = self._places[path]

    # ---- one value
    def _scalar(self, event: yaml.ScalarEvent) -> Json:
        if event.implicit[0] and event.tag is None:
            return self._plain(event)
        if event.tag is None or event.tag in ("!", f"{_CORE}str"):
            return self._text(event)
        sort = event.tag.removeprefix(_CORE)
        if sort not in _SCALAR_TAGS:
            text = f"{event.tag} {event.value}".strip()
            fix = f'put the text in quotes: "{text}"' if event.tag[1:2] == "=" else "remove it"
            self._fault(self._span(event, event), f"the tag {_short(event.tag)} is not read", fix)
            return event.value
        value = self._plain(event)
        if type(value) not in _SCALAR_TAGS[sort]:
            self._fault(
                self._span(event, event),
                f'"{event.value[:40]}" does not agree with its tag !!{sort}',
                "remove the tag",
            )
        return value

    def _text(self, event: yaml.ScalarEvent) -> str:
        # Only PyYAML's own scanner lets an escape such as \ud83d pass; libyaml refuses it.
        if event.value.isascii() or _SURROGATE.search(event.value) is None:
            return event.value
        self._fault(
            self._span(event, event), "this escape is no character", "write the character itself"
        )
        return _SURROGATE.sub("\ufffd", event.value)

    def _plain(self, event: yaml.ScalarEvent) -> Json:
        try:
            return plain(event.value)
        except Unfit as unfit:
            self._fault(
                self._span(event, event),
                f"{event.value[:40]} {unfit}",
                "put it in quotes if it is text",
            )
            return None

    def _check_tag(self, event: yaml.CollectionStartEvent, value: Json) -> None:
        if event.tag is None or event.tag == "!":
            return
        if _COLLECTION_TAGS.get(event.tag.removeprefix(_CORE)) is not type(value):
            self._fault(
                self._span(event, event), f"the tag {_short(event.tag)} is not read", "remove it"
            )

    # ---- places
    def _span(self, first: yaml.Event, last: yaml.Event) -> Span:
        return self._lines.span(
            self._base + _index(first.start_mark), self._base + _index(last.end_mark)
        )

    def _fault(self, span: Span, what: str, fix: str, *, warning: bool = False) -> None:
        if len(self.faults) >= FAULTS_MAX:
            what = f"{FAULTS_MAX:,} faults; nothing from here on was read"
            raise _Stop(fault_at(self._file, span, what, "mend those above first"))
        self.faults.append(fault_at(self._file, span, what, fix, warning=warning))

    def _stop(self, event: yaml.Event, what: str, fix: str) -> _Stop:
        return _Stop(fault_at(self._file, self._span(event, event), what, fix))


def _is_merge(event: yaml.Event) -> bool:
    """`<<` without quotes; in quotes it is a key like any other."""
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag


def _index(mark: object) -> int:
    # Both parsers' marks have one; the stubs know two unrelated classes.
    index: int = getattr(mark, "index", 0)
    return index


_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = (
    yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
)
