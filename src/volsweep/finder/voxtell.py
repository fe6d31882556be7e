"""VoxTell (Rokuss et al. 2025, arXiv:2511.11450) as a finder, at a `voxtell-server` whose address the user gave.

The server takes a NIfTI once (``POST /images``), names (``POST /jobs``), tells when it is done (``GET
/jobs/ID/events``, a line of JSON each), and has a mask a name (``GET /jobs/ID/result``, chunks compressed by blosc2):
https://github.com/MIC-DKFZ/VoxTell, ``voxtell/server``. It gets the volume's voxels and where they lie, and nothing
else of a series. Nothing goes to an address that nobody gave: no redirect is followed, no proxy of the environment
used.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import PromptError, ServerError
from volsweep.finder.proposals import Found, Proposal, proposal_of
from volsweep.geometry import LPS_TO_RAS, reverse_index_order
from volsweep.settings import server_url
from volsweep.volume import Volume

_TIMEOUT_S = (10.0, 900.0)
"""To connect, and between two bytes: others' jobs may come first."""
_MOST_TOLD = 2**20
"""Bytes of what it says; masks have as many as they need."""
_MAGIC = b"VXA2"
_NOT_UNDERSTOOD = "the answer of the VoxTell server is not understood; is it a voxtell-server of 2026?"


class VoxTellFinder:
    """A VoxTell server as a `Finder`.

    Parameters
    ----------
    url
        Its address; to another machine https://, or through ssh.
    may_send
        Whether the volume's voxels may go there: without this word nothing is sent.
    key
        What the server asks for, if it does.
    """

    def __init__(self, url: str, *, may_send: bool = False, key: str = "") -> None:
        self.url = server_url(url)
        self.name = "VoxTell"
        self._may_send, self._key = may_send, key

    def check_may_send(self) -> None:
        """Raise PromptError where nobody said that voxels may go there."""
        if not self._may_send:
            raise PromptError(
                f"the voxels of this patient's volume would go to {self.url}, and nobody said that they may "
                "(send_voxels=True says so); nothing was sent"
            )

    def find(self, volume: Volume, words: Sequence[str]) -> tuple[Proposal, ...]:
        """Where the things with these names lie, by the masks that the server draws of them.

        Raises
        ------
        PromptError
            If the voxels may not be sent, or nothing of a name is found.
        ServerError
            If the server does not answer, refuses, or is none.
        """
        self.check_may_send()
        out = []
        for asked, mask_zyx in zip(words, self._masks(volume, words), strict=True):
            if not mask_zyx.any():
                raise PromptError(f"VoxTell draws nothing of {asked!r} in this volume; draw a box")
            out.append(proposal_of(mask_zyx, (0, 0, 0), volume.grid, Found(asked, asked.strip(), None, self.name)))
        return tuple(out)

    def _masks(self, volume: Volume, words: Sequence[str]) -> Iterator[NDArray[np.bool_]]:
        turned = _Turned(volume)
        with self._http() as http:
            about = self._json(http, "post", "/images", data=turned.nifti(), params={"include_image": "false"})
            if tuple(about.get("shape", ())) != turned.shape_zyx:
                raise ServerError(_NOT_UNDERSTOOD)
            asked = {"image_id": about.get("image_id"), "prompts": list(words), "keep_largest": True}
            job = self._json(http, "post", "/jobs", json=asked).get("job_id")
            if not isinstance(job, str) or not job.isalnum():
                raise ServerError(_NOT_UNDERSTOOD)
            try:
                self._wait(http, job)
            except BaseException:
                with suppress(ServerError):
                    self._ask(http, "post", f"/jobs/{job}/cancel").close()
                raise
            most = 2 * len(words) * math.prod(turned.shape_zyx) + _MOST_TOLD
            answer = _body(self._ask(http, "get", f"/jobs/{job}/result"), most)
        for mask in unpacked(answer, (len(words), *turned.shape_zyx)):
            yield turned.back(mask > 0)

    @contextmanager
    def _http(self) -> Iterator[Any]:
        from requests import Session

        with Session() as http:
            http.trust_env = False
            if self._key:
                http.headers["Authorization"] = f"Bearer {self._key}"
            yield http

    def _ask(self, http: Any, how: str, path: str, **said: Any) -> Any:
        """One answer, not read yet; in words of our own where there is none."""
        from requests import RequestException

        try:
            answer = http.request(how, self.url + path, timeout=_TIMEOUT_S, allow_redirects=False, stream=True, **said)
        except RequestException as error:
            raise ServerError(f"the VoxTell server at {self.url} does not answer ({type(error).__name__})") from None
        if answer.status_code == 401:
            raise ServerError(f"the VoxTell server at {self.url} asks for a key; put it into VOLSWEEP_VOXTELL_KEY")
        if answer.status_code != 200:
            raise ServerError(f"the VoxTell server at {self.url} refuses {path.split('/')[1]} ({answer.status_code})")
        return answer

    def _json(self, http: Any, how: str, path: str, **said: Any) -> dict[str, Any]:
        answer = self._ask(http, how, path, **said)
        return _object(answer.headers.get("X-Meta") or _body(answer, _MOST_TOLD))

    def _wait(self, http: Any, job: str) -> None:
        """Until the job is done."""
        waiting = b""
        for chunk in _chunks(self._ask(http, "get", f"/jobs/{job}/events")):
            *lines, waiting = (waiting + chunk).split(b"\n")
            for line in filter(None, lines):
                status = _object(line).get("status")
                if status == "done":
                    return
                if status is not None:
                    raise ServerError(f"the VoxTell server at {self.url} gave up; its own log says why")
            if len(waiting) > _MOST_TOLD:
                break
        raise ServerError(f"the line to the VoxTell server at {self.url} broke before it was done")


class _Turned:
    """A volume along the patient's axes, to the right, the front and the head, as VoxTell sees every volume."""

    def __init__(self, volume: Volume) -> None:
        from nibabel import orientations

        self._volume = volume
        self._affine = LPS_TO_RAS @ reverse_index_order(volume.grid.affine)
        self._to = orientations.io_orientation(self._affine)
        self._from = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), self._to)
        shape_xyz = volume.shape_zyx[::-1]
        turned = [0, 0, 0]
        for axis, (new, _) in enumerate(self._to):
            turned[int(new)] = shape_xyz[axis]
        self.shape_zyx = (turned[2], turned[1], turned[0])

    def nifti(self) -> bytes:
        """The volume as a compressed NIfTI, without a word of its series."""
        import gzip

        from nibabel import Nifti1Image, orientations

        turned = orientations.apply_orientation(self._volume.array_zyx.T, self._to).astype(np.float32)
        affine = self._affine @ orientations.inv_ornt_aff(self._to, self._volume.shape_zyx[::-1])
        return gzip.compress(Nifti1Image(turned, affine).to_bytes(), compresslevel=1)

    def back(self, mask_zyx: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of it on the volume's own voxels."""
        from nibabel import orientations

        return np.asarray(orientations.apply_orientation(mask_zyx.T, self._from).T)


def unpacked(data: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array that an answer holds.

    Parameters
    ----------
    data
        ``VXA2``, type and shape, then chunks of blosc2, each after its length before and after.
    shape
        That it must have.

    Raises
    ------
    ServerError
        If it is anything else, or blosc2 is not installed.
    """
    try:
        import blosc2
    except ImportError:
        raise ServerError(
            'VoxTell\'s answers need blosc2, which is not installed; pip install "napari-volsweep[voxtell]"'
        ) from None
    try:
        at = 4 + 1 + data[4]
        dtype = np.dtype(data[5:at].decode("ascii"))
        axes = data[at]
        told = struct.unpack_from(f"<{axes}QQ", data, at + 1)
        at += 1 + 8 * (axes + 1)
        size = math.prod(shape) * dtype.itemsize
        _must(data[:4] == _MAGIC and dtype.kind in "bui" and told == (*shape, size))
        out = bytearray()
        while at < len(data):
            before, after = struct.unpack_from("<QQ", data, at)
            chunk = data[at + 16 : at + 16 + after]
            # A chunk that says one length and holds another could fill the memory.
            _must(len(out) + before <= size and len(chunk) == after)
            _must(blosc2.get_cbuffer_sizes(chunk)[0] == before)
            out += blosc2.decompress(chunk)
            at += 16 + after
        return np.frombuffer(out, dtype).reshape(shape)
    except (IndexError, struct.error, TypeError, ValueError, RuntimeError):
        raise ServerError(_NOT_UNDERSTOOD) from None


def _must(holds: bool) -> None:
    if not holds:
        raise ValueError("another array than was asked for")


def _chunks(answer: Any) -> Iterator[bytes]:
    from requests import RequestException

    with answer:
        try:
            yield from answer.iter_content(2**16 if answer.headers.get("Content-Length") else None)
        except RequestException:
            raise ServerError("the line to the VoxTell server broke") from None


def _body(answer: Any, most: int) -> bytes:
    """All of an answer, unless it is longer than it can be."""
    out = bytearray()
    for chunk in _chunks(answer):
        out += chunk
        if len(out) > most:
            raise ServerError(_NOT_UNDERSTOOD)
    return bytes(out)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServerError(_NOT_UNDERSTOOD)
    return found
