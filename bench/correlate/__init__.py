"""Correlation: one stream through the product and through a bare loop, in the same run."""
