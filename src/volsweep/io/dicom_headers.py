"""What a DICOM file says of its images, without decoding a pixel.

Only the tags listed here are read; a patient's name is read to keep it out of descriptions
and goes no further.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pydicom
from pydicom import config
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from volsweep.errors import InputError
from volsweep.io.dicom_files import DicomFile

# Attributes that tell apart images taken at one and the same position.
DISTINGUISHING = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "InversionTime",
    "FlipAngle",
    "AcquisitionNumber",
    "ImageType",
    "FrameType",
    "ComplexImageComponent",
)

_DISTINGUISHING_MACROS = (
    "FrameContentSequence",
    "MREchoSequence",
    "MRDiffusionSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
)

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsStored",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "LossyImageCompression",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DirectoryRecordSequence",
    *DISTINGUISHING,
]

# Objects with rows and columns, or without, that are no image of a patient's inside.
_NOT_IMAGES = {
    "RTSTRUCT": "contours (RT Structure Set), not an image",
    "RTPLAN": "a treatment plan, not an image",
    "RTDOSE": "a dose distribution, not an image",
    "SEG": "a segmentation, not an image",
    "SR": "a structured report, not an image",
    "PR": "a presentation state, not an image",
    "KO": "a key object selection, not an image",
    "REG": "a registration, not an image",
    "DOC": "a document, not an image",
}


@dataclass(frozen=True)
class Frame:
    """One image: a classic file, or one frame of a multi-frame one."""

    file: DicomFile
    number: int | None
    """1-based within a multi-frame file."""
    sop_uid: str
    instance: int | None
    shape_yx: tuple[int, int]
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    thickness_mm: float | None
    slope: float
    intercept: float
    window: tuple[float, float] | None
    distinguishing: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        if self.number is not None:
            return f"{self.file.name} frame {self.number}"
        return f"{self.file.name} (instance {self.instance})" if self.instance is not None else self.file.name


@dataclass(frozen=True)
class Header:
    """One DICOM file."""

    file: DicomFile
    frames: tuple[Frame, ...]
    problem: str
    """Why it is not a slice or a stack of a volume; empty where it is."""
    transfer_syntax: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    modality: str
    series_number: int | None
    description: str
    localizer: bool
    inverted: bool
    """MONOCHROME1: the smallest value is shown white."""
    lossy: bool
    has_lut: bool
    """Stored values are mapped by a table rather than by slope and intercept."""
    padding: tuple[int, int] | None
    """Range of stored values that mean "outside the image"."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from judging values: its warnings and its log quote them, and they may be a patient's."""
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = before


def read_header(file: DicomFile) -> Header:
    """Read one file's header.

    Raises
    ------
    InputError
        If the file is damaged before its image attributes end.
    """
    with quiet():
        return _header(file, read_dataset(file))


def _header(file: DicomFile, dataset: pydicom.Dataset) -> Header:
    modality = _code(dataset, "Modality")
    sop_class = _uid(dataset, "SOPClassUID")
    rows, columns = _integer(dataset, "Rows") or 0, _integer(dataset, "Columns") or 0
    problem = _why_not_an_image(dataset, modality, sop_class)
    if not problem and (rows < 1 or columns < 1):
        raise InputError(f"{file.name} is damaged: it ends before saying how many rows and columns it has")
    frames: tuple[Frame, ...] = ()
    if not problem:
        frames = _frames(file, dataset, (rows, columns))
        problem = _why_not_a_slice(dataset, frames)
    return Header(
        file=file,
        frames=frames,
        problem=problem,
        transfer_syntax=_transfer_syntax(dataset),
        series_uid=_uid(dataset, "SeriesInstanceUID"),
        study_uid=_uid(dataset, "StudyInstanceUID"),
        frame_of_reference_uid=_uid(dataset, "FrameOfReferenceUID"),
        modality=modality,
        series_number=_integer(dataset, "SeriesNumber"),
        description=_description(dataset),
        localizer="LOCALIZER" in _text(dataset, "ImageType").upper(),
        inverted=_code(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        lossy=_text(dataset, "LossyImageCompression") == "01",
        has_lut=bool(dataset.get("ModalityLUTSequence")),
        padding=_padding(dataset),
    )


def read_dataset(file: DicomFile) -> pydicom.Dataset:
    """Read the tags this module knows, stopping before the pixels."""
    with file.open() as stream, quiet():
        try:
            return pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        except Exception as error:  # damaged bytes surface as almost any exception of the parser
            raise InputError(
                f"{file.name} is damaged: its header cannot be read ({type(error).__name__}); fetch the file again"
            ) from None


def _why_not_an_image(dataset: pydicom.Dataset, modality: str, sop_class: str) -> str:
    name = UID(sop_class).name if sop_class else ""
    if dataset.get("DirectoryRecordSequence") is not None or "Media Storage Directory" in name:
        return "a DICOMDIR, not an image"
    if modality in _NOT_IMAGES:
        return _NOT_IMAGES[modality]
    if name and not ("Image" in name or "Map Storage" in name or name == sop_class) and not dataset.get("Rows"):
        return f"{name}, not an image"
    return ""


def _why_not_a_slice(dataset: pydicom.Dataset, frames: tuple[Frame, ...]) -> str:
    samples = _integer(dataset, "SamplesPerPixel") or 1
    photometric = _code(dataset, "PhotometricInterpretation")
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        return f"a colour image ({photometric or samples}); only grey values (MONOCHROME1, MONOCHROME2) are segmented"
    for tag, value in (
        ("ImagePositionPatient", [f.position_mm for f in frames]),
        ("ImageOrientationPatient", [f.orientation for f in frames]),
        ("PixelSpacing", [f.pixel_spacing_mm for f in frames]),
    ):
        missing = next((f for f, v in zip(frames, value, strict=True) if v is None), None)
        if missing is not None:
            return f"{missing} has no usable {tag}, so where it lies in the patient is unknown"
    return "" if frames else "a multi-frame object without a single frame"


def _frames(file: DicomFile, dataset: pydicom.Dataset, shape_yx: tuple[int, int]) -> tuple[Frame, ...]:
    plain = Frame(
        file=file,
        number=None,
        sop_uid=_uid(dataset, "SOPInstanceUID"),
        instance=_integer(dataset, "InstanceNumber"),
        shape_yx=shape_yx,
        position_mm=_numbers(dataset, "ImagePositionPatient", 3),
        orientation=_numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing_mm=_spacing(dataset),
        thickness_mm=_thickness(dataset),
        slope=_slope(dataset),
        intercept=_number(dataset, "RescaleIntercept") or 0.0,
        window=_window(dataset),
        distinguishing=_distinguishing(dataset),
    )
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        count = _integer(dataset, "NumberOfFrames") or 1
        if count == 1:
            return (plain,)
        # Old multi-frame objects (ultrasound, angiography, nuclear medicine) place no frame but the first.
        return tuple(replace(plain, number=n, position_mm=None) for n in range(1, count + 1))
    shared_items = dataset.get("SharedFunctionalGroupsSequence")
    shared = shared_items[0] if shared_items else pydicom.Dataset()
    return tuple(_of_groups(replace(plain, number=n), shared, group) for n, group in enumerate(per_frame, start=1))


def _of_groups(frame: Frame, shared: pydicom.Dataset, group: pydicom.Dataset) -> Frame:
    """Fill in what the functional groups of an enhanced multi-frame object say of one frame."""

    def macro(name: str) -> pydicom.Dataset:
        items = group.get(name) or shared.get(name)
        return items[0] if items else pydicom.Dataset()

    measures, values = macro("PixelMeasuresSequence"), macro("PixelValueTransformationSequence")
    told_apart = dict(frame.distinguishing)
    for name in _DISTINGUISHING_MACROS:
        told_apart.update(_distinguishing(macro(name)))
    return replace(
        frame,
        position_mm=_numbers(macro("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=_numbers(macro("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        pixel_spacing_mm=_spacing(measures),
        thickness_mm=_thickness(measures),
        slope=_slope(values),
        intercept=_number(values, "RescaleIntercept") or 0.0,
        window=_window(macro("FrameVOILUTSequence")),
        distinguishing=tuple(told_apart.items()),
    )


def _value(dataset: pydicom.Dataset, keyword: str) -> Any:
    """Value of a tag, or None where it is absent, empty or cannot be understood."""
    try:
        return dataset.get(keyword)
    except Exception:  # converting damaged bytes to the tag's type fails in many ways
        return None


def _text(dataset: pydicom.Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    if value is None:
        return ""
    return "\\".join(str(v) for v in value) if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value)


def _uid(dataset: pydicom.Dataset, keyword: str) -> str:
    """A UID; nothing where damage made it swallow what follows, which may be the patient's name."""
    text = _text(dataset, keyword)
    return text if re.fullmatch(r"[0-9.]{1,64}", text) else ""


def _code(dataset: pydicom.Dataset, keyword: str) -> str:
    text = _text(dataset, keyword)
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""


def _numbers(dataset: pydicom.Dataset, keyword: str, count: int | None = None) -> tuple[float, ...] | None:
    value = _value(dataset, keyword)
    if value is None or isinstance(value, (str, bytes)):
        return None
    try:
        numbers = tuple(float(v) for v in (value if hasattr(value, "__iter__") else [value]))
    except (TypeError, ValueError):
        return None
    if not numbers or not all(map(math.isfinite, numbers)) or (count is not None and len(numbers) != count):
        return None
    return numbers


def _number(dataset: pydicom.Dataset, keyword: str) -> float | None:
    numbers = _numbers(dataset, keyword)
    return numbers[0] if numbers else None


def _integer(dataset: pydicom.Dataset, keyword: str) -> int | None:
    number = _number(dataset, keyword)
    return None if number is None else int(number)


def _spacing(dataset: pydicom.Dataset) -> tuple[float, ...] | None:
    spacing = _numbers(dataset, "PixelSpacing", 2)
    return spacing if spacing and min(spacing) > 0 else None


def _thickness(dataset: pydicom.Dataset) -> float | None:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        thickness = _number(dataset, keyword)
        if thickness and thickness > 0:
            return thickness
    return None


def _slope(dataset: pydicom.Dataset) -> float:
    # A slope of 0 would make every voxel alike; writers that put it mean "none".
    return _number(dataset, "RescaleSlope") or 1.0


def _window(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    return (center, width) if center is not None and width is not None and width > 0 else None


def _transfer_syntax(dataset: pydicom.Dataset) -> str:
    """As the file says, or, for files without meta information, as it was found to be written."""
    stated = _uid(dataset.file_meta, "TransferSyntaxUID")
    if stated:
        return stated
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian)


def _padding(dataset: pydicom.Dataset) -> tuple[int, int] | None:
    value = _integer(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = _integer(dataset, "PixelPaddingRangeLimit")
    ends = [value, value if limit is None else limit]
    if _integer(dataset, "PixelRepresentation") == 1:
        # Some writers give the padding of signed pixels as the unsigned number with the same bits.
        ends = [end - 2**16 if end >= 2**15 else end for end in ends]
    return min(ends), max(ends)


def _distinguishing(dataset: pydicom.Dataset) -> tuple[tuple[str, str], ...]:
    return tuple((k, text) for k in DISTINGUISHING if (text := _text(dataset, k)))


def _description(dataset: pydicom.Dataset) -> str:
    """SeriesDescription, left out where it repeats a part of the patient's name or number."""
    description = _text(dataset, "SeriesDescription").strip()
    private = f"{_text(dataset, 'PatientName')} {_text(dataset, 'PatientID')}"
    for mark in "^=,_-":
        private = private.replace(mark, " ")
    words = [word.lower() for word in private.split() if len(word) > 2]
    return "" if len(description) > 64 or any(word in description.lower() for word in words) else description
