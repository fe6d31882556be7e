"""Where tasks run: in this process, in workers on this machine, or on a Dask cluster.

An executor takes tasks one by one as it has room for them, and gives results in the order in
which they come, so that nothing piles up. A task that takes its process down fails; the others
go on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import cycle
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from volsweep.batch.tasks import Result, Task, record_failure, run_task
from volsweep.errors import BatchError
from volsweep.io.writing import remove_leftovers

Executor = Callable[[Iterator[Task]], Generator[Result, None, None]]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def in_process(tasks: Iterator[Task]) -> Generator[Result, None, None]:
    """Run tasks here, one after the other."""
    for task in tasks:
        try:
            result = run_task(task)
        except BaseException:
            remove_leftovers(task.folder)  # Ctrl-C can come between making a folder and guarding it
            raise
        yield result


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    device: str | None = None
    task: Task | None = None


class LocalWorkers:
    """Processes on this machine, each with a model of its own and its share of the cores.

    Parameters
    ----------
    count
        How many.
    devices
        Handed round among the workers, such as ``("cuda:0", "cuda:1")``; empty to leave the
        choice to each task.
    work
        What a worker does with a task; a function that can be imported by name.
    """

    def __init__(self, count: int, devices: Sequence[str] = (), work: Callable[[Task], Result] = run_task) -> None:
        if count < 1:
            raise BatchError(f"{count} workers cannot work; give at least 1")
        self.count = count
        self._devices = cycle(devices) if devices else None
        self._work = work

    def __call__(self, tasks: Iterator[Task]) -> Generator[Result, None, None]:
        """Run tasks; when the generator is closed, the workers are ended at once."""
        workers: dict[Connection, _Worker] = {}
        try:
            for task in tasks:
                if len(workers) < self.count:
                    device = next(self._devices) if self._devices else None
                    self._hand_over(self._start(device), task, workers)
                    continue
                yield from self._next_results(workers, task)
            while any(worker.task for worker in workers.values()):
                yield from self._next_results(workers, None)
        finally:
            for worker in workers.values():
                worker.process.kill()
                worker.process.join()
                worker.pipe.close()

    def _next_results(self, workers: dict[Connection, _Worker], task: Task | None) -> Iterator[Result]:
        """Wait for one worker, hand it the next task, and give what it made."""
        pipe = wait([pipe for pipe, worker in workers.items() if worker.task])[0]
        assert isinstance(pipe, Connection)
        worker = workers[pipe]
        done, worker.task = worker.task, None
        assert done is not None
        try:
            result = pipe.recv()
        except (EOFError, ConnectionError):
            del workers[pipe]
            pipe.close()
            worker.process.join()
            result = record_failure(done, _death(worker.process.exitcode))
        if task is not None:
            self._hand_over(worker if pipe in workers else self._start(worker.device), task, workers)
        yield result

    def _hand_over(self, worker: _Worker, task: Task, workers: dict[Connection, _Worker]) -> None:
        worker.task = task
        workers[worker.pipe] = worker
        with suppress(ConnectionError):  # it died meanwhile: the next wait finds that out
            worker.pipe.send(replace(task, device=worker.device) if worker.device else task)

    def _start(self, device: str | None = None) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        with _threads(self.count):
            process.start()
        theirs.close()
        return _Worker(process, ours, device)


def _death(code: int | None) -> str:
    reason = (
        f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"
    )
    return f"the worker process {reason} during this series; it may have run out of memory (fewer workers take less)"


@contextmanager
def _threads(workers: int) -> Iterator[None]:
    """Tell processes started meanwhile how many threads they may use: libraries read it while loading."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    share = str(max(1, (int(allowed) if allowed.isdecimal() else cores) // workers))
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, share))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, work: Callable[[Task], Result]) -> None:
    """Do what comes through the pipe, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(work(task))


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on writing beside the next run."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
