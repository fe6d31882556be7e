"""The one thread in which sessions and networks are touched: whoever waits for a click comes before sweeps, and what
nobody waits for yet is done when nothing comes for a moment.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")
_QUIET_S = 0.05
"""So long nothing may come before anything is done ahead: between a sweep's slices less time goes by."""
_log = logging.getLogger(__name__)


class Turn(IntEnum):
    """Whose turn comes first."""

    CLICK = 0
    SWEEP = 1
    END = 2


class Worker:
    """Runs what it is given, one after the other.

    Notes
    -----
    A session is not safe in several threads, and networks of all sessions share their weights. A sweep is run step
    by step, so that sweeps of many sessions take turns, and a preview waits for one slice at most.
    """

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[tuple[int, int, Future[Any] | None, Callable[[], Any] | None]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()
        self._ahead: dict[str, Callable[[], object]] = {}
        """What can be done ahead, by whose it is; touched in the thread alone."""
        self._thread = threading.Thread(target=self._work, name="volsweep-worker", daemon=True)
        self._thread.start()

    async def run(self, do: Callable[[], T], turn: Turn = Turn.CLICK) -> T:
        """Wait for something to be done; where nobody waits any more before it is begun, it is not."""
        return await asyncio.wrap_future(self.post(do, turn))

    def post(self, do: Callable[[], T], turn: Turn = Turn.CLICK) -> Future[T]:
        """Leave something to do."""
        future: Future[T] = Future()
        self._waiting.put((turn, next(self._number), future, do))
        return future

    def do_ahead(self, whose: str, do: Callable[[], object]) -> None:
        """Leave something that nobody waits for until a quiet moment; in the worker's thread.

        Of each one's things the last counts, so there are never more than there are of them.
        """
        self._ahead.pop(whose, None)
        self._ahead[whose] = do

    def end(self) -> None:
        """Do what waits, and nothing after that, nor what could be done ahead."""
        self._waiting.put((Turn.END, next(self._number), None, None))
        self._thread.join(30)

    def _work(self) -> None:
        while True:
            _, _, future, do = self._next()
            if future is None or do is None:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do())
            except BaseException as error:
                future.set_exception(error)
            del future, do

    def _next(self) -> tuple[int, int, Future[Any] | None, Callable[[], Any] | None]:
        while self._ahead:
            try:
                return self._waiting.get(timeout=_QUIET_S)
            except queue.Empty:
                try:
                    self._ahead.pop(next(reversed(self._ahead)))()
                except Exception as error:  # who asks for it meets it again, and is told then
                    _log.info("what could be done ahead was not: %s", type(error).__name__)
        return self._waiting.get()
