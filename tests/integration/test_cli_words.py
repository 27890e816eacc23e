"""What commands print, word for word, where a person reads it before doing the next thing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tidegate.api.service import BODY_MAX
from tidegate.testing.server import Server, tidegate

RULE = """\
rule_name: nightly
conditions: [{event_type: delivered, data.dataset_name: orders}]
correlation_logic: [{match_field: data.business_date, operator: equals}]
actions: [{action_type: trigger_job, job_name: load, parameters: {rows: "${data.n}"}}]
"""
JOB = "load: {kind: command, target: ['true']}\n"
TRIGGER = "load~~2026-03-02~~nightly.001.1"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"rules/nightly.yaml": RULE, "jobs/all.yaml": JOB}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, "utf-8")
    events = [
        {
            "id": f"o{day}",
            "source": "/s",
            "type": "delivered",
            "data": {"dataset_name": "orders", "business_date": f"2026-03-0{day}", "n": 7},
        }
        for day in (2, 3, 4)
    ]
    (tmp_path / "sent.json").write_text(json.dumps(events), "utf-8")
    return tmp_path


def said(project: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    """stdout and stderr; instants and whoever runs the tests are replaced."""
    ran = tidegate(*arguments, project=project)
    assert ran.returncode == code, ran.stderr
    hidden = [
        re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", one) for one in (ran.stdout, ran.stderr)
    ]
    return hidden[0], hidden[1]


def test_what_is_held_and_what_a_resume_does_is_said(project: Path) -> None:
    said(project, "activate")
    nothing, _ = said(project, "schedule", "resume")
    said(project, "schedule", "pause", "--reason", "upgrade")
    said(project, "schedule", "pause", "--job", "load")
    said(project, "event", "send", str(project / "sent.json"))
    shown, _ = said(project, "trigger", "show", TRIGGER)
    other, _ = said(project, "schedule", "resume")
    ended, _ = said(project, "schedule", "resume", "--job", "load")
    again, _ = said(project, "schedule", "resume", "--job", "load")

    sentence, asked, rows, *_ = shown.splitlines()
    assert nothing == "there was no pause of all jobs; nothing was changed\n"
    assert sentence.startswith("load for 2026-03-02 is held: ")
    assert (asked, rows) == ("  asked at INSTANT by a gate, priority normal", "  rows: 7")
    assert other.splitlines()[0] == (
        "the pause of all jobs has ended; what it held starts, unless held by:"
    )
    assert other.splitlines()[1].startswith("still paused: load until resumed by ")
    assert ended == "the pause of load has ended; what it held starts now\n"
    assert again == "there was no pause of load; nothing was changed\n"


def test_a_list_of_gates_that_is_cut_says_so_and_how_to_see_more(project: Path) -> None:
    said(project, "schedule", "pause")
    said(project, "event", "send", str(project / "sent.json"))

    two, more = said(project, "gate", "list", "--limit", "2")
    all_, nothing = said(project, "gate", "list", "--limit", "3")

    assert [line.split()[0] for line in two.splitlines()] == [
        "GATE", "nightly~~2026-03-04~~001", "nightly~~2026-03-03~~001",
    ]  # fmt: skip
    assert more == "there are more: --limit 20\n"
    assert (len(all_.splitlines()), nothing) == (4, "")


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_other_lists_that_end_at_their_limit_say_so(
    project: Path, as_json: tuple[str, ...]
) -> None:
    said(project, "event", "send", str(project / "sent.json"))
    lists = (("trigger", "list"), ("run", "list"), ("event", "search"), ("inbox", "list"))

    cut = [said(project, *one, "--limit", "2", *as_json)[1] for one in lists]
    _, widest = said(project, "run", "list", "--limit", "1000", *as_json)

    assert cut == [*["there may be more: --limit 20\n"] * 3, ""]
    assert widest == ""


def test_of_a_withdrawn_rule_the_gates_that_wait_can_be_found(project: Path) -> None:
    waits = RULE.replace("}]\ncorr", "}, {event_type: delivered, data.dataset_name: x}]\ncorr")
    (project / "rules" / "nightly.yaml").write_text(waits, "utf-8")
    said(project, "event", "send", str(project / "sent.json"))
    (project / "rules" / "nightly.yaml").unlink()

    activated, _ = said(project, "activate")
    listed, _ = said(project, "gate", "list", "--rule", "nightly")

    assert "go on, and start its jobs: tidegate gate list --rule nightly\n" in activated
    assert len(listed.splitlines()) == 4


def test_doctor_counts_notices(project: Path) -> None:
    before, _ = said(project, "doctor")
    said(project, "activate")
    after, _ = said(project, "doctor")

    assert "ok   notices: nobody was told anything yet\n" in before
    assert "ok   notices: none is undelivered\n" in after


def test_what_the_locale_cannot_print_is_escaped_and_no_answer_is_lost(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"id": "Łódź 😀", "source": "/s", "type": "delivered"}
    data = {"dataset_name": "orders", "business_date": "2026-03-02", "n": 7}
    (project / "sent.json").write_text(json.dumps([event | {"data": data}]), "utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "iso8859-5")  # Cyrillic: it lacks all of them

    said(project, "event", "send", str(project / "sent.json"))
    shown, _ = said(project, "explain", "nightly", "--date", "2026-03-02")
    found, _ = said(project, "event", "search", "--json")
    drawn, _ = said(project, "board", "--date", "2026-03-02")

    assert r"(/s \u0141\u00f3d\u017a \ud83d\ude00)" in shown
    assert "Łódź 😀" in json.dumps(json.loads(found), ensure_ascii=False)
    assert "+ ready" in drawn


def test_a_send_that_is_cut_off_says_what_was_taken_before(project: Path) -> None:
    big = {"id": "big", "source": "/s", "type": "delivered", "data": {"text": "x" * BODY_MAX}}
    events = json.loads((project / "sent.json").read_text("utf-8"))
    (project / "sent.json").write_text(json.dumps([*events, big]), "utf-8")

    with Server(project):
        _, error = said(
            project, "event", "send", str(project / "sent.json"), "--batch", "1", code=1
        )

    assert "of 4 events before that: 3 accepted, 0 duplicates, 0 conflicts, 0 rejected" in error
    assert "then send them all again: what was taken is a duplicate" in error
