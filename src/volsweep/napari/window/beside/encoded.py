"""The slices of the case that comes next, encoded while this one is worked on, in what time its reader leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

from volsweep.errors import VolsweepError
from volsweep.session.session import Session

MOST_BYTES = 2**29
"""Features that are kept of a case that nobody has opened yet, half a gigabyte: 25 slices of SAM 2.1 at 1024 pixels."""
QUIET_S = 2.0
"""For so long nothing was asked of the network before a slice is encoded: a reader who clicks goes on clicking."""
_LOOKED_S = 0.05


class Encoding:
    """One case's slices, the one that is shown first and then outwards, one by one, while nothing else is asked.

    Parameters
    ----------
    is_busy
        Whether the case that is open has the network at work; asked from another thread.
    """

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._session: Session | None = None
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether something is being encoded, or waits for quiet."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, session: Session) -> None:
        """Encode what a session that nobody has prompted will be asked for first; what was begun before is dropped."""
        self.stop()
        self._session, self._stop = session, Event()
        self._thread = Thread(target=self._run, args=(session, self._stop), daemon=True, name="volsweep-encode-ahead")
        self._thread.start()

    def stop(self) -> Session | None:
        """Encode no more; the session it was done for, whose slices are encoded as far as it came."""
        self._stop.set()
        session, self._session = self._session, None
        return session

    def _run(self, session: Session, stop: Event) -> None:
        from volsweep.engine.network.device import yield_to_all  # torch: seconds, not in the window's thread

        yield_to_all()
        total = 0
        try:
            for index in outwards(session):
                if not self._is_quiet(stop):
                    return
                taken = session.encode(session.plane, index)
                total += taken
                if not taken or total + taken > MOST_BYTES:
                    return
        except (VolsweepError, MemoryError):
            return  # said when the case is opened, and asks for the same

    def _is_quiet(self, stop: Event) -> bool:
        """Wait until nothing has been asked for a while; False once it is to stop."""
        since = time.monotonic()
        while not stop.is_set():
            if self._is_busy():
                since = time.monotonic()
            elif time.monotonic() - since >= QUIET_S:
                return True
            stop.wait(_LOOKED_S)
        return False


def outwards(session: Session) -> list[int]:
    """Slices of a session's plane, from the one that its volume opens on to those farthest from it."""
    count = session.volume.grid.plane_shape(session.plane)[0]
    return sorted(range(count), key=lambda index: (abs(index - count // 2), index))
