"""Whether a structure set or a segmentation is about the series that it is to be read on: patient, series, images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pydicom

from volsweep.errors import InputError
from volsweep.io.dicom.values import items_of, quiet, text_of, uid_of
from volsweep.volume import Source


def referenced_series(dataset: pydicom.Dataset) -> str | None:
    """SeriesInstanceUID of the images that a structure set or a segmentation was drawn on."""
    return next(_series_of(dataset), None)


def check_subject(
    path: Path, dataset: pydicom.Dataset, source: Source | None, images: Iterable[tuple[str, set[str]]]
) -> tuple[str, ...]:
    """Notes on what the file was drawn on, where that is not this series.

    Millimetres of one frame of reference mean the same for every series in it, so another series is told and no more.

    Parameters
    ----------
    path, dataset
        The file, and what it holds.
    source
        The series; None where there is none to compare with.
    images
        The name of each object, and the SOPInstanceUIDs that it refers to.

    Raises
    ------
    InputError
        If the file is of another patient, and nothing shows that its millimetres are the series'.
    """
    if source is None:
        return ()
    notes: tuple[str, ...] = ()
    if _is_of_another_patient(dataset, source):
        if source.frame_of_reference_uid not in _frames_of(dataset):
            raise InputError(
                f"{path.name} is of another patient (PatientID) than the series; give the series it was drawn on"
            )
        notes += (f"{path.name} says another patient (PatientID) than the series, in the same frame of reference",)
    series = set(_series_of(dataset))
    if source.series_uid is not None and series and source.series_uid not in series:
        return (*notes, f"{path.name} was drawn on another series than this one, in the same frame of reference")
    mine = set(source.sop_instance_uids)
    foreign = [repr(name) for name, uids in images if mine and uids - {""} and not uids & mine]
    if foreign:
        notes += (f"{', '.join(foreign[:5])} in {path.name} refer to images that are not of this series",)
    return notes


def _is_of_another_patient(dataset: pydicom.Dataset, source: Source) -> bool:
    theirs = text_of(dataset, "PatientID").strip()
    if not theirs or not source.slice_files:
        return False
    try:
        with quiet():
            first = pydicom.dcmread(
                source.slice_files[0], stop_before_pixels=True, specific_tags=["PatientID"], force=True
            )
    except Exception:  # in an archive, or gone since
        return False
    mine = text_of(first, "PatientID").strip()
    return bool(mine) and mine != theirs


def _frames_of(dataset: pydicom.Dataset) -> set[str]:
    items = [
        *items_of(dataset, "ReferencedFrameOfReferenceSequence"),
        *items_of(dataset, "StructureSetROISequence"),
        dataset,
    ]
    return {
        uid
        for item in items
        for name in ("FrameOfReferenceUID", "ReferencedFrameOfReferenceUID")
        if (uid := uid_of(item, name))
    }


def _series_of(dataset: pydicom.Dataset) -> Iterator[str]:
    for frame in items_of(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items_of(frame, "RTReferencedStudySequence"):
            for series in items_of(study, "RTReferencedSeriesSequence"):
                if uid := uid_of(series, "SeriesInstanceUID"):
                    yield uid
    for series in items_of(dataset, "ReferencedSeriesSequence"):
        if uid := uid_of(series, "SeriesInstanceUID"):
            yield uid
