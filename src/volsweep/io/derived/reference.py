"""The DICOM series that a result is about: its headers, read again from the files it came from."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

import pydicom

from volsweep.errors import InputError, OutputError, first_of, why_refused
from volsweep.io.derived.texts import speak_unicode, tidy_value
from volsweep.io.dicom.files import GuardedStream
from volsweep.io.dicom.values import integer_of, items_of, quiet, text_of, uid_of
from volsweep.io.formats import WITHOUT_SERIES
from volsweep.io.overlaps import Labelled
from volsweep.settings import regular
from volsweep.volume import Source

# Study and patient attributes that all objects of one study share; they must be there, empty or not.
SHARED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
          "StudyID", "AccessionNumber", "ReferringPhysicianName")  # fmt: skip
# These are there with a value or not at all.
SHARED_WHERE_KNOWN = ("PatientAge", "PatientSize", "PatientWeight", "StudyDescription", "PatientIdentityRemoved",
                      "DeidentificationMethod")  # fmt: skip
# What is referred to is called what it is called, valid or not.
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_ZERO = re.compile(r"(^|\.)0\d")
_HIGHEST = 2**16 - 1


def check_can_refer(source: Source | None, *, drawn: bool = True) -> Source:
    """Refuse now a DICOM result that would have nothing to refer to.

    Parameters
    ----------
    source
        What is referred to.
    drawn
        Whether the labels are there, and may be given another series; else they are still to be drawn on this one.

    Raises
    ------
    OutputError
        If the volume did not come from DICOM files on the disk, or de-identification took the UIDs.
    """
    if source is None or not source.slice_files:
        has_none = "and these labels have none: give the series (source=), or" if drawn else "and this is none:"
        raise OutputError(
            f"a DICOM SEG or RTSTRUCT refers to the DICOM series it was drawn on, {has_none} write {WITHOUT_SERIES}"
        )
    absent = next((file for file in source.slice_files if not file.is_file()), None)
    if absent is not None:
        if any(parent.is_file() for parent in absent.parents):
            raise OutputError(
                f"a DICOM SEG or RTSTRUCT needs the headers of its series, and {source.path.name} is an archive: "
                f"unpack it and give the folder, or write {WITHOUT_SERIES}"
            )
        raise OutputError(f"{absent.name} of the source series is gone; it must stay where it was read from")
    if not source.frame_numbers and len(set(source.slice_files)) < len(source.slice_files):
        raise OutputError(
            f"{source.slice_files[0].name} is a mosaic, and DICOM has no way to refer to one slice of it: "
            f"write {WITHOUT_SERIES}"
        )
    missing = [
        name
        for name, value in (
            ("SOPInstanceUID", source.sop_instance_uids),
            ("SeriesInstanceUID", source.series_uid),
            ("StudyInstanceUID", source.study_uid),
            ("FrameOfReferenceUID", source.frame_of_reference_uid),
        )
        if not value
    ]
    if missing:
        raise OutputError(
            f"the series {source.path.name} has no {', '.join(missing)} (removed by de-identification, or of no valid "
            f"form), so a DICOM SEG or RTSTRUCT cannot refer to it; write {WITHOUT_SERIES}"
        )
    return source


def check_can_write(labels: Labelled) -> tuple[Source, list[pydicom.Dataset], tuple[str, ...]]:
    """Refuse labels that a DICOM object cannot hold, and read the headers of the series they were drawn on.

    Parameters
    ----------
    labels
        To be written.

    Returns
    -------
    Source, list of Dataset, tuple of str
        The series, its headers as `read_headers` gives them, and what was changed in these.

    Raises
    ------
    OutputError
        As `read_headers`, or if there is no label or one out of range.
    """
    source = check_can_refer(labels.source)
    values = sorted(labels.labels)
    if not values:
        raise OutputError("there is no object, and a DICOM SEG or RTSTRUCT holds one or more; write .nii.gz or .nrrd")
    if not 1 <= values[0] <= values[-1] <= _HIGHEST:
        wrong = first_of([str(value) for value in values if not 1 <= value <= _HIGHEST])
        raise OutputError(f"a DICOM SEG or RTSTRUCT holds labels from 1 to {_HIGHEST}, and not {wrong}")
    return source, *read_headers(source)


def read_headers(source: Source) -> tuple[list[pydicom.Dataset], tuple[str, ...]]:
    """Read the header of every file of a series, in slice order, a multi-frame file once.

    Returns
    -------
    list of Dataset
        With valid values in what a new object takes over from them.
    tuple of str
        What of that was changed.

    Raises
    ------
    OutputError
        As `check_can_refer`, or if a file is gone, damaged or no longer the one that was read.
    """
    check_can_refer(source)
    headers: list[pydicom.Dataset] = []
    changed: dict[str, None] = {}
    known = dict(zip(source.slice_files, source.sop_instance_uids, strict=True))
    for path, uid in known.items():
        try:
            with quiet():
                header = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception as error:  # damaged bytes surface as almost any exception of the parser
            raise OutputError(
                f"{path.name} of the source series cannot be read again ({type(error).__name__}); "
                "the series must stay where it was until the result is written"
            ) from None
        if text_of(header, "SOPInstanceUID") != uid:
            raise OutputError(f"{path.name} of the source series is no longer the file that was read; read it again")
        with quiet():
            if not text_of(header, "SOPClassUID"):
                header.SOPClassUID = uid_of(header.file_meta, "MediaStorageSOPClassUID")
            if not header.SOPClassUID:
                raise OutputError(
                    f"{path.name} of the source series does not say what kind of image it is (SOPClassUID), so a DICOM "
                    f"object cannot refer to it; write {WITHOUT_SERIES}"
                )
            changed.update(dict.fromkeys(tidy_study(header)))
        headers.append(header)
    return headers, tuple(changed)


def tidy_study(header: pydicom.Dataset) -> list[str]:
    """Make what a new object takes over from its series valid, in Unicode; return what was changed, without values."""
    notes = speak_unicode(header)
    notes += [
        f"{k} of the series is no valid UID, and kept, as it is" for k in _UIDS if _ZERO.search(uid_of(header, k))
    ]
    for keyword in SHARED:
        if keyword not in header:
            setattr(header, keyword, "")
    for keyword in (*SHARED, *SHARED_WHERE_KNOWN):
        if keyword in header:
            notes += tidy_value(header, keyword)
    for keyword in SHARED_WHERE_KNOWN:
        if keyword in header and not text_of(header, keyword):
            delattr(header, keyword)
    if text_of(header, "PatientIdentityRemoved") == "YES" and "DeidentificationMethod" not in header:
        header.DeidentificationMethod = "not recorded"  # required beside the flag
    return notes


def now() -> tuple[str, str]:
    """Date and time as DICOM writes them."""
    moment = datetime.now()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def new_series_number(header: pydicom.Dataset, offset: int) -> int:
    """A series number that sorts behind the source's own; IS holds 32 bits."""
    number = integer_of(header, "SeriesNumber") or 0
    return offset + number if 0 <= number < 2**30 else offset


def load_dataset(path: Path, what: str) -> pydicom.Dataset:
    """Read a whole DICOM file.

    Raises
    ------
    InputError
        If it is damaged or not DICOM.
    """
    try:
        with regular(path).open("rb") as stream, quiet():
            return pydicom.dcmread(cast(BinaryIO, GuardedStream(stream)), force=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {why_refused(error)}") from None
    except Exception as error:  # damaged bytes surface as almost any exception of the parser
        raise InputError(f"{path.name} is damaged ({type(error).__name__}): no {what} can be read from it") from None


def made_by(path: Path, program: str) -> bool:
    """Whether a program made a segment of a SEG, by what that says of itself.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    with quiet():
        segments = items_of(load_dataset(path, "objects"), "SegmentSequence")
        return any(program.casefold() in text_of(one, "SegmentAlgorithmName").casefold() for one in segments)
