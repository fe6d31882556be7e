"""Answers of a server that end: bounded in bytes and in time, however it sends them."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from volsweep.errors import PacsError
from volsweep.models.stopwatch import ENOUGH, Pace, Stopwatch, know_sockets

if TYPE_CHECKING:
    from requests import Session

MOST_JSON_BYTES = 2**26
"""Of one answer to a search: some hundred thousand instances."""
MOST_IMAGE_BYTES = 2**32
"""Of one instance: an enhanced scan of two thousand frames of 1024 x 1024."""
MOST_BYTES = 2**36
"""Of one answer with images."""
_MOST_SEARCHED_BYTES = 2**28
"""Of all answers to searches on one connection."""
PATIENCE = 5
"""An answer ends when so many times the server's silence go by without `ENOUGH` bytes of it."""
_LONGEST = 60
"""An answer to a search, and each image of one with images, may take so many times the server's silence."""
_LONGEST_S = 12 * 3600.0
"""An answer with images may take as long as a download."""


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
        self._silence_s = silence_s

        self._searched_s, self._searched_bytes = 0.0, 0

    def watch(self, session: Session) -> None:
        """Give up on answers whose head does not come, however many bytes of it do."""
        sockets: list[Any] = []
        adapter = know_sockets(session, sockets)
        send = adapter.send

        def patiently(request: Any, *others: Any, **options: Any) -> Any:
            # What is sent may be large, and the line slow.
            longest_s = PATIENCE * self._silence_s if request.body is None else _LONGEST_S
            answer = None
            with Stopwatch(longest_s, longest_s, sockets) as watch:
                try:
                    answer = send(request, *others, **options)
                except Exception:
                    if not watch.was_cut:
                        raise
                if watch.was_cut:  # a head that is cut may look as if it had ended
                    if answer is not None:
                        answer.close()
                    why = f"the head of an answer did not come in {longest_s:g} s"
                    raise PacsError(f"{self._name} sends so slowly that it was given up: {why}")
                return answer

        adapter.send = patiently

    def _searched(self, seconds: float, size: int) -> None:
        """So much was spent on an answer to a search: pages without end are one answer without end."""
        self._searched_s += seconds
        self._searched_bytes += size
        if self._searched_bytes > _MOST_SEARCHED_BYTES or self._searched_s > _LONGEST * self._silence_s:
            raise PacsError(
                f"{self._name} has sent {self._searched_bytes >> 20} MiB of results in {self._searched_s:.0f} s, and "
                "there is no end of them; ask for less at a time"
            )

    def __call__(self, response: Any, *_: Any, **options: Any) -> Any:
        """Take an answer whose head has come."""
        kind = response.headers.get("Content-Type", "")
        counted = _Counted(response.raw, kind, _Watch(self._name, self._silence_s))
        if options.get("stream"):
            response.raw = counted
            return response
        body, began = bytearray(), time.monotonic()
        try:
            for chunk in counted.stream(decode_content=True):
                body += chunk
            if response.request.method == "GET" and not counted.has_images:
                self._searched(response.elapsed.total_seconds() + time.monotonic() - began, len(body))
        except BaseException:
            response.close()
            raise
        response._content = bytes(body)
        response._content_consumed = True
        return response


class _Watch:
    """Cuts a connection whose answer does not come to its end."""

    def __init__(self, name: str, silence_s: float) -> None:
        self._name = name
        self._pace = Pace(PATIENCE * silence_s)
        self._longest_s = _LONGEST * silence_s
        self._begun = self._part_begun = time.monotonic()

    def came(self, size: int) -> None:
        """So many bytes more."""
        self._pace.came(size)

    def waited(self, seconds: float) -> None:
        """So long those who wanted a chunk were busy with it: the server is not to blame."""
        self._pace.waited(seconds)
        self._part_begun += seconds

    def next_part(self) -> None:
        """Another image begins."""
        self._part_begun = time.monotonic()

    def too_much(self, limit: int) -> PacsError:
        """What to raise where it has no end."""
        return PacsError(f"{self._name} sends more than {limit >> 20} MiB in one answer; ask for less at a time")

    @contextmanager
    def over(self, raw: Any) -> Iterator[None]:
        """Watch while the answer is read."""
        done, cut = threading.Event(), threading.Event()
        self._pace.alive()

        def watch() -> None:
            while not done.wait(min(0.5, self._pace.silence_s / 4)):
                if self._why_not():
                    cut.set()
                    _cut(raw)
                    return

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        except Exception:
            if cut.is_set():
                raise self._too_slow() from None
            raise
        finally:
            done.set()
        if cut.is_set():
            raise self._too_slow()

    def _why_not(self) -> str:
        """Why it is given up; empty while it comes."""
        now = time.monotonic()
        if self._pace.is_silent:
            return f"{self._pace.silence_s:g} s without progress"
        if now - self._part_begun > self._longest_s or now - self._begun > _LONGEST_S:
            return f"{now - self._part_begun:.0f} s of one and the same answer"
        return ""

    def _too_slow(self) -> PacsError:
        return PacsError(f"{self._name} sends so slowly that it was given up after {self._why_not() or 'a long time'}")


class _Counted:
    """A body that is read in small pieces, counted and watched."""

    def __init__(self, raw: Any, kind: str, watch: _Watch) -> None:
        self._raw, self._watch = raw, watch
        self.has_images = re.search(r"multipart/|application/dicom(?!\+)", kind, re.IGNORECASE) is not None
        boundary = re.search(r'boundary="?([^";]+)', kind, re.IGNORECASE)
        self._mark = b"\r\n--" + boundary[1].encode("utf-8", "replace") if boundary else b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int = ENOUGH, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body, as `requests` asks for it."""
        most_of_part = MOST_IMAGE_BYTES if self.has_images else MOST_JSON_BYTES
        total = part = 0
        end = b""
        with self._watch.over(self._raw):
            for chunk in self._raw.stream(min(amount or ENOUGH, ENOUGH), decode_content=decode_content):
                self._watch.came(len(chunk))
                total, part = total + len(chunk), part + len(chunk)
                if self._mark and self._mark in (seam := end + chunk):
                    part = len(seam) - seam.rfind(self._mark)
                    self._watch.next_part()
                    end = b""
                else:
                    end = (end + chunk)[-len(self._mark) :] if self._mark else b""
                if part > most_of_part or total > MOST_BYTES:
                    raise self._watch.too_much(most_of_part if part > most_of_part else MOST_BYTES)
                given = time.monotonic()
                yield chunk
                self._watch.waited(time.monotonic() - given)


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
