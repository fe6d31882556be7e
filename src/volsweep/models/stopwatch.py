"""Transfers that end: whatever a server sends, and however slowly, its connection is cut in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session


ENOUGH = 2**16
"""Bytes that count as a sign of life: single ones, sent now and then, would never end."""


class Pace:
    """When a transfer last came on.

    Parameters
    ----------
    silence_s
        How long the next `ENOUGH` bytes may take.
    """

    def __init__(self, silence_s: float) -> None:
        self.silence_s = silence_s
        self.alive()

    def alive(self) -> None:
        """It begins, or begins again."""
        self._last, self._came = time.monotonic(), 0

    def came(self, size: int) -> None:
        """So many bytes more."""
        self._came += size
        if self._came >= ENOUGH:
            self.alive()

    def waited(self, seconds: float) -> None:
        """So long nobody asked for more."""
        self._last += seconds

    @property
    def is_silent(self) -> bool:
        """Whether too little came for too long."""
        return time.monotonic() - self._last > self.silence_s


class Stopwatch:
    """Cuts the connections of a session when it has run too long, or when nothing has come for too long.

    A timeout of sockets is not enough: every single byte begins it anew.

    Parameters
    ----------
    total_s
        How long everything may take.
    silence_s
        How long the next `ENOUGH` bytes may take.
    sockets
        Those of a session that other stopwatches know already.
    """

    def __init__(self, total_s: float, silence_s: float, sockets: list[Any] | None = None) -> None:
        self._end = time.monotonic() + total_s
        self.pace = Pace(silence_s)
        self._done = threading.Event()
        self._sockets: list[Any] = [] if sockets is None else sockets
        self.was_cut = False

    @property
    def is_over(self) -> bool:
        """Whether the whole time has passed."""
        return time.monotonic() >= self._end

    def begin(self) -> None:
        """A new try; what became of the one before no longer counts."""
        self.was_cut = False
        self.pace.alive()

    def watch(self, session: Session) -> None:
        """Know the connections that a session opens from now on."""
        know_sockets(session, self._sockets)

    def __enter__(self) -> Stopwatch:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(min(0.5, self.pace.silence_s / 4)):
            if self.is_over or self.pace.is_silent:
                self.was_cut = True
                while self._sockets:
                    with suppress(OSError):  # closed already
                        self._sockets.pop().shutdown(socket.SHUT_RDWR)


def know_sockets(session: Session, sockets: list[Any]) -> Any:
    """Have a session tell of every connection that it opens from now on; returned is what sends its requests."""
    adapter = _adapter(sockets.append)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return adapter


def _adapter(opened: Callable[[Any], None]) -> Any:
    """What gives a session its connections, telling of each one's socket."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
            return _told(super().get_connection_with_tls_context(*args, **options), opened)

        def get_connection(self, *args: Any, **options: Any) -> Any:  # of requests before 2.32
            return _told(super().get_connection(*args, **options), opened)

    return Adapter()


def _told(pool: Any, opened: Callable[[Any], None]) -> Any:
    kind = pool.ConnectionCls
    if not hasattr(kind, "tells_of_its_socket"):

        def connect(self: Any) -> None:
            kind.connect(self)
            opened(self.sock)

        pool.ConnectionCls = type(kind.__name__, (kind,), {"connect": connect, "tells_of_its_socket": True})
    return pool
