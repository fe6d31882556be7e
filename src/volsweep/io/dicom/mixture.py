"""Whether the images of a series are one volume, or several that lie between each other.

Echoes, b-values, time points and contrasts may share a SeriesInstanceUID. Where their slices share places,
`geometry` refuses them; here are those whose slices lie between each other, or one set beyond the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from volsweep.errors import GeometryError
from volsweep.io.dicom.frames import Frame

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
)

_WORTH_TELLING = 4
"""Volumes that were scanned in more pieces than these were scanned in steps."""


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
        told = f"{name} ({', '.join(value or 'none' for value in found[:5])})"
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
            return [(f"{name} {value or 'none'}", tuple(members)) for value, members in ordered]
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
