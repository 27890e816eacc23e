"""Tidegate: starts data work exactly when its inputs are ready, and can always say why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidegate.version import VERSION

if TYPE_CHECKING:
    from tidegate.embedded import Tidegate, TidegateSync

__version__ = VERSION
__all__ = ["Tidegate", "TidegateSync", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `import tidegate` alone must stay cheap.
    if name in ("Tidegate", "TidegateSync"):
        from tidegate import embedded

        return getattr(embedded, name)
    raise AttributeError(f"module 'tidegate' has no attribute {name!r}")
