"""Memory: which deliveries a gate has counted, so that one that comes again begins nothing.

The index of events tells a duplicate first, and forgets nothing but what retention takes. This is for
what it cannot tell any more: the newest COUNTED_MAX deliveries that a gate counted and no longer
shows. Of a fixed size each, for ids may be long; so the state of a gate is bounded however often
its inputs come again.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

COUNTED_MAX = 1_000
DIGEST_BYTES = 16
"""Too many for anybody to find two deliveries with one digest."""


def remembered(counted: bytes, deliveries: Iterable[tuple[str, str]]) -> bytes:
    """The memory with these (source, id) added, and without its oldest where it is full."""
    fresh = b"".join([_digest(_identity(source, id_)) for source, id_ in deliveries])
    return (counted + fresh)[-COUNTED_MAX * DIGEST_BYTES :]


def remembers(counted: bytes, source: str, id_: str) -> bool:
    digest = _digest(_identity(source, id_))
    at = counted.find(digest)
    while at > 0 and at % DIGEST_BYTES:
        at = counted.find(digest, at + 1)  # that was the end of one and the start of the next
    return at >= 0


def upgraded(identities: Iterable[str]) -> bytes:
    """The memory of format 1, which held every identity as a text."""
    digests = b"".join([_digest(one) for one in identities])
    return digests[-COUNTED_MAX * DIGEST_BYTES :]


def _identity(source: str, id_: str) -> str:
    # With its length first, for both may hold blanks.
    return f"{len(source)} {source} {id_}"


def _digest(identity: str) -> bytes:
    raw = identity.encode("utf-8", "surrogatepass")
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()
