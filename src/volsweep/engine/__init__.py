"""Drives a SAM 2 network over the slices of a volume: the only room, with training, that imports torch."""
