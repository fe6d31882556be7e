"""Answers of a server that end: bounded in bytes and in time, however it sends them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from volsweep.errors import PacsError

MOST_JSON_BYTES = 2**26
"""Of one answer to a search: some hundred thousand instances."""
MOST_BYTES = 2**36
"""Of one answer with images."""
PATIENCE = 5
"""An answer ends when so many times the server's silence go by without a chunk of it."""
_CHUNK = 2**16


class Bounds:
    """A response hook for `requests` that reads answers itself, and gives up on those without an end.

    Parameters
    ----------
    name
        Of the server, for messages.
    silence_s
        How long it may say nothing; a drip of single bytes is as good as silence.
    """

    def __init__(self, name: str, silence_s: float) -> None:
        self._name = name
        self._limit_s = PATIENCE * silence_s

    def __call__(self, response: Any, *_: Any, **options: Any) -> Any:
        """Take an answer whose head has come."""
        if options.get("stream"):
            response.raw = _Counted(response.raw, self._watched, MOST_BYTES, self._too_much)
            return response
        body = bytearray()
        with self._watched(response.raw) as alive:
            # Small reads: each of them tells that something still comes.
            for chunk in response.raw.stream(_CHUNK, decode_content=True):
                alive()
                body += chunk
                if len(body) > MOST_JSON_BYTES:
                    response.close()
                    raise self._too_much(MOST_JSON_BYTES)
        response._content = bytes(body)
        response._content_consumed = True
        return response

    def _too_much(self, limit: int) -> PacsError:
        return PacsError(f"{self._name} sends more than {limit >> 20} MiB in one answer; ask for less at a time")

    @contextmanager
    def _watched(self, raw: Any) -> Iterator[Callable[[], None]]:
        """Cut the connection when nothing was told alive for too long."""
        last = time.monotonic()
        done = threading.Event()
        cut = threading.Event()

        def alive() -> None:
            nonlocal last
            last = time.monotonic()

        def watch() -> None:
            while not done.wait(min(0.5, self._limit_s / 4)):
                if time.monotonic() - last > self._limit_s:
                    cut.set()
                    _cut(raw)
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield alive
        except Exception:
            if cut.is_set():
                raise self._too_slow() from None
            raise
        finally:
            done.set()
        if cut.is_set():
            raise self._too_slow()

    def _too_slow(self) -> PacsError:
        return PacsError(
            f"{self._name} sends so slowly that it was given up after {self._limit_s:g} s without progress"
        )


class _Counted:
    """A body that is streamed, counted and watched."""

    def __init__(self, raw: Any, watched: Any, limit: int, too_much: Callable[[int], PacsError]) -> None:
        self._raw, self._watched, self._limit, self._too_much = raw, watched, limit, too_much

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int = _CHUNK, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body, as `requests` asks for it."""
        total = 0
        with self._watched(self._raw) as alive:
            for chunk in self._raw.stream(min(amount or _CHUNK, _CHUNK), decode_content=decode_content):
                alive()
                total += len(chunk)
                if total > self._limit:
                    raise self._too_much(self._limit)
                yield chunk
                alive()


def _cut(raw: Any) -> None:
    """End a connection that another thread reads from."""
    connection = getattr(raw, "connection", None) or getattr(raw, "_connection", None)
    ends = [getattr(connection, "sock", None)]
    with suppress(AttributeError):
        ends.append(raw._fp.fp.raw._sock)  # where the connection let go of it: it is closed after this answer
    for end in ends:
        if isinstance(end, socket.socket):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
