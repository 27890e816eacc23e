"""Laws of mapping, against the plainest reading of the documents one can write down."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.clock import date_day, parse_instant
from tidegate.kernel.context import ApplicationMapping
from tidegate.kernel.event import UNKNOWN_SOURCE, UNMAPPED, Event
from tidegate.kernel.mapping import Applications
from tidegate.kernel.namepattern import parse_name_pattern

NOW = parse_instant("2024-01-16T00:00:00Z")[0]

words = st.sampled_from(["a", "b", "batch_id", "priority", "owner", "context", "data", "0"])
leaves = (
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats(allow_nan=False)
    | st.sampled_from(["", "high", "URGENT", "2024-01-15", "2024-01-15T10:00:00Z", "in/orders_20240115.csv"])
    | st.text(max_size=5)
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(words, values, max_size=5)
paths = st.lists(words, min_size=1, max_size=3).map(".".join)
sources = st.text("ab/*?[]", min_size=1, max_size=5)
readings = st.sampled_from(
    ["data.a", "data.b.a", "a", "subject", "{dataset}_{business_date:%Y%m%d}.csv", "data.a + data.b",
     "business_day(time, -1, calendar, timezone, cutoff)", "'2024-01-15'", "business_day(data.a)"]
)  # fmt: skip


@st.composite
def events(draw: st.DrawFn) -> Event:
    return Event(
        id="a",
        source=draw(sources),
        type="t",
        time=parse_instant("2024-01-15T10:30:00Z")[0],
        data=draw(values),
        subject=draw(st.none() | st.just("x_20240115.csv")),
        extensions=draw(objects),
    )


@st.composite
def mappings(draw: st.DrawFn) -> ApplicationMapping:
    said: dict[str, Any] = {"source_pattern": draw(sources)}
    for key in ("context_id_mapping", "priority_mapping", "owner_mapping", "kind_mapping"):
        if draw(st.booleans()):
            said[key] = draw(paths | st.lists(paths, min_size=1, max_size=2))
    for key in ("dataset_mapping", "business_date_mapping"):
        if draw(st.booleans()):
            said[key] = draw(readings)
    if draw(st.booleans()):
        said["context_mapping"] = {
            draw(paths): draw(st.sampled_from(["context_id", "context.kind", "priority"]))
        }
    return ApplicationMapping.model_validate(said)


@st.composite
def entries(draw: st.DrawFn) -> list[tuple[str, ApplicationMapping]]:
    """Applications, no two with the same pattern."""
    found = {one.source_pattern: one for one in draw(st.lists(mappings(), max_size=4))}
    return [(f"app{number}", one) for number, one in enumerate(found.values())]


# ---- a function of the event and the documents
@given(entries(), events())
def test_mapping_never_fails_and_its_result_can_be_stored(
    given_entries: list[tuple[str, ApplicationMapping]], event: Event
) -> None:
    mapped = Applications.of(given_entries).apply(event)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mapped), type=Event) == mapped
    assert bool(mapped.marks & UNMAPPED) == bool(mapped.unmapped)
    assert mapped.unmapped or (mapped.dataset is not None and mapped.day is not None)
    assert (mapped.id, mapped.source, mapped.type, mapped.time, mapped.data, mapped.subject) == (
        event.id, event.source, event.type, event.time, event.data, event.subject,
    )  # fmt: skip


@given(entries(), st.lists(events(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_mapping_is_a_function_of_the_event_and_the_documents(
    given_entries: list[tuple[str, ApplicationMapping]], heard: list[Event], random: Any
) -> None:
    alone = [Applications.of(given_entries).apply(event) for event in heard]

    shuffled = random.sample(given_entries, len(given_entries))
    together = Applications.of(shuffled)

    assert [together.apply(event) for event in [*heard, *heard]] == [*alone, *alone]


# ---- whose is it
@given(entries(), sources)
def test_a_source_belongs_to_itself_else_to_the_longest_glob_that_fits(
    given_entries: list[tuple[str, ApplicationMapping]], source: str
) -> None:
    by_pattern = {one.source_pattern: name for name, one in given_entries}
    fitting = [pattern for pattern in by_pattern if fnmatchcase(source, pattern)]
    best = min(fitting, key=lambda pattern: (-len(pattern), pattern), default=None)

    found = Applications.of(given_entries).find(source)

    expected = by_pattern.get(source) or (by_pattern[best] if best is not None else "")
    assert found.name == expected
    assert bool(found.marks & UNKNOWN_SOURCE) == (expected == "")


# ---- what it says
def look(event: Event, path: str) -> Any:
    """The oracle of paths: walks a plain tree of the event; None when there is nothing."""
    own = {"id": event.id, "source": event.source, "type": event.type, "subject": event.subject}
    tree: Any = {**event.extensions, **own, "data": event.data}
    for segment in path.split("."):
        if isinstance(tree, list) and segment.isdigit():
            tree = tree[int(segment)] if int(segment) < len(tree) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        else:
            tree = tree.get(segment) if isinstance(tree, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return tree  # pyright: ignore[reportUnknownVariableType]


def first(event: Event, *tried: str) -> Any:
    return next((value for path in tried if (value := look(event, path)) is not None), None)


@given(events(), paths)
def test_a_field_of_the_first_spelling_is_the_contexts_else_the_events(
    event: Event, field: str
) -> None:
    mapping = ApplicationMapping.model_validate(
        {"source_pattern": "*", "context_mapping": {field: "context_id"}}
    )

    mapped = Applications.of([("app", mapping)]).apply(event)

    value = first(event, f"context.{field}", field)
    expected = (
        str(value) if type(value) is int else value if isinstance(value, str) and value else None
    )
    assert mapped.context_id == expected


@given(events(), paths)
def test_a_mapped_priority_is_one_of_four_and_stands_in_the_context(
    event: Event, path: str
) -> None:
    mapping = ApplicationMapping(source_pattern="*", priority_mapping=path)

    mapped = Applications.of([("app", mapping)]).apply(event)

    value = look(event, path)
    word = value.strip().lower() if isinstance(value, str) else ""
    known = word if word in ("low", "normal", "high", "critical") else "normal"
    assert mapped.priority == (None if value is None else known)
    before = event.extensions.get("context")
    if value is not None and (before is None or isinstance(before, dict)):
        assert mapped.extensions["context"]["priority"] == value
        assert {**(before or {}), "priority": value} == mapped.extensions["context"]
    else:
        assert mapped.extensions == event.extensions


@given(
    st.dates(),
    st.sampled_from(["{}", "{}T23:59:59+14:00", "{}T00:00:00Z", "{}x", " {}", "{}T", "x"]),
)
def test_a_business_date_is_what_the_text_begins_with_if_all_of_it_is_a_date_or_a_time(
    day: date, form: str
) -> None:
    event = Event(
        "a", "/x", "t", NOW, {"dataset_name": "d", "business_date": form.format(day.isoformat())}
    )

    mapped = Applications.of([]).apply(event)

    readable = form in ("{}", "{}T23:59:59+14:00", "{}T00:00:00Z")
    assert mapped.day == (date_day(day) if readable else None)
    assert bool(mapped.marks & UNMAPPED) != readable


# ---- names
formats = st.sampled_from(["%Y%m%d", "%d-%m-%y", "%Y/%m/%d", "%y%j", "%Y-%m-%dT%H%M%S"])
fields = st.text("abc_.", min_size=1, max_size=6)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), formats, fields, st.text("ab*.", max_size=4))
def test_a_name_that_was_made_from_a_pattern_is_read_back(
    day: date, form: str, dataset: str, ending: str
) -> None:
    pattern = parse_name_pattern(f"{{dataset}}={{business_date:{form}}}{ending.replace('*', '')}")

    found = pattern.match(f"{dataset}={day.strftime(form)}{ending.replace('*', '')}")

    assert found is not None
    assert (found.day, found.fields) == (date_day(day), {"dataset": dataset})


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", max_size=10))
def test_stars_and_question_marks_match_what_a_glob_matches(glob: str, name: str) -> None:
    while "**" in glob:
        glob = glob.replace("**", "*")

    found = parse_name_pattern(glob).match(name)

    assert (found is not None) == fnmatchcase(name, glob)
