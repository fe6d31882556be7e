"""Fetch one file over HTTP for pooch: resume after a cut, notice stalls, report progress, cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsweep.errors import DownloadCancelled, DownloadError
from volsweep.models.stopwatch import Stopwatch

if TYPE_CHECKING:
    from requests import Response, Session

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all (None where the server does not say)."""

_CHUNK = 1 << 16
_SILENCES = 5
"""So many times the timeout may pass without a chunk's worth: a drip of single bytes is as good as silence."""
_SLOW = "the server sends so slowly that it was given up"
_PARTIAL = 206
_RANGE_NOT_SATISFIABLE = 416
_WORTH_ANOTHER_TRY = (408, _RANGE_NOT_SATISFIABLE, 425, 429)


@dataclass
class ResumingDownloader:
    """A downloader for `pooch.retrieve`.

    Parameters
    ----------
    progress
        Told after every chunk, in the caller's own thread.
    is_cancelled
        Asked before every chunk; the transfer ends with `DownloadCancelled` once it answers True.
    attempts
        Tries in all; each goes on where the last one was cut if the server allows it.
    timeout_s
        Seconds without a single byte, or without a connection, after which a try is given up.
    pause_s
        Seconds before the second try; it doubles from try to try.
    total_s
        Seconds for everything, after which it is given up.
    most_bytes
        How large the file may be.
    """

    progress: Progress | None = None
    is_cancelled: Callable[[], bool] | None = None
    attempts: int = 6
    timeout_s: float = 20.0
    pause_s: float = 0.5
    total_s: float = 12 * 3600.0
    most_bytes: int = 2**34

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:  # noqa: ARG002
        """Fetch `url` into the path `output_file`: the signature that pooch calls."""
        import requests

        # A session takes proxies and certificates from the environment, as hospitals' networks need.
        with requests.Session() as session, Stopwatch(self.total_s, _SILENCES * self.timeout_s) as watch:
            watch.watch(session)
            transfer = _Transfer(url, Path(output_file), self, watch)
            for attempt in range(self.attempts):
                watch.begin()
                try:
                    transfer.attempt(session)
                except _Interrupted as failure:
                    if watch.is_over:
                        raise DownloadError(
                            f"{url} was given up after {self.total_s / 3600:.3g} hours; fetch the file over another "
                            "connection, or in a browser"
                        ) from failure
                    if attempt == self.attempts - 1:
                        raise DownloadError(
                            f"{url} could not be fetched in {self.attempts} tries: {failure}; "
                            "check the connection or the proxy (HTTPS_PROXY) and try again"
                        ) from failure
                    self._pause(self.pause_s * 2**attempt)
                else:
                    return

    def report(self, done: int, total: int | None) -> None:
        """Pass progress on, unless the user gave up."""
        self._check_cancelled()
        if self.progress is not None:
            self.progress(done, total)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check_cancelled()
            time.sleep(min(left, 0.1))

    def _check_cancelled(self) -> None:
        if self.is_cancelled is not None and self.is_cancelled():
            raise DownloadCancelled("the download was cancelled; nothing was kept")


class _Interrupted(Exception):  # noqa: N818
    """An attempt failed in a way that another one may mend."""


class _Transfer:
    """What is known of one file between attempts."""

    def __init__(self, url: str, path: Path, settings: ResumingDownloader, watch: Stopwatch) -> None:
        self._watch = watch
        self._url = url
        self._path = path
        self._settings = settings
        self._validator = ""
        """ETag or date of the file that `path` holds the beginning of; empty: start afresh."""

    def attempt(self, session: Session) -> None:
        import requests

        done = self._path.stat().st_size if self._validator else 0
        # Without "identity" a server may compress, and lengths and offsets would not be the file's.
        headers = {"Accept-Encoding": "identity"}
        if done:
            headers |= {"Range": f"bytes={done}-", "If-Range": self._validator}
        try:
            with session.get(self._url, headers=headers, stream=True, timeout=self._settings.timeout_s) as response:
                self._receive(response, done)
        except requests.RequestException as error:
            raise _Interrupted(_SLOW if self._watch.was_cut else _reason(error)) from error

    def _receive(self, response: Response, done: int) -> None:
        self._check_status(response)
        resumed = response.status_code == _PARTIAL
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            self._validator = ""
            raise _Interrupted("the server sent another part of the file than was asked for")
        if not resumed:
            done = 0
            tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            # A weak ETag promises the same meaning, not the same bytes.
            self._validator = "" if tag.startswith("W/") else tag
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        self._check_size(total or 0)
        with self._path.open("r+b") as file:
            file.seek(done)
            file.truncate()
            self._settings.report(done, total)
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                self._watch.pace.came(len(chunk))
                self._check_size(done)
                self._settings.report(done, total)
        if self._watch.was_cut:
            raise _Interrupted(_SLOW)
        if total is not None and done < total:
            raise _Interrupted(f"the connection ended after {done} of {total} bytes")

    def _check_size(self, size: int) -> None:
        if size > self._settings.most_bytes:
            raise DownloadError(
                f"{self._url} sends more than {self._settings.most_bytes >> 20} MiB, which these weights do not have; "
                "what is there is another file"
            )

    def _check_status(self, response: Response) -> None:
        code = response.status_code
        if code in (200, _PARTIAL):
            return
        if code == _RANGE_NOT_SATISFIABLE:
            self._validator = ""
        if code in _WORTH_ANOTHER_TRY or code >= 500:
            raise _Interrupted(f"the server answered {code} {response.reason}")
        raise DownloadError(
            f"{response.url} answered {code} {response.reason}: the file was moved or access is barred; "
            "update Volsweep, or fetch the file in a browser"
        )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server stopped answering"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused the connection"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate was not accepted"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection failed or was cut"
    return type(error).__name__
