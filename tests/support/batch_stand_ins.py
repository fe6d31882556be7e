"""Tasks that need no network, for the executors; imported by name in worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from volsweep.batch.record import Record
from volsweep.batch.tasks import Result, Task


def work(task: Task) -> Result:
    """Die, wait, or tell who did it with how many threads, as the task's name says."""
    if task.name.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name.startswith("leave"):
        os._exit(3)
    if task.name.startswith("wait"):
        (task.folder.parent / f"{task.name}.pid").write_text(str(os.getpid()))
        time.sleep(60)
    if task.name.startswith("device"):
        _wait_for_another(task.folder.parent)
        return Result(Record(name=task.name, status="done", model=f"{os.getpid()} {task.device}"))
    return Result(Record(name=task.name, status="done", model=f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}"))


def _wait_for_another(folder: Path) -> None:
    """Wait until two workers are at work: however slowly the second begins, the first leaves it something to do."""
    (folder / f"{os.getpid()}.at-work").touch()
    end = time.monotonic() + 300
    while len(list(folder.glob("*.at-work"))) < 2 and time.monotonic() < end:
        time.sleep(0.02)


def task(name: str, folder: Path) -> Task:
    return Task(name, folder / name, None, folder)
