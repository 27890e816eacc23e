"""Tidegate: starts data work exactly when its inputs are ready, and can always say why."""

__version__ = "0.1.0"
