"""One image of a DICOM file: a classic slice, or a frame of an enhanced multi-frame object."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import pydicom

from volsweep.io.dicom.files import DicomFile
from volsweep.io.dicom.values import code_of, integer_of, is_given, items_of, number_of, numbers_of, text_of, uid_of
from volsweep.io.voxels import is_voxel_size

# Attributes that tell apart images taken at one and the same position.
DISTINGUISHING = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "EchoTime",
    "EffectiveEchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "InversionTime",
    "FlipAngle",
    "RepetitionTime",
    "SequenceName",
    "NominalPercentageOfCardiacPhase",
    "FrameReferenceTime",
    "KVP",
    "ConvolutionKernel",
    "AcquisitionNumber",
    "ImageType",
    "FrameType",
    "ComplexImageComponent",
    "ContrastBolusAgent",
    "DecayCorrection",
    "CorrectedImage",
    "StackID",
    "ScanOptions",
    "DiffusionGradientOrientation",
    "SeriesDescription",
    "ProtocolName",
)

_B_VALUES = {
    "SIEMENS MR HEADER": (0x0019, 0x0C),
    "GEMS_PARM_01": (0x0043, 0x39),
    "Philips Imaging DD 001": (0x2001, 0x03),
    "Image Private Header": (0x0065, 0x09),
}
"""Creator -> group and element of the b-value, as Siemens, GE, Philips and United Imaging write it."""
B_VALUE_TAGS = tuple(group << 16 | element for group, at in _B_VALUES.values() for element in (0x0010, 0x1000 | at))
"""What has to be read of a file for them, private creators included."""
_GE_FLAG = 100_000
"""GE adds multiples of it to say which b-values are synthetic."""

_COMPONENTS = {"M": "MAGNITUDE", "P": "PHASE", "R": "REAL", "I": "IMAGINARY"}
"""By the third value of an MR image's ImageType, as scanners wrote it before there was ComplexImageComponent."""

_SAME_CONTRAST = {"M", "P", "R", "I", "ND", "NORM", "DIS2D", "DIS3D", "FIL", "FM", "MFSPLIT", "NONE", "OTHER", "AXIAL"}
"""What may differ among the values of an MR image's ImageType beyond the second without another contrast; magnitude and
phase are told by their component."""

_DISTINGUISHING_MACROS = (
    "FrameContentSequence",
    "MREchoSequence",
    "MRDiffusionSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRImageFrameTypeSequence",
    "CardiacSynchronizationSequence",
    "CTXRayDetailsSequence",
    "CTReconstructionSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
)

# They are only counted, and refused; a damaged NumberOfFrames may say anything.
_MAX_FRAMES = 10_000


# Beyond these nothing is left of a value in single precision.
_LARGEST_FACTOR = 1e12


class Tile(NamedTuple):
    """Where a slice lies in a mosaic."""

    number: int
    """From 1, in slice order."""
    row: int
    column: int
    """Index of its first pixel."""


class Concatenation(NamedTuple):
    """A multi-frame object that was cut into several files."""

    uid: str
    number: int
    total: int
    """0 where the file does not say."""


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
    """NaN where the header says what no slope can be; `intercept` likewise."""
    intercept: float
    window: tuple[float, float] | None
    distinguishing: tuple[tuple[str, str], ...]
    tile: Tile | None = None
    """The part of the image that is the slice, where several are tiled in one."""

    def __str__(self) -> str:
        if self.number is not None:
            return f"{self.file.name} frame {self.number}"
        if self.tile is not None:
            return f"{self.file.name} tile {self.tile.number}"
        return f"{self.file.name} (instance {self.instance})" if self.instance is not None else self.file.name


def read_frames(file: DicomFile, dataset: pydicom.Dataset, shape_yx: tuple[int, int]) -> tuple[Frame, ...]:
    """List the images of one file, each with its own geometry and rescaling."""
    is_mr = code_of(dataset, "Modality") == "MR"
    plain = Frame(
        file=file,
        number=None,
        sop_uid=uid_of(dataset, "SOPInstanceUID"),
        instance=integer_of(dataset, "InstanceNumber"),
        shape_yx=shape_yx,
        position_mm=numbers_of(dataset, "ImagePositionPatient", 3),
        orientation=numbers_of(dataset, "ImageOrientationPatient", 6),
        pixel_spacing_mm=_spacing(dataset),
        thickness_mm=_thickness(dataset),
        slope=_factor(dataset, "RescaleSlope", 1.0),
        intercept=_factor(dataset, "RescaleIntercept", 0.0),
        window=_window(dataset),
        distinguishing=_distinguishing(dataset, is_mr),
    )
    per_frame = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    if not per_frame:
        count = integer_of(dataset, "NumberOfFrames") or 1
        if count == 1:
            return (plain,)
        # Old multi-frame objects (ultrasound, angiography, nuclear medicine) place no frame but the first.
        return tuple(replace(plain, number=n, position_mm=None) for n in range(1, min(count, _MAX_FRAMES) + 1))
    shared = (items_of(dataset, "SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
    return tuple(
        _of_groups(replace(plain, number=n), shared, group, is_mr) for n, group in enumerate(per_frame, start=1)
    )


def _of_groups(frame: Frame, shared: pydicom.Dataset, group: pydicom.Dataset, is_mr: bool) -> Frame:
    """Fill in what the functional groups of an enhanced multi-frame object say of one frame."""

    def macro(name: str) -> pydicom.Dataset:
        items = items_of(group, name) or items_of(shared, name)
        return items[0] if items else pydicom.Dataset()

    measures, values = macro("PixelMeasuresSequence"), macro("PixelValueTransformationSequence")
    told_apart = dict(frame.distinguishing)
    for name in _DISTINGUISHING_MACROS:
        told_apart.update(_distinguishing(macro(name), is_mr))
    return replace(
        frame,
        position_mm=numbers_of(macro("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=numbers_of(macro("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        pixel_spacing_mm=_spacing(measures),
        thickness_mm=_thickness(measures),
        # What an object converted from an older one may say once, for all of its frames.
        slope=_factor(values, "RescaleSlope", 1.0) if values else frame.slope,
        intercept=_factor(values, "RescaleIntercept", 0.0) if values else frame.intercept,
        window=_window(macro("FrameVOILUTSequence")),
        distinguishing=tuple(told_apart.items()),
    )


def _spacing(dataset: pydicom.Dataset) -> tuple[float, ...] | None:
    spacing = numbers_of(dataset, "PixelSpacing", 2)
    return spacing if spacing and all(map(is_voxel_size, spacing)) else None


def _thickness(dataset: pydicom.Dataset) -> float | None:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        thickness = number_of(dataset, keyword)
        if thickness and thickness > 0:
            return thickness
    return None


def _factor(dataset: pydicom.Dataset, keyword: str, absent: float) -> float:
    """RescaleSlope or RescaleIntercept; NaN where what is there cannot be one."""
    if not is_given(dataset, keyword):
        return absent
    number = number_of(dataset, keyword)
    if (
        number is None
        or abs(number) > _LARGEST_FACTOR
        or (abs(number) < 1 / _LARGEST_FACTOR and keyword == "RescaleSlope")
    ):
        return math.nan
    return number


def _window(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    center, width = number_of(dataset, "WindowCenter"), number_of(dataset, "WindowWidth")
    return (center, width) if center is not None and width is not None and width > 0 else None


def _distinguishing(dataset: pydicom.Dataset, is_mr: bool) -> tuple[tuple[str, str], ...]:
    found = {k: text for k in DISTINGUISHING if (text := text_of(dataset, k))}
    value = _private_b_value(dataset)
    if value is not None:
        found.setdefault("DiffusionBValue", f"{value:g}")
    kind = (found.get("FrameType") or found.get("ImageType", "")).split("\\") if is_mr else []
    if len(kind) > 2 and kind[2].partition("_")[0] in _COMPONENTS:
        found.setdefault("ComplexImageComponent", _COMPONENTS[kind[2].partition("_")[0]])
    contrast = [value for value in kind[2:] if value.partition("_")[0] not in _SAME_CONTRAST]
    if contrast:
        found["ImageTypeContrast"] = "/".join(contrast)
    return tuple(found.items())


def _private_b_value(dataset: pydicom.Dataset) -> float | None:
    for creator, (group, element) in _B_VALUES.items():
        try:
            value = dataset.private_block(group, creator)[element].value
            number = float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
        except Exception:  # absent, or damaged in any way
            continue
        return number % _GE_FLAG if math.isfinite(number) else None
    return None


def concatenation_of(dataset: pydicom.Dataset) -> Concatenation | None:
    """Which file of an object that was cut into several it is; None where it is whole."""
    uid, number = uid_of(dataset, "ConcatenationUID"), integer_of(dataset, "InConcatenationNumber")
    if not uid or number is None:
        return None
    return Concatenation(uid, number, integer_of(dataset, "InConcatenationTotalNumber") or 0)
