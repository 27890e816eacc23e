"""ReaderContract: all that every reader must do: lists of cells here, the log in `reader_log`."""

from __future__ import annotations

from tidegate.testing.contracts.reader_cells import ReaderCellContract
from tidegate.testing.contracts.reader_log import ReaderLogContract


class ReaderContract(ReaderCellContract, ReaderLogContract):
    """Subclass it, override the fixture `database`, and run pytest."""
