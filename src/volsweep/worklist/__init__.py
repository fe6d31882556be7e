"""Many cases and who read them: a list, progress on the disk for readers side by side, agreement and consensus."""

from volsweep.worklist.consensus import consensus_of
from volsweep.worklist.listing import Case, Task, Worklist, read_worklist, write_worklist
from volsweep.worklist.make import cases_of
from volsweep.worklist.progress import Outcome, Progress, Reading, Working

__all__ = [
    "Case",
    "Outcome",
    "Progress",
    "Reading",
    "Task",
    "Working",
    "Worklist",
    "cases_of",
    "consensus_of",
    "read_worklist",
    "write_worklist",
]
