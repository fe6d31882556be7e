"""Blocks of space, for the 3D network to learn from."""
