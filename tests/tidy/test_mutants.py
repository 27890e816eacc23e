"""Mutants rot: their old text goes when the source is changed. `make mutate` judges them."""

from __future__ import annotations

from pathlib import Path

import tidegate
from tidegate.testing.mutation import faults, read

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = read(ROOT / "tests" / "mutation")


def test_every_mutant_can_be_put_in() -> None:
    """Where this fails: write the mutant anew for the source as it is, in tests/mutation/*.yaml."""
    assert faults(MUTANTS, Path(tidegate.__file__).parent) == []


def test_the_tests_a_list_names_are_there() -> None:
    named = {test for one in MUTANTS for test in one.tests}

    assert [test for test in sorted(named) if not (ROOT / "tests" / test).is_file()] == []
