"""Drives a SAM 2 network over the slices of a volume: only this room, training and finders import torch."""
