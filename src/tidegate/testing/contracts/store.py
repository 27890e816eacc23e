"""StoreContract: all that every store must do."""

from __future__ import annotations

from tidegate.testing.contracts.cells import CellContract
from tidegate.testing.contracts.documents import DocumentContract
from tidegate.testing.contracts.effects import EffectContract
from tidegate.testing.contracts.turn import TurnContract


class StoreContract(TurnContract, CellContract, EffectContract, DocumentContract):
    """Subclass it, override the fixture `database`, and run pytest."""
