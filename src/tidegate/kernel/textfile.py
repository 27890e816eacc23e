"""Text file: the bytes of one file to the documents in it, by the ending of its name."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel import jsonplaces, yaml
from tidegate.kernel.fault import Fault, fault_at
from tidegate.kernel.place import Lines, Parsed

FILE_MAX_BYTES = 4 * 1024 * 1024

_BYTE_ORDER_MARKS = {
    b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32",
}  # fmt: skip


class TextFile(Struct, frozen=True):
    """What one file holds. What could not be understood is in `faults`; the rest is still there."""

    text: str
    documents: tuple[Parsed, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def whole(self) -> bool:
        """All of it could be read; of a key that is written twice, one counts."""
        faults = sum(not fault.warning for fault in self.faults)
        return faults == sum(document.twice for document in self.documents)

    @property
    def times(self) -> int:
        """That one key of one mapping is written, at most."""
        return max((document.times for document in self.documents), default=1)


def read(file: str, data: bytes, counting: int = yaml.LAST) -> TextFile:
    """The documents of a file; `file` names it in faults, and `.json` at its end makes it JSON.

    Of a key that is written more than once the one of this index counts, else the last.
    """
    if len(data) > FILE_MAX_BYTES:
        what = f"the file is larger than {FILE_MAX_BYTES // 1024 // 1024} MiB"
        return TextFile("", faults=(fault_at(file, None, what, "split it into several"),))
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return _not_text(file, data, error.start)
    if not text.strip():
        return TextFile(text, faults=(_empty(file),))
    if file.endswith(".json"):
        documents, faults = jsonplaces.parse(text, file, counting=counting)
    else:
        documents, faults = yaml.parse(text, file, counting=counting)
    if not documents and not faults:
        faults = (_empty(file),)
    return TextFile(text, documents, faults)


def _empty(file: str) -> Fault:
    return fault_at(
        file, None, "the file holds no document", "write one, or remove it", warning=True
    )


def _not_text(file: str, data: bytes, at: int) -> TextFile:
    for mark, name in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            fault = fault_at(file, None, f"the file is {name}", "save it as UTF-8")
            return TextFile("", faults=(fault,))
    text = data.decode("utf-8", "replace")
    start = len(data[:at].decode("utf-8"))
    what = f"the byte 0x{data[at]:02X} is no UTF-8"
    return TextFile(
        text, faults=(fault_at(file, Lines(text).span(start, start + 1), what, "save it as UTF-8"),)
    )
