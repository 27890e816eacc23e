"""Effects: claimed by one at a time, and whoever lost the fence can do nothing any more."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.ids import CellId
from tidegate.ports.store import LEASE_US, STOP, Claimed, Store, Wanted
from tidegate.testing.contracts.kit import (
    NOON,
    PAST,
    UNTIL,
    Contract,
    Database,
    cell,
    claim,
    commit,
    effect,
    gate,
    look,
    turn,
)


def after(seconds: int) -> Instant:
    """So many seconds after noon."""
    return Instant(NOON + seconds * SECOND_US)


class EffectContract(Contract):
    # ---- claims
    def test_a_lease_is_half_a_minute(self) -> None:
        assert LEASE_US == 30_000_000

    def test_an_effect_is_claimed_whole(self, store: Store) -> None:
        turn(store, effects=[effect(7, "Validate.2.1", kind=3, body=b"\x00work")])

        claimed = store.claim(NOON, "me", 10)

        assert list(claimed) == [
            Claimed(CellId(7), "Validate.2.1", 3, 1, 0, None, b"\x00work", UNTIL)
        ]
        assert store.next_visible() == UNTIL

    def test_an_effect_is_claimed_by_one(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])

        first = store.claim(NOON, "me", 10)
        second = store.claim(after(29), "you", 10)

        assert len(first) == 1
        assert list(second) == []

    def test_an_effect_may_be_claimed_anew_when_its_lease_has_ended(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)

        (again,) = store.claim(UNTIL, "you", 10)

        assert (again.fence, again.lease_until) == (2, after(60))

    def test_an_effect_is_claimed_from_its_instant_on(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a", visible_at=after(5))])

        assert store.next_visible() == after(5)
        assert list(store.claim(Instant(after(5) - 1), "me", 10)) == []
        assert len(store.claim(after(5), "me", 10)) == 1

    def test_the_longest_visible_are_claimed_first(self, store: Store) -> None:
        turn(
            store,
            effects=[
                effect(1, "b", visible_at=after(-1)),
                effect(2, "a", visible_at=after(-2)),
                effect(1, "a", visible_at=after(-1)),
                effect(3, "a", visible_at=after(-3)),
                effect(1, "c", visible_at=after(-1)),
            ],
        )

        claimed = [store.claim(NOON, "me", 2) for _ in range(4)]

        assert [sorted((one.cell, one.call) for one in some) for some in claimed] == [
            [(2, "a"), (3, "a")],
            [(1, "a"), (1, "b")],
            [(1, "c")],
            [],
        ]

    def test_kinds_can_be_left_alone(self, store: Store) -> None:
        rows = (("a", 3), ("b", 1), ("c", 3), ("d", 5))
        turn(store, effects=[effect(1, call, kind=kind) for call, kind in rows])

        neither = store.claim(NOON, "me", 10, (3, 1))
        others = store.claim(NOON, "me", 10, (3,))
        none = store.claim(NOON, "me", 10, [3])
        rest = store.claim(NOON, "me", 10)

        assert [one.call for one in neither] == ["d"]
        assert [one.call for one in others] == ["b"]
        assert list(none) == []
        assert sorted(one.call for one in rest) == ["a", "c"]

    def test_one_born_claimed_is_its_owners(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a", visible_at=UNTIL, fence=1, owner="me")])

        others = store.claim(after(29), "you", 10)
        renewed = store.renew(after(10), "me", [claim(1, "a", 1)])

        assert list(others) == []
        assert list(renewed) == [claim(1, "a", 1)]
        assert store.next_visible() == after(40)

    # ---- renewal
    def test_a_renewed_lease_counts_from_now(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a"), effect(1, "b"), effect(2, "a")])
        store.claim(NOON, "me", 10)

        ours = store.renew(after(10), "me", [claim(1, "b", 1), claim(1, "a", 1)])

        assert sorted(one.call for one in ours) == ["a", "b"]
        assert [(one.cell, one.call) for one in store.claim(after(39), "you", 10)] == [(2, "a")]
        assert len(store.claim(after(40), "you", 10)) == 2

    def test_an_owner_renews_a_lapsed_lease_nobody_took(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)

        ours = store.renew(after(100), "me", [claim(1, "a", 1)])

        assert list(ours) == [claim(1, "a", 1)]
        assert list(store.claim(after(129), "you", 10)) == []

    def test_only_our_claims_are_renewed(self, store: Store) -> None:
        turn(store, effects=[effect(1, "mine"), effect(2, "taken"), effect(3, "deferred")])
        store.claim(NOON, "me", 10)
        store.claim(UNTIL, "you", 10)
        store.claim(after(60), "me", 1)
        assert store.defer(claim(3, "deferred", 2), after(90), None, 1)
        asked = [
            claim(1, "mine", 3),
            claim(1, "mine", 2),
            claim(2, "taken", 1),
            claim(2, "taken", 2),
            claim(3, "deferred", 2),
            claim(4, "unknown", 1),
        ]

        mine = store.renew(after(61), "me", asked)
        yours = store.renew(after(61), "you", asked)

        assert list(mine) == [claim(1, "mine", 3)]
        assert list(yours) == [claim(2, "taken", 2)]

    def test_hundreds_of_leases_are_renewed_at_once(self, store: Store) -> None:
        turn(store, effects=[effect(n, "a") for n in range(1, 701)])
        store.claim(NOON, "me", 700)

        ours = store.renew(after(20), "me", [claim(n, "a", 1) for n in range(1, 751)])

        assert sorted(one.cell for one in ours) == list(range(1, 701))
        assert store.next_visible() == after(50)

    # ---- looking again later
    def test_a_deferred_effect_is_anybodys_at_its_instant(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)

        assert store.defer(claim(1, "a", 1), after(7), "job-17", 2)

        assert store.next_visible() == after(7)
        assert list(store.claim(after(6), "you", 10)) == []
        (again,) = store.claim(after(7), "you", 10)
        assert (again.fence, again.tries, again.handle) == (2, 2, "job-17")

    def test_an_old_fence_can_do_nothing(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)
        store.claim(UNTIL, "you", 10)
        old = claim(1, "a", 1)

        renewed = store.renew(after(31), "me", [old])
        deferred = store.defer(old, PAST, "mine", 9)
        ended = store.end_stop(old)
        stale = turn(store, Wanted(NOON, outcomes=[old])).stale

        assert (list(renewed), deferred, ended, list(stale)) == ([], False, False, [old])
        (still,) = store.claim(after(60), "they", 10)
        assert (still.fence, still.tries, still.handle) == (3, 0, None)

    # ---- outcomes
    def test_an_outcome_uses_up_its_effect(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a"), effect(1, "b")])
        store.claim(NOON, "me", 10)

        outcome = claim(1, "a", 1)
        taken = turn(store, Wanted(NOON, outcomes=[outcome]), outcomes=[outcome])
        again = turn(store, Wanted(NOON, outcomes=[outcome]))

        assert list(taken.stale) == []
        assert list(again.stale) == [outcome]
        assert [one.call for one in store.claim(UNTIL, "me", 10)] == ["b"]

    def test_an_outcome_of_an_abandoned_turn_may_be_offered_again(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)
        outcome = claim(1, "a", 1)
        look(store, Wanted(NOON, outcomes=[outcome]))

        taken = turn(store, Wanted(NOON, outcomes=[outcome]), outcomes=[outcome])

        assert list(taken.stale) == []
        assert store.next_visible() is None

    def test_outcomes_are_judged_one_by_one(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a"), effect(1, "b"), effect(2, "a")])
        store.claim(NOON, "me", 10)
        asked = [claim(2, "a", 1), claim(1, "b", 7), claim(9, "a", 1), claim(1, "a", 1)]

        taken = turn(
            store,
            Wanted(NOON, outcomes=asked),
            outcomes=[claim(2, "a", 1), claim(1, "a", 1)],
        )

        assert sorted(taken.stale, key=lambda one: one.cell) == [claim(1, "b", 7), claim(9, "a", 1)]
        assert [one.call for one in store.claim(UNTIL, "me", 10)] == ["b"]

    def test_an_outcome_may_make_the_next_effect_in_one_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a.1")])
        store.claim(NOON, "me", 10)
        outcome = claim(1, "a.1", 1)

        turn(
            store,
            Wanted(NOON, outcomes=[outcome]),
            outcomes=[outcome],
            effects=[effect(1, "a.2")],
        )

        assert [one.call for one in store.claim(NOON, "me", 10)] == ["a.2"]

    # ---- open calls
    def test_open_calls_are_those_that_can_still_have_an_outcome(self, store: Store) -> None:
        turn(
            store,
            cells=[cell(1, gate("a")), cell(2, gate("b"))],
            effects=[effect(1, "x"), effect(1, "y"), effect(1, "z"), effect(2, "x")],
        )
        store.claim(NOON, "me", 10)
        turn(store, stops=[(CellId(1), "z", b"stop")])
        outcome = claim(1, "y", 1)

        taken = store.take(Wanted(NOON, outcomes=[outcome]))
        both = store.open_calls([CellId(1), CellId(2), CellId(3)])
        one = store.open_calls([CellId(2)])
        none = store.open_calls([])
        commit(store, taken, outcomes=[outcome])

        assert sorted(both) == [(1, "x"), (2, "x")]
        assert list(one) == [(2, "x")]
        assert list(none) == []

    # ---- stops
    def test_an_effect_becomes_a_stop_and_shuts_its_performer_out(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a", body=b"task")])
        store.claim(NOON, "me", 10)
        store.defer(claim(1, "a", 1), after(500), "job-17", 4)

        turn(store, at=after(9), stops=[(CellId(1), "a", b"stop")])

        assert store.next_visible() == after(9)
        assert list(store.renew(after(9), "me", [claim(1, "a", 1)])) == []
        (stop,) = store.claim(after(9), "you", 10)
        assert stop == Claimed(CellId(1), "a", STOP, 3, 0, "job-17", b"task", after(39))

    def test_an_outcome_that_crosses_its_stop_is_stale(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a")])
        store.claim(NOON, "me", 10)
        turn(store, stops=[(CellId(1), "a", b"stop")])

        taken = turn(store, Wanted(NOON, outcomes=[claim(1, "a", 1)]))

        assert list(taken.stale) == [claim(1, "a", 1)]

    def test_a_stop_of_nothing_does_nothing(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], stops=[(CellId(1), "a", b"stop")])

        assert store.next_visible() is None

    def test_a_stop_is_not_stopped_again(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        turn(store, stops=[(CellId(1), "a", b"stop")])
        (stop,) = store.claim(NOON, "me", 10)

        turn(store, stops=[(CellId(1), "a", b"again")])

        assert store.end_stop(claim(1, "a", stop.fence))

    def test_a_stop_that_was_carried_out_goes(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        turn(store, stops=[(CellId(1), "a", b"stop")])
        (stop,) = store.claim(NOON, "me", 10)

        assert not store.end_stop(claim(1, "a", stop.fence - 1))
        assert store.end_stop(claim(1, "a", stop.fence))
        assert not store.end_stop(claim(1, "a", stop.fence))
        assert store.next_visible() is None

    def test_a_stop_outlives_its_cell(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate())], effects=[effect(1, "a")])
        turn(store, stops=[(CellId(1), "a", b"stop")])

        turn(store, drops=[(CellId(1), gate())])

        assert [one.kind for one in store.claim(NOON, "me", 10)] == [STOP]

    # ---- a new process
    def test_whoever_takes_over_alone_finds_the_work_of_the_dead_at_once(
        self, database: Database, store: Store, reopen: Callable[..., Store]
    ) -> None:
        turn(
            store,
            effects=[
                effect(1, "claimed"),
                effect(2, "waiting", visible_at=after(500)),
                effect(3, "born", visible_at=UNTIL, fence=1, owner="dead"),
            ],
        )
        store.claim(NOON, "dead", 1)
        again = reopen()

        again.take_over("me")

        assert again.next_visible() == (0 if database.alone else UNTIL)
        claimed = sorted((one.call, one.fence) for one in again.claim(NOON, "me", 10))
        assert claimed == ([("born", 2), ("claimed", 2)] if database.alone else [])

    def test_whoever_takes_over_keeps_what_is_its_own(self, store: Store) -> None:
        turn(store, effects=[effect(1, "a")])
        store.claim(NOON, "me", 1)

        store.take_over("me")

        assert list(store.claim(NOON, "me", 10)) == []
        assert list(store.renew(NOON, "me", [claim(1, "a", 1)])) == [claim(1, "a", 1)]

    def test_texts_of_512_bytes_are_kept(self, store: Store) -> None:
        text = "\N{PARTY POPPER}" * 128
        turn(store, effects=[effect(1, text)])

        store.claim(NOON, text, 10)
        renewed = store.renew(NOON, text, [claim(1, text, 1)])
        assert store.defer(claim(1, text, 1), NOON, text, 1)

        (again,) = store.claim(NOON, text, 10)
        assert list(renewed) == [claim(1, text, 1)]
        assert (again.call, again.handle) == (text, text)
