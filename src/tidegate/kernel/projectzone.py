"""The project's time zone: of every time in documents that names none."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.kernel.step import Document
from tidegate.kernel.value import is_map

PROJECT = "project"
UTC = "UTC"


def project_zone(documents: Iterable[Document]) -> str:
    """Name of the zone the active project document gives; its owner has checked that there is one."""
    for document in documents:
        if document.kind == PROJECT and document.active and is_map(document.body):
            written = document.body.get("timezone")
            return written if isinstance(written, str) else UTC
    return UTC
