"""Fetching weights when asked to, and knowing them by their hash."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from volsweep.errors import DownloadError, ModelError, unwritten
from volsweep.models.registry import ModelSpec, checkpoint_path, expected_path, sha256_of
from volsweep.models.transfer import Progress, ResumingDownloader
from volsweep.settings import cache_folder, is_offline, own_folder

_CHANGE = 2**26
"""Bytes by which weights that are published anew may be larger, beside twice what they were."""
Trust = Literal["published", "first download", "none"]
"""What a hash was compared with: the registry's, the one noted at the first download, or nothing."""


@dataclass(frozen=True)
class Verification:
    """Weights that are what they should be.

    Parameters
    ----------
    path
        The file.
    sha256
        Its hash.
    trust
        What the hash was compared with.
    """

    path: Path
    sha256: str
    trust: Trust


def verify(spec: ModelSpec) -> Verification:
    """Compare a model's weights with the published hash, or with the one noted at their first download.

    Local checkpoints, and weights put in place by hand whose authors published no hash, have
    nothing to be compared with: `Verification.trust` says so.

    Raises
    ------
    ModelError
        If the weights are missing or are not the ones expected.
    """
    path = checkpoint_path(spec)
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    expected, trust = _expected_sha256(spec, path)
    if expected is not None and actual != expected:
        remedy = f"run: volsweep models download {spec.id}" if spec.url else "install Volsweep again"
        raise ModelError(f"{path} is damaged or was replaced: its sha256 is {actual}, expected {expected}; {remedy}")
    return Verification(path, actual, trust)


def download(
    spec: ModelSpec,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    downloader: ResumingDownloader | None = None,
) -> Path:
    """Fetch a model's weights, unless they are here and sound already.

    Parameters
    ----------
    spec
        The model.
    progress
        Called as ``progress(bytes_done, bytes_total or None)``, in this thread.
    is_cancelled
        Asked between chunks; once it answers True the transfer ends and nothing is kept.
    downloader
        Other tries and timeouts than the default ones.

    Returns
    -------
    Path
        The weights, whose hash was checked before they were moved into place.

    Raises
    ------
    DownloadError
        If they cannot be fetched, or are not what was published. `DownloadCancelled` if the
        user stopped it.
    """
    path = expected_path(spec)
    if spec.url is None:
        return checkpoint_path(spec)
    expected, _ = _expected_sha256(spec, path)
    if path.is_file() and expected in (None, sha256_of(path)):
        _note_first_download(spec, path)
        return path
    if is_offline():
        raise DownloadError(
            f"VOLSWEEP_OFFLINE is set, so {spec.id} is not fetched; unset it, "
            f"or get {spec.url} elsewhere and put it at {path}"
        )
    fetch = replace(downloader or ResumingDownloader(), progress=progress, is_cancelled=is_cancelled)
    if spec.size_bytes:  # which is approximate
        fetch.most_bytes = min(fetch.most_bytes, 2 * spec.size_bytes + _CHANGE)
    try:
        _retrieve(spec, path, expected, fetch)
        # pooch's temporary file is private to the user; a shared models folder must be readable.
        path.chmod(0o644)
        _note_first_download(spec, path)
    except OSError as error:
        raise DownloadError(_disk_reason(error, path)) from error
    return path


def _retrieve(spec: ModelSpec, path: Path, expected: str | None, downloader: ResumingDownloader) -> None:
    import pooch

    # Its own chatter on stderr ("downloading data from ...") would break a progress bar.
    pooch.get_logger().setLevel(logging.WARNING)
    cache = cache_folder()
    if cache is not None and cache in path.parents:  # a folder that others share has the rights it was given
        own_folder(path.parent)
    for last_try in (False, True):
        try:
            pooch.retrieve(
                spec.url,
                known_hash=None if expected is None else f"sha256:{expected}",
                fname=path.name,
                path=path.parent,
                downloader=_Checked(downloader),
            )
        except ValueError as error:
            if last_try:
                raise DownloadError(_hash_reason(spec, path)) from error
        else:
            return


@dataclass
class _Checked:
    """Refuses a log-in page that was answered in place of weights, before pooch keeps it."""

    inner: ResumingDownloader

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        self.inner(url, output_file, pooch, check_only)
        with Path(output_file).open("rb") as file:
            head = file.read(9)
        # torch.save writes a zip archive; safetensors begins with a length and a JSON object.
        if not (head.startswith(b"PK\x03\x04") or head[8:9] == b"{"):
            raise DownloadError(
                f"{url} answered with something that is not a checkpoint (perhaps a log-in page of your network); "
                "open it in a browser to see what"
            )


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _expected_sha256(spec: ModelSpec, path: Path) -> tuple[str | None, Trust]:
    if spec.sha256 is not None:
        return spec.sha256, "published"
    note = _note_path(path)
    if spec.url is None or not note.is_file():
        return None, "none"
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["sha256"]), "first download"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{note} is damaged; delete it together with {path.name}, then download again") from error


def _note_first_download(spec: ModelSpec, path: Path) -> None:
    """Keep the hash of weights whose authors published none: later files are held against it."""
    note = _note_path(path)
    if spec.sha256 is not None or note.exists():
        return
    entry = {"url": spec.url, "sha256": sha256_of(path), "size_bytes": path.stat().st_size}
    temporary = note.with_name(note.name + ".part")
    try:
        temporary.write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
        temporary.replace(note)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _hash_reason(spec: ModelSpec, path: Path) -> str:
    if spec.sha256 is not None:
        return (
            f"what {spec.url} sends is not the published file (its sha256 differs, twice in a row); "
            "something on the way alters it: fetch it over another network"
        )
    return (
        f"what {spec.url} sends is not what it sent at the first download; if its authors announced new weights, "
        f"delete {_note_path(path)} and download again"
    )


def _disk_reason(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk that holds {path.parent} is full; free some space, or set VOLSWEEP_MODELS to another folder"
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{path.parent} may not be written to; set VOLSWEEP_MODELS to a folder of yours"
    return unwritten(path, error)
