"""Training: clips from real and made volumes, SAM 2's recipe in a small loop, runs that survive a kill.

Importing this package loads nothing heavy; `volsweep.train.loop.train` does the work.
"""
