"""Identity: the names of a gate: its cell's key, its public id, its global correlation id."""

from __future__ import annotations

from msgspec import Struct

from tidegate.correlate.gate import Gate
from tidegate.correlate.rule import Rule, parse_date
from tidegate.kernel.clock import NO_DAY, format_day
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.expression import TEXT_MAX, Missing
from tidegate.kernel.ids import parse_public, public, segment
from tidegate.kernel.request import gate_request
from tidegate.kernel.step import Key
from tidegate.kernel.value import MISSING, is_map, text

KIND = "gate"
NO_DATE = "-"
ROUND_DIGITS_MAX = 9
SEQUENCE = -1
"""Among the pieces of an id: the round's number."""
GATES_FIX = "list them with `tidegate gate list`"
"""What to do about an id that names no gate."""
_DATA_DATE = ("data", "business_date")


def key_of(rule: Rule, event: Event) -> tuple[Key, tuple[str, ...]] | None:
    """The gate an event belongs to, and its match values; None when a match field is missing."""
    values: list[str] = []
    named: list[str] = []
    day = NO_DAY
    for match in rule.match:
        written = match.read(event)
        if type(written) is not str:
            if written is MISSING or written is None:
                return None
            written = text(written)
        if match.is_date:
            date = parse_date(written)
            if date is None:
                return None
            day = date
        else:
            named.append(match.prefix + segment(written))
        values.append(written)
    return Key(KIND, day, rule.name, _name(named)), tuple(values)


def gate_key(rule: Rule, values: tuple[str, ...]) -> Key:
    """The values other than the date stand in one segment, so that a gate has no gate as part."""
    day = NO_DAY
    named: list[str] = []
    for match, value in zip(rule.match, values, strict=True):
        date = parse_date(value) if match.is_date else None
        if date is not None:
            day = date
        else:
            named.append(match.prefix + segment(value))
    return Key(KIND, day, rule.name, _name(named))


def _name(named: list[str]) -> str:
    name = named[0] if len(named) == 1 else "&".join(named)
    # A column holds 512 bytes; what is longer keeps its head and a digest of the whole.
    return name if len(name) <= 400 else segment(name)


def public_id(key: Key, round_: int) -> str:
    """URL-safe, includes the round, and never comes to mean another round."""
    root = key.name.partition("/")[0]
    day = format_day(key.day) if key.day != NO_DAY else NO_DATE
    parts = (key.scope, day, root, f"{round_:03d}") if root else (key.scope, day, f"{round_:03d}")
    return public(*parts)


class Named(Struct, frozen=True):
    """One round of a gate with the names it goes by, made once for everything said about it."""

    key: Key
    gate: Gate
    rule: Rule
    id: str
    correlation_id: str
    date: str | None


def named(key: Key, gate: Gate, rule: Rule) -> Named:
    id_ = public_id(key, gate.round)
    return Named(key, gate, rule, id_, correlation_id(rule, gate), day_text(key))


def parse_id(id_: str) -> tuple[Key, int]:
    """The gate's key and round. Raises ValueError for text that is no gate's id."""
    parts = parse_public(id_)
    if len(parts) not in (3, 4):
        raise ValueError(f"{id_[:80]!r} is no gate's id")
    date = parse_date(parts[1])
    if date is None and parts[1] != NO_DATE:
        raise ValueError(f"{id_[:80]!r} has no business date")
    name = parts[2] if len(parts) == 4 else ""
    if not (parts[-1].isascii() and parts[-1].isdigit() and len(parts[-1]) <= ROUND_DIGITS_MAX):
        raise ValueError(f"{id_[:80]!r} has no round")
    round_ = int(parts[-1])
    return Key(KIND, date if date is not None else NO_DAY, parts[0], name), round_


def round_named(text: str) -> tuple[Key, int]:
    """The gate and the round a person names. Raises InputError (`gate.unknown`)."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise InputError("gate.unknown", str(error), fix=GATES_FIX) from error


def part_of(key: Key, round_: int) -> Key:
    """Where a finished round is kept."""
    return key.child(f"{round_:03d}")


def request_id(key: Key, round_: int, number: int, what: str = "open") -> str:
    """Who asks for a run, for ever the same; the business date is the trigger's own."""
    return gate_request(key.scope, key.name.partition("/")[0], round_, number, what)


def day_text(key: Key) -> str | None:
    return format_day(key.day) if key.day != NO_DAY else None


def matched(rule: Rule, gate: Gate) -> dict[str, str]:
    """Each match field as the rule writes it, to its value."""
    return {match.field: value for match, value in zip(rule.match, gate.values, strict=False)}


def nested(rule: Rule, values: tuple[str, ...]) -> dict[str, Json]:
    """Match values under the names templates use: `data.business_date` as data = {...}."""
    names: dict[str, Json] = {}
    for match, value in zip(rule.match, values, strict=False):
        put(names, match.path, value)
        if match.is_date:
            if match.path != _DATA_DATE:
                put(names, _DATA_DATE, value)
            names["business_date"] = names["ds"] = value
        elif len(match.path) == 1:
            put(names, ("data", match.field), value)
    return names


def put(names: dict[str, Json], path: tuple[str, ...], value: Json) -> None:
    """Set a nested name; what stands there already and is no map is replaced."""
    for part in path[:-1]:
        inner: Json = names.get(part)
        if not is_map(inner):
            inner = names[part] = {}
        names = inner
    names[path[-1]] = value


def correlation_id(rule: Rule, gate: Gate) -> str:
    """The global correlation id of this gate's round: `correlation-2024-01-15-001`."""
    values, sequence = gate.values, f"{gate.round:03d}"
    pieces = rule.id_pieces
    if pieces is not None and len(values) == len(rule.match):
        id_ = "".join(
            [
                one if isinstance(one, str) else sequence if one == SEQUENCE else values[one]
                for one in pieces
            ]
        )
        if len(id_) <= TEXT_MAX:
            return id_
    return text(rule.id_template.render(_id_scope(rule, values, sequence, gate.round)))


def id_pieces(rule: Rule) -> tuple[str | int, ...] | None:
    """The template of the global correlation id, cut up so that filling it is one join.

    A text stands for itself, a number for the match value at that place, SEQUENCE for the round.
    None where a hole is more than a name. Which value a name means is found by looking, so it is
    what rendering would find.
    """
    marks = {f"\0{place}": place for place in range(len(rule.match))}
    scope = _id_scope(rule, tuple(marks), f"\0{SEQUENCE}", 1)
    marks[f"\0{SEQUENCE}"] = SEQUENCE
    pieces: list[str | int] = []
    for part in rule.id_template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        try:
            value = part.evaluate(scope) if part.source in part.paths else None
        except Missing:
            return None
        if type(value) is not str:
            return None
        pieces.append(marks.get(value, value))
    return tuple(pieces)


def _id_scope(rule: Rule, values: tuple[str, ...], sequence: str, round_: int) -> dict[str, Json]:
    """The names the template of the global correlation id sees."""
    scope = nested(rule, values)
    for number, value in enumerate(values, 1):
        scope[f"match_{number}"] = value
    scope.update(
        rule=rule.name,
        process=rule.process,
        business_process=rule.process,
        sequence=sequence,
        round=round_,
    )
    return scope
