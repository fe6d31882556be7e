"""A connection to a Volsweep server: shows the token, tries again where the line breaks, says so."""

from __future__ import annotations

import json
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import numpy as np

from volsweep.errors import ServerError
from volsweep.models.stopwatch import ENOUGH, Stopwatch
from volsweep.remote.wire import PREFIX, VERSION, Said, VolumeHead, pack, unpack
from volsweep.settings import SERVER_TOKEN, server_token, server_url
from volsweep.volume import Volume

_TIMEOUT_S = (10.0, 300.0)
"""To connect, and between two bytes: a sweep's first slice may wait for others'."""
_SILENCE_S = 300.0
"""Between bytes that are more than a drip."""
_LONGEST_S, _LONGEST_STREAM_S = 900.0, 12 * 3600.0
"""A whole answer may take so long; a sweep, or the sending of a volume."""
_MOST_JSON, _MOST_FRAME, _MOST_REFUSAL = 2**22, 2**28, 2**16
"""Bytes of an answer: what it says of itself, a mask with its head, why it refuses."""
_PAUSES_S = (0.3, 1.0, 3.0)
"""Before each further try."""
_CHUNK = 2**20
T = TypeVar("T")
Sent = Callable[[int, int], None]
"""Told how many of all slices of a volume have been sent."""


class NotThere(ServerError):  # noqa: N818
    """The server does not have what it was asked about, or no longer."""


@dataclass(frozen=True)
class Address:
    """Where a server is, and what to show it.

    Parameters
    ----------
    url
        Without a path.
    token
        Told by no representation.
    """

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Address({self.url!r})"

    @staticmethod
    def parse(text: str) -> Address:
        """An address as `volsweep serve` prints it, or without the token: then VOLSWEEP_SERVER_TOKEN holds it.

        Raises
        ------
        ServerError
            If it is none, lacks a token, or would send a patient's images over a line that is not encrypted.
        """
        url, parts = server_url(text), urlsplit(text.strip())
        token = (parse_qs(parts.fragment).get("token") or [server_token()])[0]
        if not token:
            raise ServerError(
                f"no token for {parts.hostname}: put it into {SERVER_TOKEN}, or give the whole address that "
                "`volsweep serve` printed"
            )
        return Address(url, token)


class Client:
    """Asks a server.

    Parameters
    ----------
    address
        Where it is.
    """

    def __init__(self, address: Address) -> None:
        from requests import Session

        self.address = address
        self._http = Session()
        # A proxy or a .netrc of the environment is for other places than this.
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {address.token}"
        self._sockets: list[Any] = []
        Stopwatch(0, 0, self._sockets).watch(self._http)
        self._about: dict[str, Any] | None = None
        self._arithmetic: dict[str, str] | None = None
        self.told: Callable[[str], None] | None = None
        """Told that the line broke and is tried again; a warning where nobody listens."""

    @property
    def about(self) -> dict[str, Any]:
        """What the server says of itself."""
        if self._about is None:
            told: dict[str, Any] = self.json("", None)
            if told.get("api") != VERSION:
                raise ServerError(
                    f"{self.address.url} speaks version {told.get('api')} and this is version {VERSION}; "
                    "install the same Volsweep on both"
                )
            self._about = told
        return self._about

    @property
    def arithmetic(self) -> dict[str, str]:
        """Precision and processor there."""
        if self._arithmetic is None:
            _ = self.about  # of the same version
            self._arithmetic = self.json("/arithmetic", None)
        return self._arithmetic

    def send(self, key: str, volume: Volume, sent: Sent | None = None) -> None:
        """Make sure that a volume is there; its voxels go over once, deflated."""

        def there() -> bool:
            try:
                self._ask(f"/volumes/{key}", None, _MOST_JSON)
            except NotThere:
                return False
            return True

        def put() -> None:
            with self._asked("PUT", f"/volumes/{key}", _deflated(volume, sent), _LONGEST_STREAM_S) as (answer, watch):
                self._whole(answer, watch, _MOST_JSON)

        if not self.patiently(there):
            self.patiently(put)

    def json(self, path: str, said: Said | None) -> dict[str, Any]:
        """Ask, and get JSON."""
        body = self.patiently(lambda: self._ask(path, said, _MOST_JSON))
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise ServerError(f"what {self.address.url} answers is not understood; is it a Volsweep server?")
        return told

    def frame(self, path: str, said: Said) -> tuple[dict[str, Any], bytes]:
        """Ask, and get one frame."""
        found = self.patiently(lambda: list(unpack([self._ask(path, said, _MOST_FRAME)])))
        if len(found) != 1:
            raise ServerError(f"{self.address.url} answers with {len(found)} frames in place of one")
        return found[0]

    def frames(self, path: str, said: Said) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Ask, and get frames as they come; the line may break."""
        with self._asked("POST", path, _text(said), _LONGEST_STREAM_S) as (answer, watch):
            for head, body in unpack(_came(answer, watch), most_body=_MOST_FRAME):
                if head["kind"] == "error":
                    raise ServerError(f"the server says: {str(head.get('message'))[:500]}")
                given = time.monotonic()
                yield head, body
                watch.pace.waited(time.monotonic() - given)

    def patiently(self, do: Callable[[], T]) -> T:
        """Do something that can be done twice; where the line breaks, again."""
        for number, pause_s in enumerate(_PAUSES_S, start=1):
            try:
                return do()
            except BrokenLine as error:
                self.tell(error, number)
                time.sleep(pause_s)
        return do()

    def tell(self, error: ServerError, number: int) -> None:
        """Say that the line broke, and that it is tried again."""
        text = f"{error}; trying again ({number} of {len(_PAUSES_S)})"
        if self.told is not None:
            self.told(text)
        else:
            warnings.warn(text, UserWarning, stacklevel=4)

    @property
    def tries(self) -> tuple[float, ...]:
        """Seconds to wait before each further try."""
        return _PAUSES_S

    def _ask(self, path: str, said: Said | None, most: int) -> bytes:
        """A whole answer."""
        text = None if said is None else _text(said)
        with self._asked("GET" if said is None else "POST", path, text, _LONGEST_S) as (answer, watch):
            return self._whole(answer, watch, most)

    @contextmanager
    def _asked(self, method: str, path: str, data: Any, longest_s: float) -> Iterator[tuple[Any, Stopwatch]]:
        """An answer whose head has come; whatever is sent, and however slowly, it ends."""
        from requests import ConnectionError as Unconnected
        from requests import RequestException, Timeout
        from requests.exceptions import ChunkedEncodingError

        with Stopwatch(longest_s, _SILENCE_S, self._sockets) as watch:
            if isinstance(data, Iterator):
                data = _going(data, watch)
            try:
                # Redirections would take prompts and volumes to other places.
                with self._http.request(
                    method,
                    self.address.url + PREFIX + path,
                    data=data,
                    timeout=_TIMEOUT_S,
                    stream=True,
                    allow_redirects=False,
                ) as answer:
                    self._check(answer, watch)
                    yield answer, watch
                if watch.was_cut:
                    raise Unconnected
            except RequestException as error:
                if watch.was_cut:
                    raise ServerError(f"{self.address.url} sends so slowly that it was given up") from error
                if isinstance(error, Unconnected | Timeout | ChunkedEncodingError):
                    raise BrokenLine(self._broke()) from error
                raise ServerError(f"{self.address.url} cannot be asked ({type(error).__name__})") from error

    def _whole(self, answer: Any, watch: Stopwatch, most: int) -> bytes:
        body = bytearray()
        for chunk in _came(answer, watch):
            body += chunk
            if len(body) > most:
                raise ServerError(
                    f"{self.address.url} sends more than {most} bytes in one answer; is it a Volsweep server?"
                )
        return bytes(body)

    def _check(self, answer: Any, watch: Stopwatch) -> None:
        if answer.status_code < 300:
            return
        if answer.is_redirect:
            raise ServerError(f"{self.address.url} redirects to another address; give that one")
        try:
            told = f"the server says: {str(json.loads(self._whole(answer, watch, _MOST_REFUSAL))['error'])[:500]}"
        except (ServerError, ValueError, KeyError, TypeError, RecursionError):
            told = f"{self.address.url} refuses (HTTP {answer.status_code}); is it a Volsweep server?"
        raise (NotThere if answer.status_code == 404 else ServerError)(told)

    def _broke(self) -> str:
        return f"the connection to {self.address.url} failed or broke"


class BrokenLine(ServerError):  # noqa: N818
    """The connection failed; what was asked may be asked again."""


def _came(answer: Any, watch: Stopwatch) -> Iterator[bytes]:
    """The body of an answer, as it comes."""
    for chunk in answer.iter_content(ENOUGH):
        watch.pace.came(len(chunk))
        yield chunk


def _going(pieces: Iterator[bytes], watch: Stopwatch) -> Iterator[bytes]:
    """What is sent, as it goes."""
    for piece in pieces:
        watch.pace.alive()
        yield piece


def _text(said: Said) -> bytes:
    return said.model_dump_json().encode()


def _deflated(volume: Volume, sent: Sent | None) -> Iterator[bytes]:
    """The frame of a volume, in pieces; how long its body is, is said by its end alone."""
    yield pack("volume", VolumeHead.of(volume).model_dump(mode="json", exclude={"kind"}))
    array = volume.array_zyx
    deflating = zlib.compressobj(1)
    for done, slice_yx in enumerate(array, start=1):
        voxels = np.ascontiguousarray(slice_yx, slice_yx.dtype.newbyteorder("<")).tobytes()
        for start in range(0, len(voxels), _CHUNK):
            if piece := deflating.compress(voxels[start : start + _CHUNK]):
                yield piece
        if sent is not None:
            sent(done, len(array))
    yield deflating.flush()
