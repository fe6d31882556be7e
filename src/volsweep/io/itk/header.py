"""Headers of NRRD and MetaImage: what ITK does not say of them, and which files it would open."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray
from volsweep.io.itk.fields import data_file

_LONGEST_NAME = 255
_MOST_PER_BYTE = 1032
"""Deflate packs no more into one."""
_MM_PER_UNIT = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0, "meter": 1000.0}
_MM_PER_UNIT |= {"um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3, "micrometer": 1e-3, "nm": 1e-6, "nanometer": 1e-6}
_OF_A_PATIENT = re.compile(r"(left|right)-(anterior|posterior)-|lps|ras|las")
_MATRICES = {"transformmatrix", "rotation", "orientation"}
"""What MetaIO calls the directions of the axes."""
_ORIGINS = {"spaceorigin", "offset", "origin", "position"}
_SIZES = {"spacings", "spacedirections", "elementspacing", "elementsize"}
_RANGE = ("old min", "old max")
"""In NRRD, of what was quantized."""
_FROM = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "I": (2, 1), "S": (2, -1)}
"""Axis and sign in LPS of a direction that begins at a letter: MetaIO's RAI is DICOM's LPS."""
_LEAST_ALONG = 0.5
"""Of a direction's length: less of it lies along the letter that names it only where another names it better."""
_LARGEST_FACTOR = 1e12
_LEAST_VOLUME = 1e-3
"""Of the box that three directions of unit length span: 0 where they lie in one plane."""


def check_data_file(path: Path, fields: dict[str, str]) -> None:
    """Refuse voxels that lie anywhere but in one file of the header's own folder.

    Raises
    ------
    InputError
        If the header names a file elsewhere, several files, or what is no file, or promises more voxels than there
        can be.
    """
    name = data_file(fields)
    if not name:
        if fields.get("headersize", "0") not in ("0", "-1"):
            raise InputError(
                f"{path.name} has its voxels after its header and says that they begin elsewhere (HeaderSize "
                f"{fields['headersize'][:20]}); remove that line, or save it again"
            )
        _check_shape(path, fields, path.stat().st_size)
        return
    if "\0" in name or len(name.encode()) > _LONGEST_NAME:
        raise InputError(f"{path.name} is damaged: it names no file that can be one for its voxels")
    if "%" in name or name.upper().startswith("LIST"):
        raise InputError(f"{path.name} has its voxels in several files; save it as one file, .nrrd or .mha")
    folder = path.resolve().parent
    data = folder / name
    if not data.resolve().is_relative_to(folder):
        raise InputError(
            f"{path.name} has its voxels in a file outside its folder, which is not opened; put that file beside it"
        )
    if not data.is_file():
        raise InputError(f"{path.name} has its voxels in a file that is not there or no file; put it beside the header")
    _check_shape(path, fields, data.stat().st_size)


def _check_shape(path: Path, fields: dict[str, str], size: int) -> None:
    """Refuse a damaged header before ITK believes it: MetaIO takes hours over a thousand million dimensions."""
    dimensions = fields.get("ndims", fields.get("dimension", "3")).strip()
    counts = fields.get("dimsize", fields.get("sizes", "1")).split()
    if not re.fullmatch("[1-9]", dimensions) or not all(re.fullmatch(r"0*[1-9]\d{0,6}", n) for n in counts):
        told = f"{dimensions[:20]} dimensions of {' x '.join(counts)[:60]} voxels"
        raise InputError(f"{path.name} is damaged: its header gives {told}")
    if math.prod(map(int, counts)) > _MOST_PER_BYTE * size:
        total = math.prod(map(int, counts))
        raise InputError(f"{path.name} is damaged: its header promises {total} voxels, more than the file can hold")


def mm_per_unit(path: Path, fields: dict[str, str]) -> tuple[float, tuple[str, ...]]:
    """Millimetres in a unit of the header's lengths, which ITK takes for millimetres whatever it is; and warnings.

    Raises
    ------
    InputError
        If the axes have units that are no one length.
    """
    stated = fields.get("spaceunits") or fields.get("distanceunits") or fields.get("units") or ""
    units = {_singular(unit.lower()) for unit in stated.replace('"', " ").split()} - {"none", "???", "?"}
    if not units:
        return 1.0, ()
    if len(units) > 1 or not units <= set(_MM_PER_UNIT):
        raise InputError(f"{path.name} has lengths in {', '.join(sorted(units))[:60]}; save it in millimetres")
    (unit,) = units
    factor = _MM_PER_UNIT[unit]
    return factor, (() if factor == 1 else (f"its unit of length is {unit}; it was converted to millimetres",))


def _singular(unit: str) -> str:
    unit = unit.replace("metre", "meter")
    return unit.removesuffix("s") if unit.removesuffix("s") in _MM_PER_UNIT else unit


def check_axes(path: Path, fields: dict[str, str]) -> None:
    """Look at sizes and directions as they are in the header: ITK takes -2 mm for 2, and 1 mm for what is no number.

    Raises
    ------
    GeometryError
        If a size is not positive, or the directions are no three axes.
    """
    if fields.get("ndims", fields.get("dimension")) in ("1", "2"):
        return  # that is told in other words
    for key in ("spacings", "elementspacing", "elementsize"):
        if key in fields:
            words = fields[key].split()
            sizes = [_number(word) for word in words]
            spare = len(sizes) - 3  # axes that are none in space have no size
            there = [size for size in sizes if not math.isnan(size)] if spare > 0 else sizes
            if len(there) < 3 or not all(size > 0 for size in there):
                raise GeometryError(
                    f"{path.name} has voxel sizes ({key}) of {' '.join(words)[:60]!r}, so neither its extent nor a "
                    "volume in mL is known; write it again with the right ones"
                )
    few = len(re.findall(r"\(", fields.get("spacedirections", "((("))) < 3  # ITK takes 1 mm for a direction of none
    for key, axes in (("spacedirections", [] if few else _vectors(fields)), ("transformmatrix", _matrix(fields))):
        if axes is not None and not (axes and _are_axes(axes)):
            raise GeometryError(
                f"{path.name} has directions ({key}) that are no three axes in space: {fields[key][:80]!r}; write it "
                "again with the right ones"
            )


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _vectors(fields: dict[str, str]) -> list[list[float]] | None:
    """Directions of the axes that have one; None where they are not three vectors of three numbers."""
    found = re.findall(r"\(([^)]*)\)", fields.get("spacedirections", ""))
    axes = [[_number(word) for word in vector.split(",")] for vector in found]
    return axes if [len(axis) for axis in axes] == [3, 3, 3] else None


def _matrix(fields: dict[str, str]) -> list[list[float]] | None:
    numbers = [_number(word) for word in fields.get("transformmatrix", "").split()]
    return [numbers[0:3], numbers[3:6], numbers[6:9]] if len(numbers) == 9 else None


def _are_axes(axes: list[list[float]]) -> bool:
    lengths = [math.hypot(*axis) for axis in axes]
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return False
    (a, b, c), (d, e, f), (g, h, i) = ([v / length for v in axis] for axis, length in zip(axes, lengths, strict=True))
    return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) > _LEAST_VOLUME


def unsaid(fields: dict[str, str]) -> tuple[str, ...]:
    """Warnings where a header does not say what ITK then assumes (the patient's left and right, the origin of the
    patient's space, voxels of 1 mm), and of what it says and ITK does not follow.
    """
    is_nrrd, told = "sizes" in fields, []
    if not (_OF_A_PATIENT.match(fields.get("space", "").lower()) if is_nrrd else fields.keys() & _MATRICES):
        what = "space" if is_nrrd else "TransformMatrix"
        told.append(f"it does not say how it lies in the patient (no {what}); left and right are assumed")
    elif not fields.keys() & _ORIGINS:
        what = "space origin" if is_nrrd else "Offset"
        told.append(f"it does not say where its first voxel lies (no {what}); the origin, 0 mm, is assumed")
    if not fields.keys() & _SIZES:
        size = "1 mm is assumed, and volumes in mL mean nothing"
        told.append(f"it does not say how large its voxels are (no spacing); {size}")
    if stated := [f"{name} {fields[name.replace(' ', '')][:20]}" for name in _RANGE if name.replace(" ", "") in fields]:
        told.append(f"what its values meant before they were made integers ({', '.join(stated)}) was passed over")
    return tuple(told)


def contradictions(fields: dict[str, str], directions: FloatArray) -> tuple[str, ...]:
    """Warnings where a MetaImage says twice how it lies, and ITK follows the one of both that the other contradicts.

    Parameters
    ----------
    fields
        Of the header.
    directions
        As ITK has them, LPS, a column for each of the axes x, y and z.
    """
    told: tuple[str, ...] = ()
    letters = fields.get("anatomicalorientation", "").upper()
    along = [_FROM[letter] for letter in letters if letter in _FROM]
    if len(letters) == 3 and len({axis for axis, _ in along}) == 3:
        units = directions / np.linalg.norm(directions, axis=0)
        if min(sign * units[axis, n] for n, (axis, sign) in enumerate(along)) < _LEAST_ALONG:
            told = (
                f"its AnatomicalOrientation is {letters}, and its axes, which were used, say otherwise; compare "
                "left and right with another copy of it",
            )
    words = fields.get("centerofrotation", "").split()
    if any(_number(word) != 0 for word in words) and not np.allclose(directions, np.diag(np.diag(directions))):
        told += (f"its CenterOfRotation ({' '.join(words)[:60]}) was passed over, as ITK does",)
    return told


def intensity_function(path: Path, fields: dict[str, str]) -> tuple[float, float]:
    """Slope and offset of what the voxels mean, which ITK passes over.

    Raises
    ------
    InputError
        If they are no numbers, or leave nothing of the values.
    """
    found = []
    for what, default in (("Slope", 1.0), ("Offset", 0.0)):
        text = fields.get(f"elementtointensityfunction{what.lower()}", "")
        number = _number(text) if text else default
        if not abs(number) <= _LARGEST_FACTOR or (what == "Slope" and not number):  # true for what is no number, too
            raise InputError(
                f"{path.name} has an ElementToIntensityFunction{what} of {text[:40]!r}, so what its values mean is "
                "unknown; write it again with the right one"
            )
        found.append(number)
    return found[0], found[1]
