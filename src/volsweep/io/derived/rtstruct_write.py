"""RTSTRUCT out: the labels' outlines as closed planar contours on the source's own slices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from volsweep.errors import OutputError, VolsweepError
from volsweep.geometry import FloatArray
from volsweep.io.contours import trace
from volsweep.io.derived.codes import ANATOMY, meaning_of_label
from volsweep.io.derived.reference import (
    SHARED,
    SHARED_WHERE_KNOWN,
    check_can_write,
    new_series_number,
    now,
)
from volsweep.io.derived.texts import UNICODE, names_of
from volsweep.io.dicom.values import quiet
from volsweep.io.formats import WITHOUT_SERIES
from volsweep.io.overlaps import Labelled
from volsweep.volume import Label, Source

# The study itself, as an object; retired, and still what every reader expects here.
_DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
_LONGEST_EXPLICIT = 2**16 - 2
_TARGETS = ("GTV", "CTV", "PTV")


def write_rtstruct(path: Path | BinaryIO, labels: Labelled, *, algorithm: str = "SEMIAUTOMATIC") -> tuple[str, ...]:
    """Write an RT Structure Set, one ROI per label, numbered as the labels are.

    Parameters
    ----------
    path
        File to write; replaced if it exists. Or an open one.
    labels
        On the grid of a DICOM series with its UIDs.
    algorithm
        ROIGenerationAlgorithm: ``"SEMIAUTOMATIC"``, or empty where it is not known.

    Returns
    -------
    tuple of str
        What had to be changed in names, and in what the series says of patient and study.

    Raises
    ------
    OutputError
        If there is no series to refer to, or no label.
    """
    source, headers, changed = check_can_write(labels)
    names, shortened = names_of(labels.labels)
    with quiet(), _values_untold(source):
        made = _empty(headers[0], source)
        images = _images(source, str(headers[0].SOPClassUID))
        made.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source, images)]
        rois, contours, observations = [], [], []
        for value, label in labels.labels.items():
            rois.append(_roi(value, names[value], str(source.frame_of_reference_uid), algorithm))
            contours.append(_roi_contour(labels, value, images))
            observations.append(_observation(value, label))
        made.StructureSetROISequence = rois
        made.ROIContourSequence = contours
        made.RTROIObservationsSequence = observations
        if any(len(data) > _LONGEST_EXPLICIT for data in _contour_data(contours)):
            # Explicit VR gives such a text a length of 16 bits; implicit VR, which planning systems write, has 32.
            made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        made.save_as(path, enforce_file_format=True)
    return (*changed, *shortened)


@contextmanager
def _values_untold(source: Source) -> Iterator[None]:
    try:
        yield
    except (OSError, VolsweepError):
        raise
    except Exception:  # pydicom refuses values with many kinds, and quotes them, which may be a patient's
        raise OutputError(
            f"the headers of the series {source.path.name} hold a value that no RTSTRUCT can; write {WITHOUT_SERIES}"
        ) from None


def _contour_data(rois: list[pydicom.Dataset]) -> Iterator[str]:
    for roi in rois:
        for contour in roi.get("ContourSequence", ()):
            yield "\\".join(str(v) for v in contour.ContourData)


def _item(**values: Any) -> pydicom.Dataset:
    item = pydicom.Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _empty(header: pydicom.Dataset, source: Source) -> pydicom.Dataset:
    """The object without its contours: patient and study as in the source, a series of its own."""
    date, time = now()
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = UNICODE
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in (*SHARED, *SHARED_WHERE_KNOWN):
        if keyword in header:
            setattr(made, keyword, header[keyword].value)
    made.Modality = "RTSTRUCT"
    made.SeriesInstanceUID = generate_uid()
    made.SeriesNumber = new_series_number(header, 9500)
    made.SeriesDescription = "Volsweep contours"
    made.OperatorsName = ""
    made.InstanceNumber = 1
    made.InstanceCreationDate, made.InstanceCreationTime = date, time
    made.Manufacturer = made.ManufacturerModelName = "Volsweep"
    made.DeviceSerialNumber = "0"
    made.SoftwareVersions = version("napari-volsweep")
    made.FrameOfReferenceUID = source.frame_of_reference_uid
    made.PositionReferenceIndicator = ""
    made.StructureSetLabel = "Volsweep"
    made.StructureSetDate, made.StructureSetTime = date, time
    made.ApprovalStatus = "UNAPPROVED"
    return made


def _images(source: Source, sop_class: str) -> list[pydicom.Dataset]:
    """A reference to the image of every slice."""
    images = [_item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=u) for u in source.sop_instance_uids]
    for image, number in zip(images, source.frame_numbers, strict=False):
        image.ReferencedFrameNumber = number
    return images


def _frame_of_reference(source: Source, images: list[pydicom.Dataset]) -> pydicom.Dataset:
    series = _item(SeriesInstanceUID=source.series_uid, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=_DETACHED_STUDY,
        ReferencedSOPInstanceUID=source.study_uid,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=source.frame_of_reference_uid, RTReferencedStudySequence=[study])


def _roi(value: int, name: str, frame_of_reference: str, algorithm: str) -> pydicom.Dataset:
    return _item(
        ROINumber=value,
        ReferencedFrameOfReferenceUID=frame_of_reference,
        ROIName=name,
        ROIGenerationAlgorithm=algorithm,
    )


def _observation(value: int, label: Label) -> pydicom.Dataset:
    """What kind of object it is: a planning target if its name begins so, an organ if it is one."""
    target = label.name[:3].upper()
    organ = "ORGAN" if meaning_of_label(label).category == ANATOMY else ""
    return _item(
        ObservationNumber=value,
        ReferencedROINumber=value,
        RTROIInterpretedType=target if target in _TARGETS else organ,
        ROIInterpreter="",
    )


def _roi_contour(labels: Labelled, value: int, images: list[pydicom.Dataset]) -> pydicom.Dataset:
    color = labels.labels[value].color.lstrip("#")
    contours = [
        _item(
            ContourNumber=number,
            ContourImageSequence=[images[index]],
            ContourGeometricType="CLOSED_PLANAR",
            NumberOfContourPoints=len(points_mm),
            ContourData=[f"{v:.6f}" for v in points_mm.ravel()],
        )
        for number, (index, points_mm) in enumerate(_outlines(labels, value), start=1)
    ]
    roi = _item(ROIDisplayColor=[int(color[i : i + 2], 16) for i in (0, 2, 4)], ReferencedROINumber=value)
    if contours:
        roi.ContourSequence = contours
    return roi


def _outlines(labels: Labelled, value: int) -> Iterator[tuple[int, FloatArray]]:
    """Slice and LPS points, (vertices, 3), of every outline of a label."""
    mask = labels.mask_zyx(value)
    for index in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        for xy in trace(mask[index]):
            yield index, labels.grid.to_lps_mm(np.insert(xy[:, ::-1], 0, index, axis=1))
