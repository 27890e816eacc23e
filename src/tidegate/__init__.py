"""Tidegate: starts data work exactly when its inputs are ready, and can always say why."""
