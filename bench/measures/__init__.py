"""Measures: what each of the design's measures saves, alone, as two functions on one table."""
