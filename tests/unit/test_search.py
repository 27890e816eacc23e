"""Search: questions about the log that no filter answers are answered page by page."""

from __future__ import annotations

from tidegate.services.look import LATEST
from tidegate.services.search import Search, Wanted
from tidegate.testing.gates import delivery
from tidegate.testing.world import World


def searched(events: int, looked_at_max: int) -> tuple[World, Search]:
    """A world that heard so many events one by one, and a search of small pages."""
    world = World()
    for number in range(events):
        world.hear(delivery(f"d{number}", business_date="2025-11-20"))
    search = Search(world.reader, world.library, world.host.signals, looked_at_max=looked_at_max)
    return world, search


def test_a_page_of_a_dataset_nobody_sent_ends_where_enough_was_looked_at() -> None:
    _, search = searched(10, looked_at_max=4)
    pages, before = 0, LATEST

    while True:
        items, following = search.newest(Wanted(dataset="nobody"), before=before)
        assert items == []
        if following is None:
            break
        assert following < before
        pages, before = pages + 1, following

    assert pages == 2


def test_pages_hold_every_event_once_though_some_are_empty() -> None:
    _, search = searched(10, looked_at_max=3)
    found: list[str] = []
    before = LATEST

    while True:
        items, following = search.newest(Wanted(dataset="d4"), before=before, limit=1)
        found += [one["dataset"] for one in items]
        if following is None:
            break
        before = following

    assert found == ["d4"]


def test_a_question_that_is_answered_whole_goes_through_all_pages_and_stops_at_its_limit() -> None:
    _, search = searched(10, looked_at_max=3)

    one = search.whole(Wanted(dataset="d0"), 5)
    newest = search.whole(Wanted(), 4)

    assert [event["dataset"] for event in one] == ["d0"]
    assert [event["dataset"] for event in newest] == ["d9", "d8", "d7", "d6"]
