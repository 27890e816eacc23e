"""Golden files: text that people judged once, kept, and compared from then on.

`TIDEGATE_GOLDEN=write` in the environment rewrites them after a wanted change; the difference is
then looked at in version control.
"""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

SWITCH = "TIDEGATE_GOLDEN"


def check_golden(path: Path, text: str) -> None:
    """Fails with a difference where the text is not what the file holds."""
    if os.environ.get(SWITCH) == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return
    kept = path.read_text("utf-8") if path.is_file() else ""
    if text != kept:
        lines = unified_diff(kept.splitlines(), text.splitlines(), "golden", "now", lineterm="")
        shown = "\n".join(lines)
        raise AssertionError(f"{path.name} differs; if that is wanted: make golden\n{shown}")
