"""Contexts: the documents that say how each application writes what Tidegate needs to know.

Two spellings, one model. `context_mapping` reads from the application's field to the normalised
name; a key that ends in `_mapping` reads from the normalised name to a path in the event:

    crm:                                        crm:
      source_pattern: "/crm/data/ingestion"       source_pattern: "/crm/data/ingestion"
      context_mapping:                            context_id_mapping: "context.batch_id"
        batch_id: "context_id"                    priority_mapping: "context.priority"
        priority: "context.priority"

In `context_mapping` a field `batch_id` is the event's `context.batch_id`, else its own attribute
`batch_id`. `context_id`, `dataset`, `business_date`, `priority` and `owner` are what the product
itself asks for; any other name is only found under `context.<name>` afterwards.

A file `contexts/*.yaml` holds one `context_mapping` of applications, beside it `global_context`,
which enriches the process they feed. Rules hold the same entries as `application_mappings`.
Authored form only; `kernel/mapping` compiles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import PydanticKnownError

from tidegate.kernel.calendar import CalendarName
from tidegate.kernel.clock import parse_duration, require_unit
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import segment
from tidegate.kernel.namepattern import DATASET, DATE, parse_name_pattern
from tidegate.kernel.step import DocumentKind
from tidegate.kernel.template import parse_template
from tidegate.kernel.value import getter, is_map, parse_path
from tidegate.kernel.zone import parse_time_of_day, zone

APPLICATIONS_MAX = 1_000
"""Applications of one document."""
FIELDS_MAX = 100
"""Mapped fields of one application, and paths tried for one name."""
DATASETS_MAX = 256
"""Expected datasets of one process: the inputs a rule may have."""
TEXT_MAX = 512
"""Characters of a name, a template or an expression."""

_MAPPING = "_mapping"
_NORMALISED = re.compile(r"(?:context\.)?([a-z_][a-z0-9_]{0,63})", re.ASCII)
_PROCESS = getter(("context_mapping", "global_context", "business_process"))
# In plain text: a pattern is what reads the thing itself out of a name, and quotes nothing.
_READS = re.compile(rf"\{{(?:{DATASET}|{DATE}(?::[^{{}}]*)?)\}}")
_PATH = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")


# ---- parts
def _path(text: str) -> str:
    try:
        parse_path(text)
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    return text


def _id_template(text: str) -> str:
    try:
        template = parse_template(text, "id")
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    if "sequence" not in template.paths:
        raise ValueError("the id lacks the round|end it with {sequence}, so that rounds differ")
    return text


def _pattern(text: str) -> str:
    parse_name_pattern(text)
    return text


def _normalised(text: str) -> str:
    found = _NORMALISED.fullmatch(text)
    if found is None or found[1] == "context":
        raise ValueError(
            f'"{text}" is no normalised name|write context_id, dataset, business_date, priority, '
            "owner, or a name such as context.process_type"
        )
    return text


def _mapping_key(key: str) -> str:
    if not key.endswith(_MAPPING) or _NORMALISED.fullmatch(key) is None:
        raise PydanticKnownError("extra_forbidden")
    return key


def _time_of_day(text: str) -> str:
    parse_time_of_day(text)
    return text


def _zone(name: str) -> str:
    zone(name)
    return name


def _duration(text: str) -> str:
    parse_duration(text)
    return text


Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
EventPath = Annotated[Text, AfterValidator(_path)]
EventPaths = EventPath | Annotated[list[EventPath], Field(min_length=1, max_length=FIELDS_MAX)]
"""A path into the event; of several the first that is there counts."""


MappingKey = Annotated[str, AfterValidator(_mapping_key)]


class NameReading(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """Read out of a file's name: `{field: data.name, pattern: "orders_{business_date:%Y%m%d}.csv"}`."""

    pattern: Annotated[Text, AfterValidator(_pattern)]
    field: EventPaths | None = None  # default: kernel/mapping.NAME_FIELDS


class ExpressionReading(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """Computed: `{expression: 'business_day(time, -1, "business_days", "UTC", "06:00")'}`."""

    expression: Text


Reading = Text | Annotated[list[EventPath], Field(min_length=1)] | NameReading | ExpressionReading
"""How a dataset or a business date is read. Plain text is told apart by how it looks:

1. names joined by dots are a path: `data.file.date`;
2. text without quotation marks that holds `{dataset}`, `{business_date}` or `{business_date:...}`
   is a name pattern: `orders_{business_date:%Y%m%d}.csv`;
3. all else is an expression: `business_day(time, -1, calendar, timezone, cutoff)`.

What would be misread is written as a mapping: `{pattern: ...}` or `{expression: ...}`.
"""
Read = tuple[str, ...] | NameReading | ExpressionReading
"""A reading of which it is known what it is; the tuple holds paths."""


def reading(written: Reading | None) -> Read | None:
    """Which of the three a reading is; None stays None."""
    if written is None:
        return None
    if isinstance(written, NameReading | ExpressionReading):
        return written
    if isinstance(written, list):
        return tuple(written)
    if _PATH.fullmatch(written):
        return (written,)
    if _READS.search(written) and not re.search(r"[\"'`]", written):
        return NameReading.model_construct(pattern=written, field=None)
    return ExpressionReading(expression=written)


def paths(written: EventPaths | None) -> tuple[str, ...]:
    if written is None:
        return ()
    return (written,) if isinstance(written, str) else tuple(written)


def _reads(wanted: str) -> AfterValidator:
    """A name pattern must read what it is there for."""

    def check(written: Reading) -> Reading:
        read = reading(written)
        if isinstance(read, NameReading) and wanted not in parse_name_pattern(read.pattern).names:
            raise ValueError(
                f'the name pattern "{read.pattern}" reads no {wanted}|put {{{wanted}}} where it stands'
            )
        return written

    return AfterValidator(check)


# ---- documents
class ApplicationMapping(BaseModel, frozen=True, defer_build=True, extra="allow"):
    """One application: which sources are its own, and where its events say what."""

    # Any further `<name>_mapping`: the event then has `context.<name>`. (Typing the extras like
    # this is pydantic's own way, though its base class declares them wider.)
    __pydantic_extra__: dict[MappingKey, EventPaths] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    source_pattern: Annotated[str, Field(min_length=1, max_length=1024)]
    """The source itself, or a glob: `*` any characters, `/` too; `?` one; `[ab]` one of these."""
    context_mapping: Annotated[
        dict[EventPath, Annotated[str, AfterValidator(_normalised)]], Field(max_length=FIELDS_MAX)
    ] = {}
    context_id_mapping: EventPaths | None = None  # default: the extension context_id
    priority_mapping: EventPaths | None = None
    owner_mapping: EventPaths | None = None
    dataset_mapping: Annotated[Reading, _reads(DATASET)] | None = None
    """Default: data.dataset_name."""
    business_date_mapping: Annotated[Reading, _reads(DATE)] | None = None
    """Default: data.business_date."""
    strict: bool = False  # refuse what is no valid CloudEvent to the letter
    calendar: CalendarName = "business_days"  # these three are names an expression may use
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    cutoff: Annotated[str, AfterValidator(_time_of_day)] = "00:00"

    def plain(self) -> ApplicationMapping:
        """The same in the second spelling alone; what is said in both, the second says."""
        spelled: dict[str, Json] = {}
        for field, name in self.context_mapping.items():
            key = f"{name.removeprefix('context.')}{_MAPPING}"
            spelled.setdefault(key, []).extend((f"context.{field}", field))
        said = self.model_dump(exclude_unset=True, exclude={"context_mapping"})
        return ApplicationMapping.model_validate({**spelled, **said})

    def others(self) -> dict[str, tuple[str, ...]]:
        """Normalised names beyond context_id, dataset and business_date, and their paths."""
        named: dict[str, EventPaths | None] = {
            "priority": self.priority_mapping,
            "owner": self.owner_mapping,
            **{key.removesuffix(_MAPPING): value for key, value in self.__pydantic_extra__.items()},
        }
        return {name: paths(value) for name, value in named.items() if value is not None}


class GlobalContext(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """What every gate of the process gets, whichever application spoke."""

    correlation_id: Annotated[Text, AfterValidator(_id_template)] | None = None
    """A template such as correlation-{business_date}-{sequence}."""
    business_process: Text | None = None
    expected_datasets: Annotated[tuple[Text, ...], Field(max_length=DATASETS_MAX)] = ()
    downstream_job: Text | None = None
    sla_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 366, strict=True)] | None = None
    owner: Text | None = None
    manual_baseline: (
        Annotated[str, AfterValidator(_duration), BeforeValidator(require_unit)] | None
    ) = None
    """What the work took by hand, such as 4h; for the time saved."""


class ContextMapping(BaseModel, frozen=True, defer_build=True, extra="allow"):
    """Applications by name, and beside them what is true of all."""

    __pydantic_extra__: dict[Name, ApplicationMapping] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    global_context: GlobalContext | None = None

    @model_validator(mode="after")
    def _limited(self) -> ContextMapping:
        if len(self.__pydantic_extra__) > APPLICATIONS_MAX:
            raise ValueError(
                f"{len(self.__pydantic_extra__)} applications, {APPLICATIONS_MAX} are allowed"
                "|use globs, or several documents"
            )
        return self

    @property
    def applications(self) -> dict[str, ApplicationMapping]:
        return self.__pydantic_extra__


class ContextDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """A shared mapping of applications: contexts/*.yaml."""

    name: Name | None = None
    context_mapping: ContextMapping


def entries(document: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    """One document; called by its `name`, else its business process, else its applications."""
    yield _called(document), document, ()


def _called(document: Json) -> str:
    if not is_map(document):
        return "context"
    process = _PROCESS(document)
    for name in (document.get("name"), process):
        if type(name) is str and name:
            return name
    applications = document.get("context_mapping")
    names = "-".join(map(str, applications)) if is_map(applications) else ""
    return segment(names) or "context"


CONTEXTS = DocumentKind(name="context", folder="contexts", model=ContextDocument, entries=entries)
