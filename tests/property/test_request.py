"""Names of requests: whatever asks for a run, no two share a name.

Words are drawn that stand in names; then everybody who could be meant by those words in that order,
if names were only joined by dots, must have a name of his own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from tidegate.correlate.identity import parse_id, public_id, request_id
from tidegate.kernel.clock import NO_DAY, Day
from tidegate.kernel.errors import InputError
from tidegate.kernel.ids import segment
from tidegate.kernel.public_id import public_id as run_id
from tidegate.kernel.request import again_request, parse_again, person_request
from tidegate.kernel.step import Key


class Asking(Struct, frozen=True):
    """Somebody who asks for a run: a person, or a gate's action."""

    kind: str
    name: str  # a person's key, or a rule
    values: str = ""
    round: int = 0
    number: int = 0
    what: str = "open"
    again: int = 0


WORDS = st.sampled_from(["a", "person", "k=v", "001", "1", "again", "timeout", "quarantine"])
ENDS = st.sampled_from([[], ["again", "1"], ["7", "again", "1"]])
SENTENCES = st.builds(
    lambda *parts: [word for part in parts for word in part],
    st.lists(WORDS, min_size=1, max_size=3),
    st.just(["001"]),
    st.one_of(st.just(["quarantine"]), st.just([])),
    st.lists(WORDS, max_size=2),
    st.just(["1"]),
    ENDS,
)
SEGMENTS = st.text(".:%", max_size=2).map(segment)
NAMES = st.sampled_from(["a", "a.001", "a b", "person"])
VALUES = st.lists(SEGMENTS, max_size=2).map(
    lambda values: "&".join(f"data.{n}={value}" for n, value in enumerate(values))
)
GATES = st.builds(Key, st.just("gate"), st.sampled_from([NO_DAY, Day(0), Day(1)]), NAMES, VALUES)
ROUNDS = st.sampled_from([1, 2, 12, 1001])


def who_could_be_meant(words: Sequence[str]) -> Iterator[Asking]:
    """Everybody whose parts, joined by dots, are these words."""
    yield from _first(words, 0)
    if len(words) > 2 and words[-2] == "again" and words[-1].isdigit():
        yield from _first(words[:-2], int(words[-1]))


def _first(words: Sequence[str], again: int) -> Iterator[Asking]:
    if words[0] == "person" and len(words) > 1:
        yield Asking("person", ".".join(words[1:]), again=again)
    for first, second in combinations(range(1, len(words)), 2):
        yield from _gate(words[:first], words[first:second], words[second:], again)
        yield from _gate(words[:second], (), words[second:], again)


def _gate(
    rule: Sequence[str], values: Sequence[str], rest: Sequence[str], again: int
) -> Iterator[Asking]:
    name, value, what = ".".join(rule), ".".join(values), ".".join(rest[1:-1])
    if (values and "=" not in value) or "=" in name or len(rest) < 2:
        return
    known = what in ("", "timeout") or what.startswith("quarantine.")
    if known and rest[0] == "001" and rest[-1].isdigit():
        # Of an event its source's length comes first: it is no word a name has of its own.
        what = what.replace("quarantine.", "quarantine.1%20s%20")
        yield Asking("gate", name, value, 1, int(rest[-1]), what or "open", again)


def name_of(asking: Asking) -> str | None:
    """None for a person's key that is refused."""
    if asking.kind == "gate":
        key = Key("gate", NO_DAY, asking.name, asking.values)
        first = request_id(key, asking.round, asking.number, asking.what)
    else:
        try:
            first = person_request(asking.name)
        except InputError:
            return None
    return again_request(first, asking.again) if asking.again else first


@given(SENTENCES)
def test_all_who_could_be_meant_have_names_of_their_own(words: list[str]) -> None:
    asking = set(who_could_be_meant(words))

    names = [name for one in asking if (name := name_of(one)) is not None]

    ids = {run_id(Key("trigger", NO_DAY, "job", segment(name))) for name in names}
    assert len(set(names)) == len(ids) == len(names)


@given(GATES, ROUNDS, GATES, ROUNDS)
def test_two_rounds_have_two_names(one: Key, first: int, other: Key, second: int) -> None:
    same = (one.scope, one.name, first) == (other.scope, other.name, second)

    assert (request_id(one, first, 1) == request_id(other, second, 1)) == same


@given(SEGMENTS, SEGMENTS)
def test_two_events_have_two_names(one: str, other: str) -> None:
    names = [
        request_id(Key("gate", NO_DAY, "r"), 1, 1, f"quarantine.{id_}") for id_ in (one, other)
    ]

    assert (names[0] == names[1]) == (one == other)


@given(SENTENCES)
def test_what_is_asked_for_again_is_known(words: list[str]) -> None:
    for one in who_could_be_meant(words):
        name = name_of(one)
        if name is not None and not one.again:
            assert parse_again(name) == (name, 0)
            assert parse_again(again_request(name, 12)) == (name, 12)


@given(GATES, ROUNDS, GATES, ROUNDS)
def test_the_id_of_a_round_never_comes_to_mean_another(
    one: Key, first: int, other: Key, second: int
) -> None:
    same = (one, first) == (other, second)

    assert (public_id(one, first) == public_id(other, second)) == same
    assert parse_id(public_id(one, first)) == (one, first)


def test_names_are_as_they_are_written() -> None:
    plain, region = Key("gate", NO_DAY, "nightly"), Key("gate", NO_DAY, "r", "data.region=DE")

    names = [
        request_id(plain, 1, 1),
        request_id(region, 12, 1),
        request_id(plain, 1, 2, "timeout"),
        request_id(Key("gate", NO_DAY, "person"), 1, 1),
        person_request("1.tuesday"),
        again_request(person_request("tuesday"), 1),
    ]

    assert names == [
        "nightly.001.1",
        "r.data:region=DE.012.1",
        "nightly.001.timeout.2",
        ":person.001.1",
        "person.1.tuesday",
        "person.tuesday.again.1",
    ]


@pytest.mark.parametrize("key", ["tuesday.again.1", "again.7", "a.again.1.again.2"])
def test_a_key_that_looks_like_a_run_asked_for_again_is_refused(key: str) -> None:
    with pytest.raises(InputError) as raised:
        person_request(key)

    assert raised.value.code == "input"
    assert "again" in str(raised.value)
