"""Errors: one tree, one table of codes.

    TidegateError
    ├── InputError       the caller can mend it               4xx, never retried
    ├── ConflictError    someone else was first               409, look again, then retry
    ├── TransientError   the world may get better             503, retried with backoff
    └── Defect           we are wrong                         500, never retried

A class is new only when a caller would act on it differently; what exactly was wrong is the
`code`. Codes are public API: they stand in `CODES`, are golden-tested and documented, and are
never reused for another meaning.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Code(NamedTuple):
    """What a code means to a caller."""

    http_status: int
    title: str
    retryable: bool = False


CODES: dict[str, Code] = {
    "auth.forbidden": Code(403, "This caller may not do that"),
    "auth.required": Code(401, "A valid token is needed"),
    "body.encoding": Code(415, "The request body is packed in a way that is not read here"),
    "body.limit": Code(413, "The request body is over its limit"),
    "body.not_event": Code(400, "The request holds no CloudEvent"),
    "body.syntax": Code(400, "The request body cannot be read"),
    "body.timeout": Code(408, "The request body came too slowly", True),
    "calendar.exhausted": Code(422, "The calendar has no business day in reach"),
    "calendar.unknown": Code(422, "No calendar has this name"),
    "cell.unreadable": Code(500, "What is stored of a gate, a run or the like cannot be read"),
    "clock.jump": Code(503, "The clock jumped; nothing is decided until it settles", True),
    "config.invalid": Code(422, "A setting is wrong"),
    "conflict": Code(409, "Somebody else was first"),
    "database.busy": Code(409, "Another process writes to this database", True),
    "database.schema": Code(409, "The database has another schema version"),
    "defect": Code(500, "A defect of Tidegate"),
    "document.invalid": Code(422, "A document has faults"),
    "document.unknown": Code(404, "No document has this name"),
    "document.unused": Code(422, "A key of a document has no effect in this version"),
    "event.attribute": Code(422, "A CloudEvents attribute is missing or wrong"),
    "event.conflict": Code(409, "Another event has this source and id"),
    "event.depth": Code(422, "The event is nested too deeply"),
    "event.far_date": Code(422, "The event's business date is far ahead, or before 1970"),
    "event.number": Code(422, "A number of the event is not a JSON number"),
    "event.size": Code(422, "The event is too large"),
    "event.source.reserved": Code(422, "Only Tidegate itself speaks under this source"),
    "event.strict": Code(422, "This application only sends valid CloudEvents"),
    "event.string": Code(422, "A text of the event is too long or no valid Unicode"),
    "event.syntax": Code(422, "The event is no valid JSON"),
    "event.time": Code(422, "The event's time cannot be read"),
    "event.time.future": Code(422, "The event's time is more than 24 hours ahead"),
    "event.type.reserved": Code(422, "Only Tidegate itself says events of this type"),
    "event.unmapped": Code(422, "The event lacks what its application should map"),
    "execution.state": Code(409, "The execution's state does not allow this"),
    "execution.unknown": Code(404, "No such execution"),
    "expression.budget": Code(422, "An expression used up its budget"),
    "expression.function": Code(422, "A function of the project failed"),
    "expression.invalid": Code(422, "An expression cannot be compiled"),
    "expression.type": Code(422, "An expression met a value of the wrong type"),
    "gate.state": Code(409, "The gate's state does not allow this"),
    "gate.unknown": Code(404, "No such gate"),
    "host.died": Code(500, "Deciding this ended the process three times"),
    "inbox.unknown": Code(404, "Nothing in the inbox has this id"),
    "input": Code(400, "The request is wrong"),
    "job.unknown": Code(404, "No job has this name"),
    "limit.batch": Code(413, "Too many events in one batch"),
    "limit.cell": Code(500, "A state is over its size limit"),
    "limit.needs": Code(500, "A signal concerns more cells than allowed"),
    "limit.orders": Code(500, "A signal caused more orders than allowed"),
    "limit.puts": Code(500, "A step puts more cells or effects than allowed"),
    "limit.text": Code(500, "A key or call is too long or no plain text"),
    "limit.time": Code(500, "Deciding a signal took too long"),
    "method.unknown": Code(405, "This address does not take that method"),
    "not_found": Code(404, "There is no such thing"),
    "notice.refused": Code(422, "A notice was refused for good"),
    "notice.state": Code(409, "The notice's state does not allow this"),
    "notice.unknown": Code(404, "No such notice"),
    "notice.unreachable": Code(503, "A notice could not be delivered now", True),
    "project.missing": Code(404, "The folder is no Tidegate project"),
    "project.other": Code(409, "The server follows another folder"),
    "queue.full": Code(503, "The intake queue is full", True),
    "reducer.failed": Code(500, "An engine failed to decide a signal"),
    "request.invalid": Code(422, "A parameter or the body is wrong"),
    "rule.unknown": Code(404, "No rule has this name"),
    "store.gone": Code(503, "The database's file was deleted or replaced", True),
    "store.older": Code(409, "The database lacks what was written to it last"),
    "store.unavailable": Code(503, "The database cannot be used now", True),
    "task.failed": Code(500, "The task failed"),
    "task.unreachable": Code(503, "The task's service could not be asked", True),
    "timeout": Code(504, "It took too long", True),
    "trigger.conflict": Code(409, "This key asked for a run with other parameters or priority"),
    "trigger.parameters": Code(422, "The parameters of a run are too large"),
    "trigger.state": Code(409, "The trigger's state does not allow this"),
    "trigger.unknown": Code(404, "No such trigger"),
    "turn.slow": Code(503, "A turn lasts so long that whatever comes waits", True),
    "unreachable": Code(503, "The server cannot be reached", True),
    "url.refused": Code(422, "Tidegate may not call this address"),
    "usage": Code(400, "The command is not used like this"),
    "window.invalid": Code(422, "The maintenance window is wrong"),
    "window.unknown": Code(404, "No maintenance window has this id"),
}


class TidegateError(Exception):
    """Base of everything we raise on purpose; carries facts, not only prose.

    `message` names the thing, the place and what was seen; `fix` says what to do.
    """

    def __init__(self, code: str, message: str, /, *, fix: str = "", **details: Any) -> None:
        assert code in CODES, f"{code} is missing from kernel/errors.CODES"
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        # Default pickling calls cls(*args) and would lose everything but the message.
        return (_rebuild, (type(self), self.code, self.message, self.fix, self.details))

    def __str__(self) -> str:
        return f"{self.message}; fix: {self.fix}" if self.fix else self.message

    @property
    def http_status(self) -> int:
        return CODES[self.code].http_status

    @property
    def retryable(self) -> bool:
        return CODES[self.code].retryable


class InputError(TidegateError):
    """The caller can mend it."""


class ConflictError(TidegateError):
    """Somebody else was first."""


class TransientError(TidegateError):
    """The world may get better; nothing was done."""


class Defect(TidegateError):
    """We are wrong."""


def _rebuild(
    cls: type[TidegateError], code: str, message: str, fix: str, details: dict[str, Any]
) -> TidegateError:
    return cls(code, message, fix=fix, **details)
