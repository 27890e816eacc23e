"""Media types: what a `Content-Type` or a `datacontenttype` says about bytes."""

from __future__ import annotations

import re

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
# Never the codec a stranger names: Python has some that are no charsets.
_CODECS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii",
    "iso-8859-1": "latin-1", "latin-1": "latin-1", "latin1": "latin-1",
    "iso-8859-15": "iso-8859-15", "windows-1252": "cp1252", "cp1252": "cp1252", "utf-16": "utf-16",
}  # fmt: skip
_TEXTS = frozenset({"application/xml", "application/yaml", "application/x-yaml"})


def essence(content_type: str) -> str:
    """`Application/JSON; charset=utf-8` is `application/json`."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """`application/json`, `text/json`, and every `.../...+json`."""
    name = essence(content_type)
    return name.endswith(("/json", "+json"))


def is_text(content_type: str) -> bool:
    """Content a person can read, and so is kept as text."""
    name = essence(content_type)
    return name.startswith("text/") or name.endswith("+xml") or name in _TEXTS


def charset(content_type: str) -> str:
    """The charset it names, in small letters; `utf-8` when it names none."""
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else "utf-8"


def text(raw: bytes, content_type: str) -> str | None:
    """Bytes as text in the charset their content type names; None when they are none."""
    codec = _CODECS.get(charset(content_type))
    if codec is None:
        return None
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None
