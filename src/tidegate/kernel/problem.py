"""Problem: an error as RFC 9457 has it, with a stable code: the same on HTTP and on a terminal."""

from __future__ import annotations

from typing import NotRequired, Protocol, TypedDict

from tidegate.kernel.errors import CODES, TidegateError
from tidegate.kernel.event import Json

TYPE = "urn:tidegate:error:"


class ProblemAnswer(TypedDict):
    """What is wrong, by a stable code, and what to do; some codes have further members."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    fix: NotRequired[str]
    faults: NotRequired[Json]


class Trouble(Protocol):
    """An error or a refusal, as far as it is told."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def fix(self) -> str: ...


def problem_of(error: Trouble) -> ProblemAnswer:
    """`type`, `title`, `status`, `detail`, `code`, and `fix` and `faults` where there are some."""
    code = CODES.get(error.code, CODES["defect"])
    body: ProblemAnswer = {
        "type": f"{TYPE}{error.code}",
        "title": code.title,
        "status": code.http_status,
        "detail": error.message,
        "code": error.code,
    }
    if error.fix:
        body["fix"] = error.fix
    if isinstance(error, TidegateError) and "faults" in error.details:
        body["faults"] = error.details["faults"]  # of documents, each with its place
    return body
