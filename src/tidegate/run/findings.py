"""Findings: what `check` says about jobs beyond what one of them shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.place import EACH, Path
from tidegate.kernel.spelling import misspelt
from tidegate.kernel.step import Document, Finding
from tidegate.kernel.unused import unused
from tidegate.run.document import DOCUMENT, JOBS_MAX, name_fault
from tidegate.run.needs import needs, needs_date

UNUSED = (
    (("pool",), "the job starts whatever else runs: limit it where it runs"),
    (("price",), "no cost is counted; leave it out, or keep it for a version that does"),
)
_BUSINESS_DATE = frozenset({"business_date", "data.business_date"})


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    active = [one for one in documents.values() if one.active]
    jobs = [one for one in active if one.kind == DOCUMENT.name]
    starts = [start for one in active if one.kind == "rule" for start in _starts(one)]
    for document in jobs:
        yield from _job(document)
        # A name that is only known when it is filled in may be this job's.
        mine = [one for one in starts if one.job == document.name or "${" in one.job]
        yield from _parameters(document, mine)
        yield from _undated(document, mine)
    if len(jobs) > JOBS_MAX:
        yield Finding(
            DOCUMENT.name,
            jobs[JOBS_MAX].name,
            (),
            f"there are {len(jobs)} jobs, and a project has at most {JOBS_MAX}",
            "make one job of many that only differ in a value, and pass it as a parameter",
        )


def _job(document: Document) -> Iterable[Finding]:
    fault = name_fault(document.name)
    if fault is not None and document.name.strip():  # that it has none is told already
        yield Finding(DOCUMENT.name, document.name, (), *fault)
    yield from unused(document, UNUSED)


# ---- who starts it, and with what
class _Action(Struct):
    action_type: str = ""
    job_name: Json = None
    parameters: dict[str, Json] = {}


class _Line(Struct):
    match_field: str | None = None


class _Rule(Struct):
    """The shape needed here; a rule's model is its own engine's."""

    correlation_logic: list[_Line] = []
    actions: list[_Action] = []
    on_timeout: list[_Action] = []
    on_quality_failure: list[_Action] = []

    def has_date(self) -> bool:
        fields = {line.match_field for line in self.correlation_logic if line.match_field}
        return not fields - {"normalized_context_id"} or bool(fields & _BUSINESS_DATE)


class _Start(Struct, frozen=True):
    """A rule's action that starts a job."""

    rule: str
    path: Path
    job: str
    parameters: frozenset[str]
    dated: bool


def _starts(document: Document) -> Iterable[_Start]:
    try:
        rule = msgspec.convert(document.body, _Rule)
    except msgspec.ValidationError:
        return  # written in a way that tells nobody here anything
    dated = rule.has_date()
    for section in ("actions", "on_timeout", "on_quality_failure"):
        actions: list[_Action] = getattr(rule, section)
        for number, one in enumerate(actions):
            if one.action_type == "trigger_job" and isinstance(one.job_name, str):
                path = (section, number, "job_name")
                given = frozenset(one.parameters)
                yield _Start(document.name, path, one.job_name, given, dated)


def _parameters(document: Document, starts: Sequence[_Start]) -> Iterable[Finding]:
    """A parameter that the job's templates read, and that nobody gives."""
    own = document.body.get("parameters")
    said: set[str] = set()
    for path, name in needs(document.body):
        root, _, rest = name.partition(".")
        wanted = rest.partition(".")[0]
        if root != "parameters" or not wanted or wanted in said:
            continue
        # Its own parameters are filled in from those of the request, which alone are there then.
        here = frozenset(own or ()) if path[0] != "parameters" else frozenset[str]()
        lacking = [
            one for one in starts if one.job == document.name and wanted not in one.parameters
        ]
        known = here.union(*(one.parameters for one in starts))
        meant = misspelt(wanted, sorted(known))
        if wanted in here or (not lacking and (starts or meant is None)):
            continue
        said.add(wanted)
        what = f"no rule that starts this job, and not the job itself, gives a parameter {wanted}"
        if lacking:
            what = f"rule {lacking[0].rule} starts this job without a parameter {wanted}: it fails"
        yield Finding(
            DOCUMENT.name,
            document.name,
            path,
            what,
            f'did you mean "{meant}"?'
            if meant
            else f"write {wanted} under the parameters of that action, or of this job",
            warning=True,
            word=name,
            lacks="rule",
            lacking=wanted,
            heeds=(("parameters", wanted),),
        )


def _undated(document: Document, starts: Sequence[_Start]) -> Iterable[Finding]:
    """A job that needs a date, started for gates that have none."""
    path = needs_date(document.body)
    if path is None:
        return
    for one in starts:
        if one.job == document.name and not one.dated:
            yield Finding(
                "rule",
                one.rule,
                one.path,
                f"job {document.name} needs a business date ({_shown(path)}), and gates of this "
                "rule have none: its runs fail",
                "add match_field: data.business_date, or take the date out of the job",
                heeds=(("correlation_logic", EACH, "match_field"),),
            )


def _shown(path: Path) -> str:
    """`target[3]`, as messages have it."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in path
    ).removeprefix(".")
