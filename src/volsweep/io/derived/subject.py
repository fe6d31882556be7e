"""Whether a structure set or a segmentation is about the series that it is to be read on: patient, series, images.

And whether two series are of one patient, and which of them is the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom

from volsweep.errors import InputError, first_of
from volsweep.io.dicom.title import first_header
from volsweep.io.dicom.values import items_of, quiet, text_of, uid_of
from volsweep.volume import Source

SAME_SERIES = "baseline and follow-up are one and the same series: what changed is the network's doing"


def referenced_series(dataset: pydicom.Dataset) -> str | None:
    """SeriesInstanceUID of the images that a structure set or a segmentation was drawn on."""
    return next(_series_of(dataset), None)


def referenced_images(dataset: pydicom.Dataset) -> set[str]:
    """SOPInstanceUIDs of the images that it lists with these series."""
    lists = ("ContourImageSequence", "ReferencedInstanceSequence")
    images = (image for series in _series_items(dataset) for name in lists for image in items_of(series, name))
    return {uid for image in images if (uid := uid_of(image, "ReferencedSOPInstanceUID"))}


@quiet()
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
    elif _two_names(_Whose.in_(dataset), _Whose.of(source)):
        notes += (f"{path.name} says another patient (PatientName) than the series; make sure they are one patient's",)
    series = set(_series_of(dataset))
    if source.series_uid is not None and series and source.series_uid not in series:
        return (*notes, f"{path.name} was drawn on another series than this one, in the same frame of reference")
    mine = set(source.sop_instance_uids)
    foreign = [repr(name) for name, uids in images if mine and uids - {""} and not uids & mine]
    if foreign:
        refer = "refers" if len(foreign) == 1 else "refer"
        told = first_of(foreign, 5)
        notes += (f"{told} in {path.name} {refer} to images that are not of this series",)
    return notes


@quiet()
def check_one_patient(first: Source | None, second: Source | None, names: tuple[str, str]) -> tuple[str, ...]:
    """Notes on two series that are taken for one patient's.

    Parameters
    ----------
    first, second
        The series; what does not say whose it is (NIfTI) is taken at its word.
    names
        What a sentence calls them: ``"the baseline"``, ``"the follow-up"``.

    Raises
    ------
    InputError
        If they are of two patients, and nothing shows that these are one: neither a frame of reference, nor name and
        date of birth, nor that two hospitals gave the numbers.
    """
    one, other = (_Whose.of(source) for source in (first, second))
    ours, theirs = names
    if not one.number or not other.number:
        if not _two_names(one, other):
            return ()
        return (
            f"{ours} and {theirs} have two patients' names and no two PatientIDs: make sure they are one patient's",
        )
    if one.number == other.number:
        if one.born and other.born and one.born != other.born:
            return (f"{ours} and {theirs} have one PatientID and two dates of birth: make sure they are one patient's",)
        return ()
    if one.person == other.person and one.born and one.name:
        return (f"{ours} and {theirs} have two PatientIDs, and one name and date of birth",)
    frames = [None if source is None else source.frame_of_reference_uid for source in (first, second)]
    if (frames[0] and frames[0] == frames[1]) or (one.issuer and other.issuer and one.issuer != other.issuer):
        return (f"{ours} and {theirs} have two PatientIDs: make sure that they are one patient's",)
    raise InputError(
        f"{theirs} is of another patient (PatientID) than {ours}; give two series of one patient. If both numbers are "
        "one patient's, give one of the series as NIfTI, which names nobody"
    )


@quiet()
def notes_on_order(baseline: Source | None, follow_up: Source | None) -> tuple[str, ...]:
    """Notes on an earlier and a later series that are one, or the other way round."""
    series = [None if source is None else source.series_uid for source in (baseline, follow_up)]
    if series[0] and series[0] == series[1]:
        return (SAME_SERIES,)
    days = [text_of(first_header(source), "StudyDate").strip() for source in (baseline, follow_up)]
    if all(len(day) == 8 and day.isdigit() for day in days) and days[1] < days[0]:
        return ("the follow-up is dated before the baseline: if they were exchanged, growth and shrinkage are, too",)
    return ()


@dataclass(frozen=True)
class _Whose:
    """What a series says of its patient; it never leaves this file."""

    number: str
    issuer: str
    name: str
    born: str

    @property
    def person(self) -> tuple[str, str]:
        return self.name, self.born

    @staticmethod
    def of(source: Source | None) -> _Whose:
        return _Whose.in_(first_header(source))

    @staticmethod
    def in_(first: pydicom.Dataset) -> _Whose:
        tags = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
        number, issuer, name, born = (text_of(first, tag).strip() for tag in tags)
        return _Whose(number, issuer, name.rstrip("^ ").casefold(), born)


def _is_of_another_patient(dataset: pydicom.Dataset, source: Source) -> bool:
    theirs, mine = text_of(dataset, "PatientID").strip(), _Whose.of(source).number
    return bool(theirs and mine) and mine != theirs


def _two_names(one: _Whose, other: _Whose) -> bool:
    """Whether two have names and they differ, where no numbers say whether they are one patient."""
    return not (one.number and other.number) and bool(one.name and other.name) and one.name != other.name


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
    return (uid for series in _series_items(dataset) if (uid := uid_of(series, "SeriesInstanceUID")))


def _series_items(dataset: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    for frame in items_of(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items_of(frame, "RTReferencedStudySequence"):
            yield from items_of(study, "RTReferencedSeriesSequence")
    yield from items_of(dataset, "ReferencedSeriesSequence")
