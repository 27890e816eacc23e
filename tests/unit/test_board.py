"""The board: one state for each rule and date, and it is that of the run that was asked for."""

from __future__ import annotations

import pytest

from tidegate.cli.board import AGAIN, LOOKS, NO_GATE, PLAIN, show
from tidegate.kernel.clock import parse_day
from tidegate.kernel.step import Done, Effect, Failed, Key
from tidegate.schedule.orders import CancelTrigger, Pause
from tidegate.services.board import STATES, Board, make_board, with_beyond
from tidegate.testing.gates import DATE, at, close, delivery, match, project, rule, start
from tidegate.testing.world import Performer, Takes, World

DAY = parse_day(DATE)
TRIGGER = f"job~~{DATE}~~daily.001.1"
TEMPLATE = {"global_correlation_id": "changed-{business_date}"}


def good(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    return Done()


def failing(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    return Failed("Tidegate.CommandFailed", "no rows")


def endless(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    return None


def board(world: World, days: int = 1) -> Board:
    return make_board(world.asking, world.downstream, DAY, days)


def state(world: World, dataset: str | None = None) -> str:
    return next(row.cells[DATE] for row in board(world).rows if row.dataset == dataset)


@pytest.mark.parametrize(
    ("perform", "shown"), [(good, "done"), (failing, "failed"), (endless, "running")]
)
def test_an_open_gate_is_shown_as_its_run_stands(perform: Performer, shown: str) -> None:
    world = World(project(rule("a")), perform=perform)

    world.hear(delivery("a"))

    assert state(world) == shown
    assert state(world, "a") == "ready"


def test_a_run_that_waits_for_its_retry_is_told_from_a_late_gate() -> None:
    retry = {"max_attempts": 3, "delay_minutes": 5}
    world = World(project(rule("a", actions=[start(retry_config=retry)])), perform=failing)

    world.hear(delivery("a"))

    assert state(world) == "retrying"


@pytest.mark.parametrize(("perform", "shown"), [(good, "done"), (failing, "failed")])
def test_what_opened_stays_so_while_a_later_round_waits(perform: Performer, shown: str) -> None:
    world = World(project(rule("a", "b")), perform=perform)
    world.hear(delivery("a"), delivery("b"))

    world.hear(delivery("a", "a2"))

    assert state(world) == shown
    assert [state(world, one) for one in ("a", "b")] == ["ready", "ready"]
    assert board(world).rows[0].again == [DATE]


def test_of_two_rounds_the_one_that_needs_somebody_is_shown() -> None:
    quality = {"additional_conditions": [{"n": "> 0"}]}
    world = World(project(rule("a", "b", **quality)), perform=good)
    world.hear(delivery("a", n=1), delivery("b", n=1))

    world.hear(delivery("a", "a2", n=0))

    assert state(world) == "quarantine"
    assert [state(world, one) for one in ("a", "b")] == ["quarantine", "ready"]


def test_every_sign_the_board_shows_is_explained_under_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(project(rule("a"), rule("b", "c", rule_name="other")), perform=good)
    world.hear(delivery("a"), delivery("a", business_date="2025-11-21"), delivery("b"))
    world.hear(delivery("b", "b2"), delivery("c"), delivery("c", "c2"))

    show(make_board(world.asking, world.downstream, parse_day("2025-11-21"), 2))

    legend = capsys.readouterr().out.splitlines()[-1]
    assert legend == ("+ ready  ✓ done  · no gate  * opened once, and a later round has begun")


def test_every_state_has_a_sign_of_its_own() -> None:
    assert set(LOOKS) == set(STATES)
    glyphs = {glyph for glyph, _ in LOOKS.values()} | {NO_GATE, AGAIN}
    plain = {glyph.translate(PLAIN) for glyph in glyphs}
    assert len(glyphs) == len(plain) == len(LOOKS) + 2
    assert "".join(plain).isascii()


def test_a_run_is_found_after_the_template_of_the_correlation_id_changed() -> None:
    world = World(project(rule("a")), perform=failing)
    world.hear(delivery("a"))

    world.activate(project(rule("a", **TEMPLATE)))

    assert state(world) == "failed"


def test_a_held_run_is_held_and_one_that_was_given_up_leaves_the_gate_ready() -> None:
    world = World(project(rule("a")))
    world.order(Pause())
    world.hear(delivery("a"))

    held = state(world)
    world.order(CancelTrigger(trigger=TRIGGER))

    assert (held, state(world)) == ("held", "ready")


def test_a_run_that_was_asked_for_again_stands_for_the_one_that_failed() -> None:
    world = World(project(rule("a")), perform=lambda key, _: (
        Done() if ".again." in key.name else Failed("Tidegate.CommandFailed", "no rows")
    ))  # fmt: skip
    world.hear(delivery("a"))

    before = state(world)
    world.order(world.runs.again(TRIGGER))
    world.settle()

    assert (before, state(world)) == ("failed", "done")


def test_of_two_jobs_the_one_that_needs_somebody_is_shown() -> None:
    others = {("job", "other"): {"kind": "command", "target": "true"}}
    two = rule("a", actions=[start("other"), start("job")])
    world = World(
        project(two, others=others),
        perform=lambda key, _: Failed("X", "y") if key.scope == "job" else Done(),
    )

    world.hear(delivery("a"))

    assert state(world) == "failed"


def test_a_job_whose_name_is_a_template_is_found_as_well() -> None:
    world = World(project(rule("a", actions=[start("${data.which}")])), perform=failing)

    world.hear(delivery("a", which="job"))

    assert state(world) == "failed"


def test_of_several_gates_of_a_date_the_one_that_needs_somebody_is_shown() -> None:
    by_store = [match("data.business_date"), match("data.store")]
    world = World(project(rule("a", "b", correlation_logic=by_store)), perform=failing)

    world.hear(delivery("a", "1", store="east"))
    waiting = state(world)
    world.hear(*(delivery(one, store="west") for one in ("a", "b")))

    assert (waiting, state(world)) == ("waiting", "failed")


def test_a_closed_gate_has_its_sign_under_the_board(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    close(world, f"daily~~{DATE}~~001")

    show(board(world))

    assert capsys.readouterr().out.splitlines()[-1] == "+ ready  ⊘ closed by a person"


@pytest.mark.parametrize(
    ("zone", "tomorrow"),
    [
        ("UTC", "2025-11-22"),  # 10:30 on the 21st
        ("Pacific/Kiritimati", "2025-11-23"),  # 00:30 on the 22nd
        ("Pacific/Midway", "2025-11-21"),  # 23:30 on the 20th
    ],
)
def test_tomorrow_is_that_of_the_projects_time_zone(zone: str, tomorrow: str) -> None:
    settings = {("project", "project"): {"name": "p", "timezone": zone}}
    world = World(project(rule("a"), others=settings), at=at("2025-11-21T10:30:00Z"))
    dates = [f"2025-11-{day}" for day in (20, 21, 22, 23, 24)]
    world.hear(*(delivery("a", business_date=date) for date in dates))

    assert world.asking.newest_day() == parse_day(tomorrow)
    assert world.asking.explain_rule("daily", None).answer["gate"] == f"daily~~{tomorrow}~~001"


def test_an_event_of_a_date_far_ahead_does_not_hide_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a"), delivery("a", business_date="2062-11-27"))

    last = world.asking.newest_day()
    assert last is not None
    show(with_beyond(make_board(world.asking, world.downstream, last, 3), world.asking, last))

    assert last == DAY
    assert capsys.readouterr().out.splitlines()[-1] == (
        "1 gate beyond 2025-11-20, of 2062-11-27: tidegate gate list"
    )
    assert world.asking.explain_rule("daily", None).answer["gate"] == "daily~~2025-11-20~~001"


def test_several_dates_far_ahead_lead_to_all_their_gates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(project(rule("a")))
    far = [delivery("a", business_date=date) for date in ("2030-01-01", "2062-11-27")]
    world.hear(delivery("a"), *far)

    show(with_beyond(make_board(world.asking, world.downstream, DAY, 3), world.asking, DAY))

    assert capsys.readouterr().out.splitlines()[-1] == (
        "2 gates beyond 2025-11-20, up to 2062-11-27: tidegate gate list"
    )


def test_dates_without_any_gate_are_not_taken_for_a_project_without_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a"))

    show(make_board(world.asking, world.downstream, parse_day("2030-01-03"), 3))

    assert capsys.readouterr().out == (
        "no gates from 2030-01-01 to 2030-01-03; `tidegate gate list` shows those of all dates\n"
    )


def test_where_all_dates_are_far_ahead_the_newest_is_shown() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", business_date="2062-11-26"), delivery("a", business_date="2062-11-27"))

    assert world.asking.newest_day() == parse_day("2062-11-27")
    assert world.asking.explain_rule("daily", None).answer["gate"] == "daily~~2062-11-27~~001"


def test_dates_without_gates_are_shown_empty() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a"))

    made = board(world, days=3)

    assert len(made.dates) == 3
    assert made.dates[-1] == DATE
    assert [sorted(row.cells) for row in made.rows] == [[DATE], [DATE]]
