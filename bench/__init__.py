"""Benchmarks: what is measured, against what, and the results that were."""
