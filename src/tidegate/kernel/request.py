"""Request: who asks for a run, as one name for ever the same; two that ask never share one.

    nightly.001.1                         the first action of round 001 of a gate of `nightly`
    nightly.data:region=DE.001.1          ... where a gate has match values beside its business date
    nightly.001.timeout.2                 ... of the second action of `on_timeout`
    person.tuesday                        a person, under an idempotency key
    person.tuesday.again.1                the same run, asked for once more

The business date is the trigger's own. The dot stands between parts and in none of a gate's; only a
person's key, which is the last, may hold dots.
"""

from __future__ import annotations

from tidegate.kernel.errors import InputError

PERSON = "person"
_AGAIN = ".again."


def gate_request(rule: str, values: str, round_: int, number: int, what: str = "open") -> str:
    """Of a rule's action; `values` is the name of its gate, `what` may be `quarantine.EVENT`."""
    # No rule can be called ":person", so no gate speaks in a person's name.
    parts = [_part(rule) if rule != PERSON else f":{PERSON}"]
    if values:
        parts.append(_part(values))
    parts.append(f"{round_:03d}")
    if what != "open":
        why, _, event = what.partition(".")
        parts += (why, _part(event)) if event else (why,)
    parts.append(str(number))
    return ".".join(parts)


def person_request(key: str) -> str:
    """Of a person; the same key asks once. Raises InputError (`input`)."""
    if not key:
        raise InputError(
            "input", "the idempotency key is empty", fix="give one, or leave it out for a new run"
        )
    request = f"{PERSON}.{key}"
    if parse_again(request)[1]:
        raise InputError(
            "input",
            f"the idempotency key {key[:80]!r} ends like the name of a run that was asked for again",
            fix="give another, such as one without `.again.`",
        )
    return request


def again_request(first: str, number: int) -> str:
    """What a run is called that repeats a request; one that repeats a repeat repeats the first."""
    return f"{first}{_AGAIN}{number}"


def parse_again(request: str) -> tuple[str, int]:
    """The request that is repeated, and how many times it was before; 0 for one that repeats none."""
    first, found, number = request.rpartition(_AGAIN)
    if not found or not (number.isascii() and number.isdigit() and len(number) <= 9):
        return request, 0
    return first, int(number)


def _part(text: str) -> str:
    """Without a dot. In what is encoded as a segment no `%3A` stands, so nothing runs together."""
    return text.replace(":", "%3A").replace(".", ":") if "." in text or ":" in text else text
