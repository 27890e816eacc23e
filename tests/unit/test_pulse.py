"""Whether the helper is taken for lost, in plain numbers."""

from __future__ import annotations

from tidegate.adapters.tasks.pulse import BEAT_S, SILENT_MAX_S, STOPS_MAX, Pulse


def beaten(pulse: Pulse, beats: int, *, since_s: float = 0.0, stopped: bool = False) -> float:
    """So many beats; answers when the last one was."""
    for number in range(1, beats + 1):
        pulse.beat(since_s + number * BEAT_S, stopped=stopped)
    return since_s + beats * BEAT_S


def test_a_helper_that_says_nothing_is_lost_after_half_a_minute() -> None:
    pulse = Pulse(0.0)

    now_s = beaten(pulse, int(SILENT_MAX_S / BEAT_S) - 1)

    assert not pulse.is_lost
    beaten(pulse, 1, since_s=now_s)
    assert pulse.is_lost


def test_any_word_of_it_begins_the_silence_anew() -> None:
    pulse = Pulse(0.0)
    now_s = beaten(pulse, int(SILENT_MAX_S / BEAT_S) - 1)

    pulse.heard()
    beaten(pulse, int(SILENT_MAX_S / BEAT_S) - 1, since_s=now_s)

    assert not pulse.is_lost


def test_a_night_in_which_the_machine_slept_is_one_beat() -> None:
    pulse = Pulse(0.0)

    pulse.beat(8 * 3600.0, stopped=False)

    assert not pulse.is_lost


def test_one_that_is_kept_stopped_is_lost_in_seconds_though_it_answers_between() -> None:
    pulse = Pulse(0.0)
    now_s = 0.0

    for _ in range(int(STOPS_MAX)):
        assert not pulse.is_lost
        now_s = beaten(pulse, 1, since_s=now_s, stopped=True)
        pulse.heard()

    assert pulse.is_lost


def test_one_that_is_stopped_once_in_a_while_is_kept() -> None:
    pulse = Pulse(0.0)
    now_s = 0.0

    for _ in range(100):
        now_s = beaten(pulse, 1, since_s=now_s, stopped=True)
        now_s = beaten(pulse, 4, since_s=now_s)
        pulse.heard()

    assert not pulse.is_lost
