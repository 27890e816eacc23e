"""Conformance suites of the ports: whoever writes an adapter subclasses them and runs pytest.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def database(self) -> Database: ...

Every expected number is computed by hand, not by the code under test. Needs pytest.
"""

from tidegate.testing.contracts.kit import CODEC, Database, keys_of
from tidegate.testing.contracts.reader import ReaderContract
from tidegate.testing.contracts.store import StoreContract

__all__ = ["CODEC", "Database", "ReaderContract", "StoreContract", "keys_of"]
