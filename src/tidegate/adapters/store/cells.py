"""Cells: those used last, kept in memory as they are stored.

Filled by loads and by committed turns only, so a cell in here is the cell in the database for as
long as nobody else writes; any error or doubt empties it. A key that is not in here says nothing:
that a cell does not exist is not remembered.
"""

from __future__ import annotations

from collections import OrderedDict

from zstandard import frame_content_size

from tidegate.kernel.codec import PACKED
from tidegate.kernel.step import Key
from tidegate.ports.store import Stored

CACHE_BYTES = 64 * 1024 * 1024
CELL_BYTES = 600
"""What a cell takes in memory besides its state."""
STATE_FACTOR = 6
"""How much larger a state is as objects than as msgpack (measured: 5.3 to 6.7)."""


def weight(format_: int, body: bytes) -> int:
    """About how many bytes of memory a stored cell takes."""
    size = frame_content_size(body) if format_ & PACKED else len(body)
    return CELL_BYTES + STATE_FACTOR * size


class CellCache:
    """Bounded by bytes; the cell that was longest unused goes first."""

    def __init__(self, bytes_max: int = CACHE_BYTES) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._cells: OrderedDict[Key, tuple[Stored, int]] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, key: Key) -> Stored | None:
        found = self._cells.get(key)
        if found is None:
            return None
        self._cells.move_to_end(key)
        return found[0]

    def put(self, key: Key, stored: Stored, size_bytes: int) -> None:
        """Keep this one; one larger than the whole cache is not kept."""
        cells = self._cells
        if key in cells:
            self._bytes -= cells.pop(key)[1]
        if size_bytes > self._bytes_max:
            return
        cells[key] = stored, size_bytes
        self._bytes += size_bytes
        while self._bytes > self._bytes_max:
            _, (_, freed) = self._cells.popitem(last=False)
            self._bytes -= freed

    def drop(self, key: Key) -> None:
        found = self._cells.pop(key, None)
        if found is not None:
            self._bytes -= found[1]

    def clear(self) -> None:
        self._cells.clear()
        self._bytes = 0
