"""Blocks of planes, for the refiner to learn from, and corrections of its own mistakes."""
