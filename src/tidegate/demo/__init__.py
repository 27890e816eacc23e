"""The demo: a small synthetic estate, three weeks of it on a simulated clock, then a live day."""
