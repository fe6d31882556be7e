"""What a DICOM file says of its images, without decoding a pixel.

Only the tags listed here are read; a patient's name is read to keep it out of descriptions
and goes no further.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import BinaryIO, cast

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from volsweep.errors import InputError
from volsweep.io.dicom.absence import why_not_an_image, why_not_whole
from volsweep.io.dicom.files import DicomFile, GuardedStream
from volsweep.io.dicom.frames import B_VALUE_TAGS, DISTINGUISHING, Concatenation, Frame, concatenation_of, read_frames
from volsweep.io.dicom.mosaic import PRIVATE_TAGS, is_mosaic, tiles
from volsweep.io.dicom.units import bits_below, padding_of, unit_of, why_no_values
from volsweep.io.dicom.values import (
    Patient,
    body_part_of,
    code_of,
    harmless_description,
    integer_of,
    is_given,
    items_of,
    patient_of,
    quiet,
    text_of,
    uid_of,
    value_of,
)

_KEYWORDS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "BodyPartExamined",
    "AnatomicRegionSequence",
    "StudyDate",
    "AccessionNumber",
    "SeriesNumber",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
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
    "RescaleType",
    "ModalityLUTSequence",
    "RealWorldValueMappingSequence",
    "Units",
    "WindowCenter",
    "WindowWidth",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ConcatenationUID",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
    "DirectoryRecordSequence",
    *DISTINGUISHING,
]
_TAGS: list[BaseTag | int] = [*map(Tag, _KEYWORDS), *map(Tag, PRIVATE_TAGS), *map(Tag, B_VALUE_TAGS)]

_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""FloatPixelData, DoubleFloatPixelData, PixelData."""

_UNDEFINED_LENGTH = 0xFFFFFFFF  # of compressed pixels
_EXPORT = "have it exported as single slices or as an enhanced object"

_DATE = re.compile(r"\d{8}")
_SHORT = re.compile(r"[^\\\x00-\x1f\x7f]{1,16}")  # what DICOM calls a short string

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
DRAWN = ("RTSTRUCT", "SEG", "SR", "PR")
"""Modalities of what was drawn on images: read as labels or prompts of these."""


@dataclass(frozen=True)
class Header:
    """One DICOM file."""

    file: DicomFile
    frames: tuple[Frame, ...]
    problem: str
    """Why it is not a slice or a stack of a volume; empty where it is."""
    no_image: bool
    """Whether it holds no image at all: a report, contours, raw data."""
    transfer_syntax: str
    series_uid: str
    study_uid: str
    study_date: str
    """Eight digits, or empty."""
    accession: str
    frame_of_reference_uid: str
    modality: str
    body_part: str
    series_number: int | None
    description: str
    localizer: bool
    inverted: bool
    """MONOCHROME1: the smallest value is shown white."""
    lossy: bool
    has_lut: bool
    """Stored values are mapped by a table rather than by slope and intercept."""
    bits_below: int
    """Bits of a stored value beneath those that hold it."""
    padding: tuple[int, int] | None
    """Range of stored values that mean "outside the image"."""
    unit: str
    """Of the values after slope and intercept: ``"HU"``, ``"mg/ml"``; empty where it is not known."""
    concatenation: Concatenation | None
    patient: Patient
    states_rescaling: bool
    """Whether it says how stored values become those of the image."""


def read_header(file: DicomFile) -> Header:
    """Read one file's header.

    Raises
    ------
    InputError
        If the file is damaged before its image attributes end.
    """
    with quiet():
        return _header(file, *_read(file))


def _header(file: DicomFile, dataset: pydicom.Dataset, length: int | None) -> Header:
    has_pixels = length is not None
    modality = code_of(dataset, "Modality")
    sop_class = uid_of(dataset, "SOPClassUID")
    rows, columns = integer_of(dataset, "Rows") or 0, integer_of(dataset, "Columns") or 0
    problem = _why_not_an_image(dataset, modality, sop_class, has_pixels)
    if not problem and not (rows > 0 and columns > 0 and has_pixels):
        problem = why_not_whole(file, sop_class, has_pixels)
    no_image = bool(problem)
    frames: tuple[Frame, ...] = ()
    if not problem:
        frames = read_frames(file, dataset, (rows, columns))
        problem = _why_not_a_slice(dataset, frames) or why_no_values(dataset)
        problem = problem or _why_not_as_many(dataset, frames, length or 0)
        no_image = bool(problem) and _is_picture(dataset, sop_class)
    if not problem and is_mosaic(dataset):
        try:
            frames = tiles(frames[0], dataset)
        except InputError as error:
            problem = str(error)
    return Header(
        file=file,
        frames=frames,
        problem=problem,
        no_image=no_image,
        transfer_syntax=_transfer_syntax(dataset),
        series_uid=uid_of(dataset, "SeriesInstanceUID"),
        study_uid=uid_of(dataset, "StudyInstanceUID"),
        study_date=_matching(_DATE, text_of(dataset, "StudyDate")),
        accession=_matching(_SHORT, text_of(dataset, "AccessionNumber").strip()),
        frame_of_reference_uid=uid_of(dataset, "FrameOfReferenceUID"),
        modality=modality,
        body_part=body_part_of(dataset),
        series_number=integer_of(dataset, "SeriesNumber"),
        description=harmless_description(dataset),
        localizer="LOCALIZER" in text_of(dataset, "ImageType").upper(),
        inverted=code_of(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        lossy=text_of(dataset, "LossyImageCompression") == "01",
        has_lut=bool(items_of(dataset, "ModalityLUTSequence")),
        bits_below=bits_below(dataset),
        padding=padding_of(dataset),
        unit=unit_of(dataset, modality),
        concatenation=concatenation_of(dataset),
        patient=patient_of(dataset),
        states_rescaling=is_given(dataset, "RescaleIntercept"),
    )


def read_dataset(file: DicomFile) -> pydicom.Dataset:
    """Read the tags this module knows, stopping before the pixels."""
    return _read(file)[0]


def _read(file: DicomFile) -> tuple[pydicom.Dataset, int | None]:
    """The tags this module knows, and the bytes of pixels that follow them; None where none do."""
    found: list[int] = []

    def at_pixels(tag: BaseTag, _: str | None, length: int) -> bool:
        if tag in _PIXELS:
            found.append(length)
        return bool(found)

    with file.open() as stream, quiet():
        try:
            guarded = cast(BinaryIO, GuardedStream(stream))
            return read_partial(guarded, at_pixels, force=True, specific_tags=_TAGS), found[0] if found else None
        except Exception as error:  # damaged bytes surface as almost any exception of the parser
            raise InputError(
                f"{file.name} is damaged: its header cannot be read ({type(error).__name__}); fetch the file again"
            ) from None


def _why_not_an_image(dataset: pydicom.Dataset, modality: str, sop_class: str, has_pixels: bool) -> str:
    name = UID(sop_class).name if sop_class else ""
    if value_of(dataset, "DirectoryRecordSequence") is not None or "Media Storage Directory" in name:
        return "a DICOMDIR, not an image"
    if modality in _NOT_IMAGES:
        return _NOT_IMAGES[modality]
    return "" if has_pixels else why_not_an_image(sop_class)


def _why_not_a_slice(dataset: pydicom.Dataset, frames: tuple[Frame, ...]) -> str:
    samples = integer_of(dataset, "SamplesPerPixel") or 1
    photometric = code_of(dataset, "PhotometricInterpretation")
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        return f"a colour image ({photometric or samples}); only grey values (MONOCHROME1, MONOCHROME2) are segmented"
    for tag, value in (
        ("ImagePositionPatient", [f.position_mm for f in frames]),
        ("ImageOrientationPatient", [f.orientation for f in frames]),
        ("PixelSpacing", [f.pixel_spacing_mm for f in frames]),
    ):
        missing = next((f for f, v in zip(frames, value, strict=True) if v is None), None)
        if missing is not None:
            ask = f"; {_EXPORT}" if missing.number is not None else ""
            return f"{missing} has no usable {tag}, so where it lies in the patient is unknown{ask}"
    bad = next((f for f in frames if math.isnan(f.slope) or math.isnan(f.intercept)), None)
    if bad is not None:
        what = "RescaleSlope" if math.isnan(bad.slope) else "RescaleIntercept"
        return f"{bad} has a {what} that is 0 or no finite number, so what its values mean is unknown"
    return "" if frames else "a multi-frame object without a single frame"


def _why_not_as_many(dataset: pydicom.Dataset, frames: tuple[Frame, ...], length: int) -> str:
    """Why a file holds more images than it says: stacks of some vendors say it in private tags alone."""
    bits, (rows, columns) = integer_of(dataset, "BitsAllocated") or 0, frames[0].shape_yx
    one = rows * columns * bits // 8
    if length == _UNDEFINED_LENGTH or not one or length < (len(frames) + 1) * one:
        return ""
    return (
        f"its pixels are {length // one} images of {rows} x {columns}, and it says that it has {len(frames)}: a stack "
        f"of a private kind, or damaged; {_EXPORT}"
    )


def _is_picture(dataset: pydicom.Dataset, sop_class: str) -> bool:
    """Whether an image that is no slice was never meant to be one: a screenshot, a page of a report, in colour."""
    return (integer_of(dataset, "SamplesPerPixel") or 1) != 1 or "Secondary Capture" in UID(sop_class).name


def _transfer_syntax(dataset: pydicom.Dataset) -> str:
    """As the file says, or, for files without meta information, as it was found to be written."""
    stated = uid_of(dataset.file_meta, "TransferSyntaxUID")
    if stated:
        return stated
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    """A text, or nothing where damage made it swallow what follows, which may be the patient's name."""
    return text if pattern.fullmatch(text) else ""
