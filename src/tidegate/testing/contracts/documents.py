"""Documents, suspects and replicas: the writes beside the turn."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.ids import CellId, DocId
from tidegate.ports.store import Activation, DocumentDraft, Store, StoredDocument, Wanted
from tidegate.testing.contracts.kit import NOON, PAST, Contract, cell, commit, gate, look, turn

LONG = "\N{PARTY POPPER}" * 128


def draft(kind: str, name: str, content: str) -> DocumentDraft:
    """Its digest is as telling as its content."""
    return DocumentDraft(kind, name, content.encode(), f'"{content}"')


def version(
    id_: int, kind: str, name: str, n: int, content: str, *, active: bool = True
) -> StoredDocument:
    return StoredDocument(DocId(id_), kind, name, n, f'"{content}"', active)


class DocumentContract(Contract):
    def test_there_is_no_activation_at_first(self, store: Store) -> None:
        assert store.activation(0) is None
        assert store.activation(1) is None

    def test_an_activation_holds_the_versions_it_brought(self, store: Store) -> None:
        added = store.add_activation(NOON, b"f", [draft("rule", "a", "x"), draft("job", "a", "x")])

        assert added == store.activation(1)
        assert (added.id, added.at, added.functions) == (1, NOON, b"f")
        assert _contents(added) == {
            ("rule", "a", 1, '"x"', True),
            ("job", "a", 1, '"x"', True),
        }
        assert sorted(one.id for one in added.documents) == [1, 2]

    def test_nobody_follows_an_activation_until_a_turn_says_so(self, store: Store) -> None:
        store.add_activation(NOON, b"", [])
        assert look(store, Wanted(NOON)).activation == 0

        turn(store, activation=1)

        assert look(store, Wanted(NOON)).activation == 1

    def test_a_document_that_did_not_change_keeps_its_version(self, store: Store) -> None:
        store.add_activation(PAST, b"", [draft("rule", "a", "x")])
        store.add_activation(NOON, b"g", [draft("rule", "a", "x"), draft("rule", "b", "x")])

        second = store.add_activation(NOON, b"", [draft("rule", "b", "x"), draft("rule", "a", "y")])

        assert store.activation(1) == Activation(1, PAST, b"", (version(1, "rule", "a", 1, "x"),))
        assert store.activation(2) == Activation(
            2, NOON, b"g", (version(1, "rule", "a", 1, "x"), version(2, "rule", "b", 1, "x"))
        )
        assert second == Activation(
            3, NOON, b"", (version(2, "rule", "b", 1, "x"), version(3, "rule", "a", 2, "y"))
        )

    def test_a_document_that_returns_unchanged_keeps_its_version(self, store: Store) -> None:
        store.add_activation(NOON, b"", [draft("rule", "a", "x")])
        withdrawn = store.add_activation(NOON, b"", [])
        back = store.add_activation(NOON, b"", [draft("rule", "a", "x")])

        assert withdrawn.documents == ()
        assert back.documents == (version(1, "rule", "a", 1, "x"),)

    def test_a_version_is_compared_with_the_newest_only(self, store: Store) -> None:
        for content in ("x", "y", "x"):
            last = store.add_activation(NOON, b"", [draft("rule", "a", content)])

        assert last.documents == (version(3, "rule", "a", 3, "x"),)

    def test_versions_that_live_cells_follow_linger(self, store: Store) -> None:
        store.add_activation(NOON, b"", [draft("rule", "a", "x"), draft("rule", "b", "x")])
        turn(store, cells=[cell(1, gate("a"), doc=1), cell(2, gate("new"), doc=0)])

        second = store.add_activation(NOON, b"", [draft("rule", "a", "y"), draft("rule", "b", "x")])

        lingering = (
            version(1, "rule", "a", 1, "x", active=False),
            version(2, "rule", "b", 1, "x"),
            version(3, "rule", "a", 2, "y"),
        )
        assert second.documents == lingering
        turn(store, drops=[(CellId(1), gate("a"))])
        after = store.activation(2)
        assert after is not None
        assert after.documents == lingering[1:]

    def test_activations_are_there_after_reopening(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        first = store.add_activation(NOON, b"f", [draft("rule", LONG, LONG)])

        again = reopen()

        assert again.activation(1) == first
        assert again.add_activation(NOON, b"f", [draft("rule", LONG, LONG)]).documents == (
            version(1, "rule", LONG, 1, LONG),
        )

    def test_texts_of_512_bytes_and_big_bodies_are_kept(self, store: Store) -> None:
        body = "é" * 500_000

        added = store.add_activation(NOON, b"", [DocumentDraft(LONG, LONG, b"d", body)])

        assert added.documents == (StoredDocument(DocId(1), LONG, LONG, 1, body),)
        assert store.activation(1) == added

    # ---- suspects
    def test_a_suspect_gains_a_death_each_time_they_are_counted(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        store.note_suspect(b"\x00root", NOON)
        again = reopen()

        assert dict(again.count_deaths()) == {b"\x00root": 1}
        again.note_suspect(b"\x00root", NOON)
        again.note_suspect(b"other", NOON)
        assert dict(again.count_deaths()) == {b"\x00root": 2, b"other": 1}

    def test_a_note_counts_one_death_until_it_is_noted_again(self, store: Store) -> None:
        store.note_suspect(b"root", NOON)

        counts = [dict(store.count_deaths()) for _ in range(2)]

        assert counts == [{b"root": 1}, {b"root": 1}]

    def test_cleared_suspects_are_forgotten(self, store: Store) -> None:
        for root in (b"one", b"two", b"three"):
            store.note_suspect(root, NOON)
        store.count_deaths()

        store.clear_suspects([b"one", b"unknown", b"three"])
        store.clear_suspects([])

        assert dict(store.count_deaths()) == {b"two": 1}
        store.note_suspect(b"one", NOON)
        assert dict(store.count_deaths()) == {b"one": 1, b"two": 1}

    def test_the_turn_that_decides_a_suspect_forgets_it(self, store: Store) -> None:
        for root in (b"one", b"two"):
            store.note_suspect(root, NOON)
        taken = store.take(Wanted(NOON))

        commit(store, taken, decided=[b"one", b"unknown"])

        assert dict(store.count_deaths()) == {b"two": 1}

    def test_a_suspect_is_noted_whatever_becomes_of_the_turn(self, store: Store) -> None:
        store.take(Wanted(NOON))
        store.note_suspect(b"root", NOON)
        store.abandon()

        deaths = store.count_deaths()

        assert dict(deaths) == {b"root": 1}

    # ---- replicas
    def test_other_replicas_count_by_when_they_were_seen(self, store: Store) -> None:
        at = Instant(NOON + 10 * SECOND_US)
        store.see_replica("me", "1.0", 1, b"f", at)
        store.see_replica("you", "1.0", 1, b"f", NOON)
        store.see_replica(LONG, LONG, 1, b"f", NOON)
        store.see_replica("you", "1.1", 2, b"g", at)

        assert store.others_since("me", NOON) == 2
        assert store.others_since("me", Instant(NOON + 1)) == 1
        assert store.others_since("me", at) == 1
        assert store.others_since("me", Instant(at + 1)) == 0
        assert store.others_since("nobody", NOON) == 3


def _contents(activation: Activation) -> set[tuple[str, str, int, str, bool]]:
    return {(one.kind, one.name, one.n, one.body, one.active) for one in activation.documents}
