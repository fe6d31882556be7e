"""Fetch series into a folder (WADO-RS): each one whole or not at all, and only once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
from filelock import FileLock, Timeout

from volsweep.errors import PacsError, VolsweepError
from volsweep.io.dicom.absence import is_cut_short
from volsweep.io.dicom.values import patient_of, quiet, uid_of
from volsweep.io.writing import WholeFolder, open_private
from volsweep.pacs.find import RemoteSeries, instance_uids, is_uid
from volsweep.pacs.server import Server, connected, is_gone, told
from volsweep.settings import own_folder, read_regular

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient

RECEIPT = "pull.json"
_LOCK = ".pull.lock"
_SCHEMA = "volsweep-pull"
_AS_STORED = (("application/dicom", "*"),)


@dataclass(frozen=True)
class Pulled:
    """What became of a series."""

    series: RemoteSeries
    folder: Path
    instances: int
    """How many files are in the folder."""
    size: int
    """Their bytes."""
    kept: bool = False
    """Whether the folder held the series already."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "study_uid": self.series.study_uid,
            "series_uid": self.series.series_uid,
            "modality": self.series.modality,
            "folder": str(self.folder),
            "instances": self.instances,
            "bytes": self.size,
            "kept": self.kept,
        }


def pull(
    server: Server,
    series: RemoteSeries,
    cache: Path,
    *,
    again: bool = False,
    on_instance: Callable[[int, int], None] | None = None,
) -> Pulled:
    """Fetch one series into the folder of its UID.

    Instances arrive as the server stores them (no decompression). What a server leaves out of the series is
    asked for one by one. The folder appears when every instance is in it.

    Parameters
    ----------
    server
        Where from.
    series
        As `find` gave it.
    cache
        Folder of all series; created.
    again
        Fetch also what is there already.
    on_instance
        Called with how many instances there are now, and of how many.

    Raises
    ------
    PacsError
        If the series does not arrive whole; the message says which instances did not. Nothing of it is left.
    """
    if not (is_uid(series.study_uid) and is_uid(series.series_uid)):
        raise PacsError(f"{series.series_uid[:80]!r} of study {series.study_uid[:80]!r} is no UID of a series")
    folder = cache.absolute() / series.series_uid
    with connected(server) as client, _claimed(cache):
        wanted = instance_uids(client, series)
        if not wanted:
            raise PacsError(f"{server.name} lists no instance of series {series.series_uid}")
        sizes = None if again else _complete(folder, wanted, series)
        if sizes is not None:
            return Pulled(series, folder, len(sizes), sum(sizes.values()), kept=True)
        with WholeFolder(folder, RECEIPT) as new:
            fetch = _Fetch(client, series, wanted, new.temporary, on_instance)
            fetch.whole()
            fetch.one_by_one(server)
            sizes = fetch.sizes
            content = {"schema": _SCHEMA, "version": 1, "study": series.study_uid, "series": series.series_uid}
            with open_private(new.temporary / RECEIPT) as file:
                file.write(f"{json.dumps({**content, 'instances': sizes}, indent=1)}\n".encode())
            new.publish()
    return Pulled(series, folder, len(sizes), sum(sizes.values()))


def _is_torn(dataset: pydicom.Dataset) -> bool:
    """Whether only the beginning of an instance came, cut within a value or between two.

    Without its UIDs nothing can be said of an instance, least of all that it is another's.
    """
    uids = ("StudyInstanceUID", "SeriesInstanceUID")
    return is_cut_short(dataset) or any(keyword not in dataset for keyword in uids)


class _Fetch:
    """The instances of a series on their way into a folder."""

    def __init__(
        self,
        client: DICOMwebClient,
        series: RemoteSeries,
        wanted: list[str],
        folder: Path,
        on_instance: Callable[[int, int], None] | None,
    ) -> None:
        self.sizes: dict[str, int] = {}
        self._client = client
        self._series = series
        self._wanted = wanted
        self._folder = folder
        self._on_instance = on_instance
        self._patient = series.patient

    def whole(self) -> None:
        """Ask for the series in one request; what does not come of it is asked for again."""
        try:
            for dataset in self._client.iter_series(
                self._series.study_uid, self._series.series_uid, media_types=_AS_STORED
            ):
                self._save(dataset)
        except (VolsweepError, _DiskError):
            raise
        except Exception:  # a server that cannot do this, or a connection that broke
            return

    def one_by_one(self, server: Server) -> None:
        """Ask for every instance that is missing.

        Raises
        ------
        PacsError
            Naming those that do not come, and why.
        """
        failed: dict[str, str] = {}
        for uid in self._wanted:
            if uid in self.sizes:
                continue
            try:
                self._save(
                    self._client.retrieve_instance(
                        self._series.study_uid, self._series.series_uid, uid, media_types=_AS_STORED
                    )
                )
                if uid not in self.sizes:
                    failed[uid] = "another instance came in its place, or only a part of it"
            except (VolsweepError, _DiskError):
                raise
            except Exception as error:  # one instance does not cost the knowledge about the others
                failed[uid] = told(error, server)
                if is_gone(error):
                    break
        if failed:
            uid, why = next(iter(failed.items()))
            missing = len(self._wanted) - len(self.sizes)
            raise PacsError(
                f"{missing} of {len(self._wanted)} instances of series {self._series.series_uid} did not arrive, so "
                f"nothing of it was kept; instance {uid}: {why}"
            )

    def _save(self, dataset: pydicom.Dataset) -> None:
        """Write an instance, if it is one of this series and whole."""
        uid = uid_of(dataset, "SOPInstanceUID")
        if uid not in self._wanted or uid in self.sizes or _is_torn(dataset):
            return
        self._check_is_asked_for(uid, dataset)
        path = self._folder / f"{uid}.dcm"
        try:
            with quiet(), open_private(path) as file:
                dataset.save_as(file, enforce_file_format=True)
        except OSError as error:
            raise _DiskError(error.errno, error.strerror, str(self._folder.parent)) from None
        self.sizes[uid] = path.stat().st_size
        if self._on_instance is not None:
            self._on_instance(len(self.sizes), len(self._wanted))

    def _check_is_asked_for(self, uid: str, dataset: pydicom.Dataset) -> None:
        """Refuse an instance that bears the right UID and is of another patient, study or series.

        Raises
        ------
        PacsError
            If it is; nothing of the series is kept then.
        """
        wrong = [
            what
            for what, keyword, asked in (
                ("study", "StudyInstanceUID", self._series.study_uid),
                ("series", "SeriesInstanceUID", self._series.series_uid),
            )
            if uid_of(dataset, keyword) != asked
        ]
        patient = patient_of(dataset).number
        self._patient = self._patient or patient
        if patient and patient != self._patient:
            wrong.append("patient")
        if wrong:
            raise PacsError(
                f"instance {uid} arrived as one of another {wrong[-1]} than was asked for, so nothing of series "
                f"{self._series.series_uid} was kept; whoever runs the server should know"
            )


class _DiskError(OSError):
    """The disk here refuses; asking the server again does not help."""


def _complete(folder: Path, wanted: list[str], series: RemoteSeries) -> dict[str, int] | None:
    """Sizes of the files of a series that is there as it was fetched, and to which the server has added nothing.

    It is none where it was fetched of another study or patient: servers have given one UID twice.
    """
    try:
        content = json.loads(read_regular(folder / RECEIPT))
        if content["study"] != series.study_uid:
            return None
        sizes = {str(uid): int(size) for uid, size in content["instances"].items()}
        whole = all((folder / f"{uid}.dcm").stat().st_size == size for uid, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not whole or set(sizes) != set(wanted):
        return None
    with quiet():
        first = pydicom.dcmread(folder / f"{min(sizes)}.dcm", specific_tags=["PatientID"], force=True)
    return sizes if not series.patient or patient_of(first).number in ("", series.patient) else None


@contextmanager
def _claimed(cache: Path) -> Iterator[None]:
    try:
        own_folder(cache)
        with FileLock(cache / _LOCK, timeout=0, mode=0o600):
            yield
    except Timeout:
        raise PacsError(f"another pull is writing to {cache}; wait for it, or name another folder") from None
