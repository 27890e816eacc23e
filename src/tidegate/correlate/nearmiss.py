"""Near misses: deliveries that do not count for a round though they are its own or nearly were, and why.

refused     late for a gate that was closed, or ignored after its opening
replaced    another delivery of the same input counts
stray       it touched nothing: a field differs, or it came before its rule was active
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from tidegate.correlate.delivery import evidence_of
from tidegate.correlate.gate import FINISHED, Evidence, Gate, counts, missing, replaces
from tidegate.correlate.identity import key_of
from tidegate.correlate.index import fits
from tidegate.correlate.rule import Input, Rule
from tidegate.kernel.clock import DAY_US, NO_DAY, format_day, format_second
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Compared, Key, Look, Miss, Seen
from tidegate.kernel.value import MISSING, shown

STRAYS_MAX = 500
"""So many of the newest events that touched nothing are looked through for near misses."""
MISSES_MAX = 5
"""Of each sort."""
DIFFERENCES_MAX = 2
LIKENESS_MIN = 0.8
"""Share of two names that must agree to be taken for one misspelt."""
DAYS_NEAR = 7
"""An event for another date is a near miss only when it happened so close to this one."""


def near_misses(
    key: Key, gate: Gate, rule: Rule, newest: Rule | None, look: Look
) -> Iterator[Miss]:
    """The newest of each sort; `newest` is the version of its rule that is active."""
    for one in gate.refused[-MISSES_MAX:]:
        yield _refused(one, gate)
    for pos in reversed(gate.replaced[-MISSES_MAX:]):
        for event in look.events((pos,)):
            yield _replaced(pos, event, gate, rule, look)
    if gate.status not in FINISHED:
        yield from _strays(key, gate, rule, newest, look)


# ---- refused and replaced
def _refused(one: Evidence, gate: Gate) -> Miss:
    again = any(kept.input == one.input for kept in gate.inputs)
    came = f"{one.input} came{' again' if again else ''} at {format_second(one.arrived_at)}"
    late = "" if again else ", too late,"
    seen = Seen(one.pos, one.source, one.id, one.time)
    return Miss(f"{came}{late} and was not counted", seen)


def _replaced(pos: Pos, event: Event, gate: Gate, rule: Rule, look: Look) -> Miss:
    """Which delivery counts in its place, and why."""
    seen = Seen(pos, event.source, event.id, event.time)
    for one in rule.inputs:
        kept = next((found for found in gate.inputs if found.input == one.name), None)
        if kept is None or not fits(one, event):
            continue
        loser = evidence_of(event, one, rule, pos, look.now)
        at = format_second(event.time)
        return Miss(f"{one.name} of {at} does not count: {_beaten(loser, kept, rule)}", seen)
    return Miss("it does not count: another delivery of its input does", seen)


def _beaten(loser: Evidence, kept: Evidence, rule: Rule) -> str:
    who = f"{kept.source} {kept.id}"
    if not replaces(kept, loser, rule):
        # A refire takes the newest, whatever the rule keeps before an opening.
        why = "counts"
    elif loser.good != kept.good and (rule.keep_first or loser.time == kept.time):
        why = "is good, and this is not"
    elif loser.time == kept.time:
        why = "happened at the same time and comes later by its source and id"
    else:
        why = f"is {'older' if rule.keep_first else 'newer'}, of {format_second(kept.time)}"
    if loser.good and not kept.good:
        return f"{who} {why}, and failed a quality condition that this one met"
    return f"{who} {why}"


# ---- strays
def _strays(key: Key, gate: Gate, rule: Rule, newest: Rule | None, look: Look) -> Iterator[Miss]:
    """Events that touched nothing though they nearly were a missing input, the nearest first."""
    wanted = missing(gate, rule)
    found: list[tuple[int, Pos, Miss]] = []
    for pos, event in look.strays(STRAYS_MAX):
        if counts(gate, event.id, event.source):
            continue
        meant = _meant(rule, event)
        miss = _near(key, meant, rule, pos, event) if meant in wanted else None
        if miss is None and newest is not None and newest.doc != rule.doc:
            miss = _of_newest(key, newest, pos, event)
        if miss is not None:
            found.append((len(miss.compared), Pos(-pos), miss))
    found.sort(key=lambda item: item[:2])
    yield from (miss for _, _, miss in found[:MISSES_MAX])


def _of_newest(key: Key, newest: Rule, pos: Pos, event: Event) -> Miss | None:
    """What only the active version of the rule waits for: this round follows an older one."""
    where = key_of(newest, event)
    names = [one.name for one in newest.inputs if fits(one, event)]
    if not names or where is None or where[0] != key:
        return None
    text = f"{', '.join(names)} for version {newest.version} of the rule, not for the one followed"
    return Miss(text, Seen(pos, event.source, event.id, event.time))


def _meant(rule: Rule, event: Event) -> Input | None:
    """The input this event is nearest to: what is nearer to another one is no miss of this one."""
    best: tuple[int, float] | None = None
    meant: Input | None = None
    for one in rule.inputs:
        differences = _differences(one, event)
        if differences is None:
            continue
        rank = (len(differences), -sum(_likeness(two) for two in differences))
        if best is None or rank < best:
            best, meant = rank, one
    return meant


def _differences(one: Input, event: Event) -> list[Compared] | None:
    """What kept this event from being that input; None when it is nowhere near.

    A few fields may differ, but not what the event is about: another type or another dataset is
    near only when it is spelt nearly the same.
    """
    differences: list[Compared] = []
    if one.types and event.type not in one.types:
        if not difflib.get_close_matches(event.type, one.types, 1, LIKENESS_MIN):
            return None
        differences.append(Compared("event_type", " or ".join(one.types), event.type, met=False))
    for test in one.tests:
        value = test.read(event)
        if test.predicate.holds(value):
            continue
        wanted = test.predicate.equals
        if _names_dataset(one, wanted) and not _alike(value, wanted):
            return None
        seen = "missing" if value is MISSING else shown(value, 200)
        differences.append(Compared(test.field, test.predicate.text, seen, met=False))
    if len(differences) > DIFFERENCES_MAX or len(differences) > len(one.tests):
        return None
    return differences


def _names_dataset(one: Input, wanted: Json) -> bool:
    """This test is the one that says which dataset the input is."""
    return one.dataset is not None and wanted == one.dataset


def _alike(value: Json, wanted: Json) -> bool:
    if not isinstance(value, str) or not isinstance(wanted, str):
        return False
    return difflib.SequenceMatcher(None, value[:200], wanted[:200]).ratio() >= LIKENESS_MIN


def _likeness(one: Compared) -> float:
    return difflib.SequenceMatcher(None, one.seen[:200], one.wanted[:200]).ratio()


def _near(key: Key, one: Input, rule: Rule, pos: Pos, event: Event) -> Miss | None:
    """Why this event was not this input; None when it is nowhere near this gate."""
    differences = _differences(one, event)
    if differences is None:
        return None
    where = key_of(rule, event)
    if where is None:
        fields = [match for match in rule.match if match.read(event) is MISSING]
        differences += [Compared(match.field, "present", "missing", met=False) for match in fields]
    elif where[0] != key:
        if differences or abs(event.time // DAY_US - key.day) > DAYS_NEAR:
            return None
        differences += _other_gate(rule, event, key)
    evidence = Seen(pos, event.source, event.id, event.time)
    if not differences:
        # Had it come under what is followed now, it would have been counted.
        came = f"{one.name} of {format_second(event.time)} came before its rule was followed as now"
        return Miss(f"{came}: send it again under a new id", evidence)
    text = f"almost {one.name}: " + "; ".join(_differed(one) for one in differences)
    return Miss(text, evidence, tuple(differences))


def _differed(one: Compared) -> str:
    return f"{one.what} is {one.seen}, wanted {one.wanted.removeprefix(f'{one.what} ')}"


def _other_gate(rule: Rule, event: Event, key: Key) -> Iterable[Compared]:
    return [
        Compared(match.field, _wanted(key), shown(match.read(event), 200), met=False)
        for match in rule.match
        if match.is_date
    ]


def _wanted(key: Key) -> str:
    return format_day(key.day) if key.day != NO_DAY else key.name
