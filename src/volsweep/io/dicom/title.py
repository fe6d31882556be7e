"""How a hospital calls a series and its images: date, numbers, description; never the patient's name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

import pydicom

from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.values import harmless_description, integer_of, quiet, text_of
from volsweep.volume import Source

_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate")
_TAGS = ("SpecificCharacterSet", "StudyDate", "SeriesNumber", "SeriesDescription", "InstanceNumber", *_PATIENT)


@dataclass(frozen=True)
class SeriesTitle:
    """What stands over the images.

    Parameters
    ----------
    date
        StudyDate, ``2026-11-21``; empty where unknown.
    number
        SeriesNumber.
    description
        SeriesDescription; empty where it repeats a part of the patient's name or number.
    """

    date: str = ""
    number: int | None = None
    description: str = ""

    @property
    def line(self) -> str:
        """In one line."""
        number = "" if self.number is None else f"series {self.number}"
        return " · ".join(part for part in (self.date, number, self.description) if part)


def read_title(source: Source | None) -> SeriesTitle:
    """Read it from the files of a volume; what cannot be read is left out.

    Parameters
    ----------
    source
        Where the volume came from.
    """
    first = first_header(source)
    date = text_of(first, "StudyDate").strip()
    return SeriesTitle(
        date=f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else "",
        number=integer_of(first, "SeriesNumber"),
        description=harmless_description(first),
    )


def instance_number(source: Source | None, index: int) -> int | None:
    """InstanceNumber of one slice of a series of single images; None where there is none.

    Parameters
    ----------
    source
        Where the volume came from.
    index
        Of the slice in the array.
    """
    files = () if source is None else source.slice_files
    if source is None or source.kind != "dicom" or len(set(files)) < len(files) or not 0 <= index < len(files):
        return None
    return integer_of(_header(files[index]), "InstanceNumber")


def first_header(source: Source | None) -> pydicom.Dataset:
    """What the first slice of a series says of it and of whose it is; nothing of what is no DICOM."""
    files = () if source is None or source.kind != "dicom" else source.slice_files
    return _header(files[0]) if files else pydicom.Dataset()


@lru_cache(maxsize=4096)
def _header(path: Path) -> pydicom.Dataset:
    try:
        archive = next((folder for folder in path.parents if folder.is_file()), None)
        if archive is not None:
            with ZipFile(archive) as opened:
                return _read(DicomFile(path, opened, path.relative_to(archive).as_posix()))
        return _read(DicomFile(path))
    except Exception:  # it was read as a volume, and may be gone, packed or damaged since
        return pydicom.Dataset()


def _read(file: DicomFile) -> pydicom.Dataset:
    with quiet(), file.open() as stream:
        return pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)
