"""What people were told, as it is listed: by status and date, page by page; and what takes long."""

from __future__ import annotations

import msgspec

from tidegate.kernel.clock import MINUTE_US, Instant, format_instant, parse_day
from tidegate.kernel.step import Done, Effect, Failed, Key, SendNotice
from tidegate.services.notices import SLOW_US, Notices
from tidegate.services.trail import Trail
from tidegate.testing.gates import DATE, delivery, notify, project, rule
from tidegate.testing.world import Takes, World

OTHER_DATE = "2025-11-19"


def losing(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    """Notices of the other date reach nobody."""
    lost = isinstance(effect, SendNotice) and OTHER_DATE in effect.body["message"]
    return Failed("Tidegate.NoticeRefused", "no such host") if lost else Done()


def silent(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    """Notices are never done."""
    return None if isinstance(effect, SendNotice) else Done()


def telling(*dates: str, perform: object = losing) -> tuple[World, Notices]:
    written = rule("a", actions=[notify("of ${business_date}")])
    world = World(project(written), perform=silent if perform is silent else losing)
    world.hear(*(delivery("a", business_date=date) for date in dates))
    return world, Notices(world.reader, world.clock)


def test_notices_are_listed_by_status_and_by_date() -> None:
    _, notices = telling(DATE, OTHER_DATE)

    found = {
        "all": notices.page(),
        "lost": notices.page(status="undelivered"),
        "sent": notices.page(status="sent"),
        "dated": notices.page(day=parse_day(DATE)),
        "none": notices.page(status="sent", day=parse_day(OTHER_DATE)),
    }

    assert {name: [one["business_date"] for one in page.items] for name, page in found.items()} == {
        "all": [DATE, OTHER_DATE], "lost": [OTHER_DATE], "sent": [DATE], "dated": [DATE], "none": [],
    }  # fmt: skip
    assert notices.undelivered() == 1
    assert notices.page(status="undelivered").items[0]["error"].endswith("no such host")


def test_a_list_of_notices_goes_on_where_its_page_ended() -> None:
    _, notices = telling(DATE, OTHER_DATE)

    first = notices.page(limit=1)
    second = notices.page(limit=1, cursor=first.next)

    assert first.next is not None
    assert [one["business_date"] for one in (*first.items, *second.items)] == [DATE, OTHER_DATE]
    assert notices.page(limit=3).next is None


def test_a_notice_is_slow_when_it_takes_longer_than_a_minute() -> None:
    world, notices = telling(DATE, perform=silent)

    fresh = notices.slow()
    world.clock.step(SLOW_US + 1)

    assert (fresh, notices.slow(), notices.undelivered()) == (0, 1, 0)


def test_a_next_try_is_told_while_nobody_tries_and_after_the_first() -> None:
    world, notices = telling(DATE, perform=silent)
    ((_, claim),) = world.running.items()
    being_tried = notices.page().items[0]["next_try_at"]
    later = Instant(world.clock.now() + MINUTE_US)

    world.store.defer(claim, later, Trail(world.clock.now(), trouble="no answer").text(), 1)
    waits = notices.page().items[0]["next_try_at"]
    world.clock.to(later)
    world.store.claim(later, "another", 1)
    again = notices.page().items[0]

    assert (being_tried, waits) == (None, format_instant(later))
    assert (again["tries"], again["next_try_at"]) == (1, None)


def test_a_notice_that_nobody_has_tried_waits_for_no_next_try() -> None:
    world = World(project(rule("a", actions=[notify("of ${business_date}")])), perform=silent)
    pending = world.intake.receive([msgspec.json.encode(delivery("a"))], "test")
    while world.host.step():
        pass

    assert pending.result(0).accepted == 1
    (one,) = Notices(world.reader, world.clock).page().items
    assert (one["tries"], one["next_try_at"]) == (0, None)
