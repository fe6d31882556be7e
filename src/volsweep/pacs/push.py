"""Store DICOM files on a server (STOW-RS), one request for each, so that each one has an answer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom

from volsweep.errors import PacsError, VolsweepError
from volsweep.io.derived.reference import load_dataset
from volsweep.io.dicom.search import in_folder
from volsweep.io.dicom.values import code_of, integer_of, items_of, quiet, uid_of
from volsweep.io.writing import sha256
from volsweep.pacs.server import Server, connected, is_gone, told

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient

# PS3.18, annex on storing: reasons a server gives for what it did not take.
_REASONS = {
    0xA700: "it is out of resources",
    0xA900: "the object does not fit its class",
    0xC000: "it does not understand the object",
    0x0110: "it failed while processing",
    0x0117: "the instance's UID is invalid",
    0x0122: "it does not store this kind of object",
    0x0124: "the user may not store this",
    0xC122: "it does not store this transfer syntax",
}


@dataclass(frozen=True)
class Stored:
    """What became of a file."""

    path: Path
    sha256: str = ""
    modality: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    error: str = ""
    """Why it was not stored; empty where it was."""
    changed: tuple[str, ...] = ()
    """Attributes that came back otherwise than they were sent; only looked at on demand."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {**vars(self), "path": str(self.path), "stored": not self.error, "changed": list(self.changed)}


def push(
    server: Server,
    paths: Iterable[Path],
    *,
    verify: bool = False,
    on_file: Callable[[Stored], None] | None = None,
) -> list[Stored]:
    """Store files, and those below folders; one that fails does not keep the others back.

    Parameters
    ----------
    server
        Where to.
    paths
        DICOM files, or folders of them.
    verify
        Fetch every instance back, and compare it with what was sent.
    on_file
        Called with every result as it comes.

    Returns
    -------
    list of Stored
        One for each file, in order.

    Raises
    ------
    PacsError
        If there is nothing to store, or the server cannot be reached at all.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise PacsError("there is no DICOM file to store")
    out: list[Stored] = []
    with connected(server, repeat=False) as client:
        for path in files:
            try:
                stored = _store(client, path, server)
                if verify and not stored.error:
                    stored = _verified(client, stored, server)
            except Exception as error:
                if is_gone(error) and not out:
                    raise
                text = str(error) if isinstance(error, VolsweepError) else told(error, server)
                stored = Stored(path, error=text)
            out.append(stored)
            if on_file is not None:
                on_file(stored)
    return out


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file.path for file in in_folder(path).files if file.name != "DICOMDIR"]


def _store(client: DICOMwebClient, path: Path, server: Server) -> Stored:
    from requests import HTTPError

    dataset = load_dataset(path, "object to store")
    if not dataset.file_meta and not code_of(dataset, "Modality"):
        return Stored(path, error="it is not DICOM")
    instance = uid_of(dataset, "SOPInstanceUID")
    stored = Stored(
        path=path,
        sha256=sha256(path),
        modality=code_of(dataset, "Modality"),
        study_uid=uid_of(dataset, "StudyInstanceUID"),
        series_uid=uid_of(dataset, "SeriesInstanceUID"),
        instance_uid=instance,
    )
    if not (instance and stored.study_uid and stored.series_uid):
        return _failed(stored, "it has no UIDs of study, series and instance, which a PACS needs")
    if not uid_of(dataset.file_meta, "TransferSyntaxUID"):
        return _failed(stored, "it does not say how it is encoded (no TransferSyntaxUID)")
    with quiet():
        try:
            return _read(client.store_instances([dataset]), stored, server)
        except HTTPError as error:
            refusal = _answer_in(error)
            return _failed(stored, told(error, server)) if refusal is None else _read(refusal, stored, server)


def _answer_in(error: Any) -> pydicom.Dataset | None:
    """A server that stores nothing of a request says why in the body of its refusal."""
    try:
        answer = pydicom.Dataset.from_json(error.response.json())
    except Exception:  # no JSON, or none of DICOM's
        return None
    return answer if items_of(answer, "FailedSOPSequence") else None


def _read(answer: pydicom.Dataset, stored: Stored, server: Server) -> Stored:
    for item in items_of(answer, "FailedSOPSequence"):
        if uid_of(item, "ReferencedSOPInstanceUID") in (stored.instance_uid, ""):
            code = integer_of(item, "FailureReason") or 0
            known = _REASONS.get(code) or _REASONS.get(code & 0xFF00) or _REASONS.get(code & 0xF000)
            return _failed(stored, f"{server.name} did not store it ({known or 'no reason given'}, code {code:04X})")
    taken = [uid_of(item, "ReferencedSOPInstanceUID") for item in items_of(answer, "ReferencedSOPSequence")]
    if stored.instance_uid not in taken:
        return _failed(
            stored, f"{server.name} does not confirm that it was stored; look there, or fetch it back (verify=True)"
        )
    return stored


def _verified(client: DICOMwebClient, stored: Stored, server: Server) -> Stored:
    """Fetch an instance back and compare all its attributes."""
    try:
        there = client.retrieve_instance(
            stored.study_uid, stored.series_uid, stored.instance_uid, media_types=(("application/dicom", "*"),)
        )
    except Exception as error:
        return _failed(stored, f"it was taken, but does not come back: {told(error, server)}")
    sent = load_dataset(stored.path, "object to store")
    with quiet():
        tags = sorted({*sent.keys(), *there.keys()})
        changed = [tag for tag in tags if tag not in sent or tag not in there or sent[tag].value != there[tag].value]
        names = tuple(pydicom.datadict.keyword_for_tag(tag) or str(tag) for tag in changed)
    return Stored(**{**vars(stored), "changed": names})


def _failed(stored: Stored, why: str) -> Stored:
    return Stored(**{**vars(stored), "error": why})
