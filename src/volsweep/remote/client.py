"""A connection to a Volsweep server: shows the token, tries again where the line breaks, says so."""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import numpy as np

from volsweep.errors import ServerError
from volsweep.remote.wire import PREFIX, VERSION, Said, VolumeHead, pack, unpack
from volsweep.settings import SERVER_TOKEN, is_this_machine, server_token
from volsweep.volume import Volume

_TIMEOUT_S = (10.0, 300.0)
"""To connect, and between two bytes: a sweep's first slice may wait for others'."""
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
        parts = urlsplit(text.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ServerError(f"{text.partition('#')[0][:200]!r} is no address of a server; give http://127.0.0.1:8765")
        if parts.scheme == "http" and not is_this_machine(parts.hostname):
            raise ServerError(
                f"the line to {parts.hostname} is not encrypted, and images would go over it; give https://, or come "
                "through ssh (docs/security-of-serve.md)"
            )
        token = (parse_qs(parts.fragment).get("token") or [server_token()])[0]
        if not token:
            raise ServerError(
                f"no token for {parts.hostname}: put it into {SERVER_TOKEN}, or give the whole address that "
                "`volsweep serve` printed"
            )
        return Address(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", token)


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
        self._about: dict[str, Any] | None = None
        self._arithmetic: dict[str, str] | None = None
        self.told: Callable[[str], None] | None = None
        """Told that the line broke and is tried again; a warning where nobody listens."""

    @property
    def about(self) -> dict[str, Any]:
        """What the server says of itself."""
        if self._about is None:
            told: dict[str, Any] = self.patiently(lambda: self._ask("GET", "").json())
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
            self._arithmetic = dict(self.patiently(lambda: self._ask("GET", "/arithmetic").json()))
        return self._arithmetic

    def send(self, key: str, volume: Volume, sent: Sent | None = None) -> None:
        """Make sure that a volume is there; its voxels go over once, deflated."""

        def there() -> bool:
            try:
                self._ask("GET", f"/volumes/{key}")
            except NotThere:
                return False
            return True

        if not self.patiently(there):
            self.patiently(lambda: self._ask("PUT", f"/volumes/{key}", data=_deflated(volume, sent)))

    def json(self, path: str, said: Said) -> dict[str, Any]:
        """Ask, and get JSON."""
        told: dict[str, Any] = self.patiently(lambda: self._ask("POST", path, data=_text(said)).json())
        return told

    def frame(self, path: str, said: Said) -> tuple[dict[str, Any], bytes]:
        """Ask, and get one frame."""
        (found,) = self.patiently(lambda: list(unpack([self._ask("POST", path, data=_text(said)).content])))
        return found

    def frames(self, path: str, said: Said) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Ask, and get frames as they come; the line may break."""
        from requests import RequestException

        with self._ask("POST", path, data=_text(said), stream=True) as answer:
            try:
                for head, body in unpack(answer.iter_content(None)):
                    if head["kind"] == "error":
                        raise ServerError(head["message"])
                    yield head, body
            except RequestException as error:
                raise BrokenLine(self._broke()) from error

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

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        from requests import ConnectionError as Unconnected
        from requests import RequestException, Timeout

        try:
            answer = self._http.request(method, self.address.url + PREFIX + path, timeout=_TIMEOUT_S, **more)
            if answer.status_code < 400:
                return answer
            told = self._why(answer)
        except (Unconnected, Timeout) as error:
            raise BrokenLine(self._broke()) from error
        except RequestException as error:
            raise ServerError(f"{self.address.url} cannot be asked ({type(error).__name__})") from error
        if answer.status_code == 404:
            raise NotThere(told)
        raise ServerError(told)

    def _why(self, answer: Any) -> str:
        try:
            return f"the server says: {answer.json()['error']}"
        except (ValueError, KeyError, TypeError):
            return f"{self.address.url} refuses (HTTP {answer.status_code}); is it a Volsweep server?"

    def _broke(self) -> str:
        return f"the connection to {self.address.url} failed or broke"


class BrokenLine(ServerError):  # noqa: N818
    """The connection failed; what was asked may be asked again."""


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
