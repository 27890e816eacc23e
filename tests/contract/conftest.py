"""Failed comparisons of the suites say what differed."""

import pytest

pytest.register_assert_rewrite("tidegate.testing.contracts")
