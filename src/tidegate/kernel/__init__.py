"""Shared vocabulary and arithmetic; imports nothing of ours."""
