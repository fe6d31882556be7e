"""Clips of slices, for SAM 2 to learn from."""
