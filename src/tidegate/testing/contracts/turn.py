"""The turn: what is taken, how it is numbered, and that it happens whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import Pos
from tidegate.ports.store import (
    EventKey,
    Hit,
    LogRow,
    Parking,
    Reject,
    RowFault,
    Store,
    TurnLost,
    Wanted,
)
from tidegate.testing.contracts.kit import (
    NOON,
    PAST,
    Box,
    Contract,
    Database,
    cell,
    claim,
    commit,
    effect,
    find_cell,
    gate,
    log_row,
    look,
    turn,
)

HASH_MIN, HASH_MAX = -(2**63), 2**63 - 1


class TurnContract(Contract):
    # ---- numbers
    def test_a_new_database_counts_from_one(self, store: Store) -> None:
        taken = look(store, Wanted(NOON))

        assert (taken.n, taken.next_pos, taken.next_cell, taken.next_later) == (0, 1, 1, 1)
        assert (taken.at, taken.activation, taken.chain) == (0, 0, b"")
        assert [*taken.hits, *taken.stale, *taken.later, *taken.due, *taken.cells] == []
        assert (store.next_wake(), store.next_visible(), store.has_later()) == (None, None, False)

    def test_places_have_no_gaps_and_every_commit_is_a_turn(self, store: Store) -> None:
        turn(store, log=log_row(2, chain=b"one"))
        turn(store, log=log_row(3, chain=b"two"), at=PAST)
        taken = look(store, Wanted(NOON))

        assert (taken.n, taken.next_pos, taken.chain, taken.at) == (2, 6, b"two", PAST)

    def test_rejects_alone_make_a_turn_without_a_log_row(self, store: Store) -> None:
        turn(store, log=log_row(2, chain=b"one"))
        refused = Reject(NOON, None, "event.syntax", "no JSON", b"{")

        turn(store, log=None, rejects=[refused])

        taken = look(store, Wanted(NOON))
        assert (taken.n, taken.next_pos, taken.chain) == (2, 3, b"one")
        assert store.row_at(Pos(3)) is None

    def test_a_log_row_is_found_by_each_of_its_places(self, store: Store) -> None:
        turn(store, log=log_row(2, body=b"first", chain=b"1"), activation=7)
        turn(store, log=log_row(1, body=b"second", chain=b"2", release="1.1", functions=b"g"))

        first = LogRow(Pos(1), 2, NOON, 0, b"1", "1.0", b"functions", b"first")
        second = LogRow(Pos(3), 1, NOON, 7, b"2", "1.1", b"g", b"second")
        found = [store.row_at(Pos(pos)) for pos in range(-1, 6)]
        assert found == [None, None, first, first, second, None, None]

    def test_a_log_row_is_found_while_a_turn_is_taken(self, store: Store) -> None:
        turn(store, log=log_row(body=b"first"))
        taken = store.take(Wanted(NOON))

        row = store.row_at(Pos(1))

        commit(store, taken)
        assert row is not None
        assert row.body == b"first"

    def test_the_activation_of_a_turn_counts_from_the_next_turn_on(self, store: Store) -> None:
        turn(store, activation=3)
        turn(store)

        rows = [store.row_at(Pos(1)), store.row_at(Pos(2))]
        assert [row and row.activation for row in rows] == [0, 3]
        assert look(store, Wanted(NOON)).activation == 3

    # ---- all or nothing
    def test_an_abandoned_turn_leaves_nothing(self, store: Store) -> None:
        before = look(store, Wanted(NOON, keys=[EventKey(5, 50, 0)]))
        after = look(store, Wanted(NOON, keys=[EventKey(5, 50, 0)]))

        assert (after.n, after.next_pos, after.next_cell) == (0, 1, 1)
        assert before.hits == after.hits == {}

    def test_giving_back_a_turn_nobody_took_is_harmless(self, store: Store) -> None:
        store.abandon()
        turn(store)
        store.abandon()
        store.abandon()

        assert look(store, Wanted(NOON)).n == 1

    def test_a_refused_row_refuses_the_whole_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate("orders"), Box(text="kept"))])
        taken = store.take(Wanted(NOON, keys=[EventKey(5, 50, 0)]))

        with pytest.raises(RowFault):
            commit(
                store,
                taken,
                keys=[(5, taken.next_pos, 50)],
                cells=[cell(2, gate("stock")), cell(3, gate("orders"))],  # a second id for one key
                later=[b"later"],
                strays=[Pos(2)],
            )
        store.abandon()

        after = look(
            store,
            Wanted(NOON, keys=[EventKey(5, 50, 0)], cells=[gate("orders"), gate("stock")]),
        )
        assert (after.n, after.next_pos, after.next_cell, after.next_later) == (1, 2, 2, 1)
        assert after.hits == {}
        assert after.cells.keys() == {gate("orders")}
        assert after.cells[gate("orders")].cell.state == Box(text="kept")
        assert not store.has_later()

    def test_a_call_that_is_open_refuses_the_whole_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "call")])
        taken = store.take(Wanted(NOON))

        with pytest.raises(RowFault):
            commit(store, taken, cells=[cell(2, gate("stock"))], effects=[effect(1, "call")])
        store.abandon()

        assert find_cell(store, gate("stock")) is None
        assert look(store, Wanted(NOON)).n == 1

    def test_a_store_works_on_after_a_refused_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())])
        taken = store.take(Wanted(NOON))
        with pytest.raises(RowFault):
            commit(store, taken, cells=[cell(2, gate())])
        store.abandon()

        turn(store, cells=[cell(1, gate(), Box(text="second"), version=2)])

        found = find_cell(store, gate())
        assert found is not None
        assert found.cell.state == Box(text="second")

    def test_a_lost_turn_leaves_nothing(self, store: Store, database: Database) -> None:
        turn(store, cells=[cell(1, gate("orders"))], effects=[effect(1, "call", fence=1)])
        wanted = Wanted(
            NOON,
            keys=[EventKey(5, 50, 0)],
            outcomes=[claim(1, "call", 1)],
            cells=[gate("orders"), gate("stock")],
        )
        taken = store.take(wanted)
        database.disturb()

        with pytest.raises((TurnLost, TransientError)):
            commit(
                store,
                taken,
                keys=[(5, taken.next_pos, 50)],
                outcomes=[claim(1, "call", 1)],
                cells=[cell(1, gate("orders"), version=2), cell(2, gate("stock"))],
            )
        store.abandon()

        after = look(store, wanted)
        assert (after.n, after.next_pos, after.next_cell) == (1, 2, 2)
        assert [*after.hits, *after.stale] == []
        assert {key.scope: one.cell.version for key, one in after.cells.items()} == {"orders": 1}

    def test_a_lost_turn_is_taken_again(self, store: Store, database: Database) -> None:
        taken = store.take(Wanted(NOON))
        database.disturb()
        with pytest.raises((TurnLost, TransientError)):
            commit(store, taken, cells=[cell(1, gate())])
        store.abandon()

        turn(store, cells=[cell(1, gate())])

        assert look(store, Wanted(NOON)).n == 1
        assert find_cell(store, gate()) is not None

    # ---- the index of events
    def test_an_event_is_a_hit_with_the_place_and_digest_of_its_first_copy(
        self, store: Store
    ) -> None:
        keys = [(HASH_MIN, Pos(1), HASH_MAX), (0, Pos(2), -1), (HASH_MAX, Pos(3), HASH_MIN)]
        turn(
            store,
            Wanted(
                NOON,
                keys=[
                    EventKey(HASH_MIN, HASH_MAX, 0),
                    EventKey(0, -1, 1),
                    EventKey(HASH_MAX, HASH_MIN, 2),
                ],
            ),
            log=log_row(3),
            keys=keys,
        )

        again = [EventKey(HASH_MAX, 9, 0), EventKey(7, 7, 1), EventKey(HASH_MIN, 9, 2)]
        taken = look(store, Wanted(NOON, keys=again))

        assert taken.hits == {
            HASH_MAX: Hit(Pos(3), HASH_MIN),
            HASH_MIN: Hit(Pos(1), HASH_MAX),
        }

    def test_an_event_that_was_not_accepted_is_no_hit(self, store: Store) -> None:
        asked = [EventKey(5, 50, 0), EventKey(6, 60, 1)]
        turn(store, Wanted(NOON, keys=asked), log=log_row(2), keys=[(6, Pos(2), 60)])

        taken = look(store, Wanted(NOON, keys=asked))

        assert taken.hits == {6: Hit(Pos(2), 60)}

    def test_events_stay_hits_however_many_share_a_bucket_and_after_reopening(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        # 1,300 neighbouring hashes and one far off, in turns of 100: index i has place i + 1.
        hashes = [*range(1300), HASH_MIN + 5]
        for start in range(0, len(hashes), 100):
            part = list(enumerate(hashes))[start : start + 100]
            turn(
                store,
                Wanted(NOON, keys=[EventKey(h, -h, i - start) for i, h in part]),
                log=log_row(len(part)),
                keys=[(h, Pos(i + 1), -h) for i, h in part],
            )
        asked = Wanted(NOON, keys=[EventKey(h, 0, i) for i, h in enumerate(hashes)])
        expected = {h: Hit(Pos(i + 1), -h) for i, h in enumerate(hashes)}

        before = look(store, asked)
        after = look(reopen(), asked)

        assert before.hits == expected
        assert after.hits == expected

    # ---- later
    def test_later_rows_are_numbered_and_come_oldest_first(self, store: Store) -> None:
        turn(store, later=[b"one", b"two"])
        turn(store, later=[b"three"])

        assert list(look(store, Wanted(NOON)).later) == []
        assert list(look(store, Wanted(NOON, later_max=2)).later) == [(1, b"one"), (2, b"two")]
        assert list(look(store, Wanted(NOON, later_max=9)).later) == [
            (1, b"one"),
            (2, b"two"),
            (3, b"three"),
        ]
        assert look(store, Wanted(NOON)).next_later == 4

    def test_later_rows_that_were_taken_go_and_the_rest_waits(self, store: Store) -> None:
        turn(store, later=[b"one", b"two", b"three"])

        turn(store, Wanted(NOON, later_max=2), later_taken=[1, 2], later=[b"four"])

        taken = look(store, Wanted(NOON, later_max=9))
        assert list(taken.later) == [(3, b"three"), (4, b"four")]
        assert store.has_later()

    def test_numbers_of_later_rows_never_come_back(self, store: Store) -> None:
        turn(store, later=[b"one"])
        turn(store, Wanted(NOON, later_max=1), later_taken=[1])
        assert not store.has_later()

        turn(store, later=[b"two"])

        assert list(look(store, Wanted(NOON, later_max=9)).later) == [(2, b"two")]

    # ---- the inbox
    def test_a_parked_signal_may_be_parked_again_after_its_release(self, store: Store) -> None:
        turn(store, parked=[Parking(Pos(1), "run", "reducer.failed")])

        turn(store, unparked=[(Pos(1), "run")])
        turn(store, parked=[Parking(Pos(1), "run", "reducer.failed")])

        assert look(store, Wanted(NOON)).n == 3

    # ---- reopening
    def test_everything_the_turn_needs_is_there_after_reopening(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        epoch, seed = store.epoch, store.hash_seed
        state = Box(text="kept", wake_at=PAST)
        turn(
            store,
            log=log_row(4, chain=b"chain of one"),
            activation=2,
            cells=[cell(1, gate(), state)],
            effects=[effect(1, "call")],
            later=[b"one"],
        )

        again = reopen()

        taken = look(again, Wanted(NOON, later_max=5, due_max=5))
        assert (again.epoch, again.hash_seed) == (epoch, seed)
        assert (taken.n, taken.next_pos, taken.next_cell, taken.next_later) == (1, 5, 2, 2)
        assert (taken.at, taken.activation, taken.chain) == (NOON, 2, b"chain of one")
        assert list(taken.later) == [(1, b"one")]
        assert list(taken.due) == [gate()]
        assert taken.cells[gate()].cell.state == state
        assert (again.next_wake(), again.next_visible()) == (PAST, NOON)
