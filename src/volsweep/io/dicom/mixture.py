"""Whether the images of a series are one volume, or several that lie between each other.

Echoes, b-values, time points and contrasts may share a SeriesInstanceUID. Where their slices share places,
`geometry` refuses them; here are those whose slices lie between each other, or one set beyond the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from volsweep.errors import GapsError, GeometryError, InputError
from volsweep.geometry import slice_normal
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.headers import Header

# What no single volume has several of.
_ONE_PER_VOLUME = (
    "EchoTime",
    "EffectiveEchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "InversionTime",
    "FlipAngle",
    "ComplexImageComponent",
    "ContrastBolusAgent",
    "DecayCorrection",
    "CorrectedImage",
    "ImageTypeContrast",
)
# What may change within a volume (a scan in steps), but not in turns.
_NOT_IN_TURNS = (
    "AcquisitionNumber",
    "TriggerTime",
    "NominalPercentageOfCardiacPhase",
    "RepetitionTime",
    "SequenceName",
    "FrameReferenceTime",
    "KVP",
    "ConvolutionKernel",
    "ImageType",
    "FrameType",
    "StackID",
    "ScanOptions",
    "DiffusionGradientOrientation",
    "SeriesDescription",
    "ProtocolName",
)
_TEXTS = ("SeriesDescription", "ProtocolName")
"""What people typed, which may name a patient and is not repeated."""

_SAME_PLACE = 0.1
"""In slices: so near are slices that follow each other in the same steps."""
_WORTH_TELLING = 4
"""Volumes that were scanned in more pieces than these were scanned in steps."""


def check_alike(headers: Sequence[Header]) -> None:
    """Refuse slices of two patients, studies or modalities, or with values in two units.

    Raises
    ------
    InputError
        If they are; the message names files.
    """
    numbered = all(h.patient.number for h in headers)  # then a name in two spellings is one patient's
    for what, values in (
        ("patients (PatientID)", [h.patient.number or None for h in headers]),
        ("patients (PatientName)", [None if numbered else h.patient.name or None for h in headers]),
        ("patients (PatientBirthDate)", [None if numbered else h.patient.born or None for h in headers]),
        ("studies (StudyInstanceUID)", [h.study_uid or None for h in headers]),
        ("modalities", [h.modality or None for h in headers]),
        ("units (RescaleType, Units)", [h.unit for h in headers]),
        ("kinds, with RescaleIntercept and without it", [str(h.states_rescaling) for h in headers]),
    ):
        files = {value: h.file.name for value, h in zip(values, headers, strict=True) if value is not None}
        if len(files) > 1:
            told = ", ".join(sorted(files.values())[:3])
            raise InputError(f"the slices are of {len(files)} {what}: {told}; give those of one of them")


def check_whole(headers: Sequence[Header]) -> None:
    """Refuse slices whose places cannot be compared, and objects of which a file is missing.

    Raises
    ------
    GeometryError
        If there are several frames of reference, or a part of a concatenation is missing.
    """
    places = sorted({h.frame_of_reference_uid for h in headers if h.frame_of_reference_uid})
    if len(places) > 1:
        files = [next(h for h in headers if h.frame_of_reference_uid == uid).file.name for uid in places[:3]]
        raise GeometryError(
            f"the slices have {len(places)} frames of reference (FrameOfReferenceUID), so how they lie to each "
            f"other is unknown: {', '.join(files)}; export the series again, or give the slices of one of them"
        )
    pieces = [h.concatenation for h in headers if h.concatenation]
    for uid in {piece.uid for piece in pieces}:
        there = {piece.number for piece in pieces if piece.uid == uid}
        total = max(piece.total or piece.number for piece in pieces if piece.uid == uid)
        if len(there) < total:
            missing = f"{total - len(there)} of {total} files are missing of an object that was cut into several"
            raise GapsError(f"{missing} (a concatenation); fetch them again")


def check_one_volume(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Refuse slices of several volumes, in the order in which they lie; return what a reader should know.

    Raises
    ------
    GeometryError
        If an attribute that a volume has one value of has several, each on slices of its own, or one that may
        change along the volume changes back and forth; the message names it.
    """
    notes: tuple[str, ...] = ()
    for name in (*_ONE_PER_VOLUME, *_NOT_IN_TURNS):
        values = [_value(frame, name) for frame in frames]
        found = list(dict.fromkeys(values))
        if len(found) == 1 or len(found) > len(frames) / 2:  # one value, or another in almost every slice
            continue
        told = name if name in _TEXTS else f"{name} ({', '.join(value or 'none' for value in found[:5])})"
        if name in _ONE_PER_VOLUME or _takes_turns(values, len(found)):
            raise GeometryError(f"the slices are of {len(found)} images that differ in {told}, not one volume")
        runs = 1 + sum(one != other for one, other in pairwise(values))
        if runs > len(found):
            notes += (f"the slices differ in {told}, which changes back and forth; they may be of several images",)
        elif len(found) <= _WORTH_TELLING and (
            name not in ("ImageType", "FrameType") or len({value.partition("\\")[0] for value in found}) > 1
        ):  # of an image's type, whether it was acquired or made of others
            notes += (f"the slices differ in {told}: the volume was put together of {len(found)} scans",)
    return notes


def may_be_one(mine: Sequence[Frame], others: Sequence[Frame]) -> bool:
    """Whether two series may be parts of one volume: a slice each, or slices between those of the other or beyond them
    in the same steps, and nothing else that tells them apart.
    """
    one, other = (next(iter(frames), None) for frames in (mine, others))
    if one is None or other is None or one.position_mm is None or other.position_mm is None:
        return False
    if one.shape_yx != other.shape_yx or not np.allclose(one.orientation or (), other.orientation or (), atol=1e-3):
        return False
    if len(mine) == 1 or len(others) == 1:
        return len(mine) == len(others)
    told_apart = {*_ONE_PER_VOLUME, *_NOT_IN_TURNS} - {"AcquisitionNumber", "TriggerTime"}
    if any(_value(one, name) != _value(other, name) for name in told_apart):
        return False
    normal = slice_normal(one.orientation or ())
    places = [np.sort([np.dot(f.position_mm or (), normal) for f in frames]) for frames in (mine, others)]
    low, high = sorted(places, key=lambda p: float(p[0]))
    step = float(np.median(np.diff(low)))
    apart = float(np.abs(low[:, None] - high[None]).min())
    if apart < _SAME_PLACE * step or abs(step - float(np.median(np.diff(high)))) > _SAME_PLACE * step:
        return False
    between = float(high[0]) < float(low[-1])
    # Every second slice, every third one, or every fourth one.
    return any(abs(apart - step / parts) < _SAME_PLACE * step / parts for parts in ((2, 3, 4) if between else (1,)))


def differing(frames: Sequence[Frame]) -> list[str]:
    """Names of the attributes that are not the same in all frames."""
    values: dict[str, set[str]] = {}
    for frame in frames:
        for name, value in frame.distinguishing:
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def parts(frames: Sequence[Frame]) -> list[tuple[str, tuple[Frame, ...]]]:
    """The sets of images that one attribute tells apart, each with its name, ``"EchoTime 10"``; the first that does.

    Which of them are volumes is for the caller to find out.
    """
    for name in (n for n in (*_ONE_PER_VOLUME, *_NOT_IN_TURNS) if n in differing(frames)):
        groups: dict[str, list[Frame]] = {}
        for frame in frames:
            groups.setdefault(_value(frame, name), []).append(frame)
        if len(groups) <= len(frames) / 2:
            ordered = sorted(groups.items(), key=lambda group: _by_number(group[0]))
            return [
                (f"{name} {number if name in _TEXTS else value or 'none'}", tuple(members))
                for number, (value, members) in enumerate(ordered, start=1)
            ]
    return []


def _value(frame: Frame, name: str) -> str:
    """A value as text, numbers to four digits: headers round them differently."""
    text = dict(frame.distinguishing).get(name, "")
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _by_number(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value


def _takes_turns(values: Sequence[str], count: int) -> bool:
    """Whether the values come round again and again in one and the same order."""
    return all(one == other for one, other in zip(values, values[count:], strict=False))
