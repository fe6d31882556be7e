"""Siemens mosaics: the slices of one volume, tiled in one image.

The tiles fill a square of `side` x `side`, row by row; the last ones may be empty. The header's position is that of
an image as large as the mosaic with the same centre as a slice, so the first voxel of a slice lies half the
difference of the two sizes further in. In which direction of their normal the slices follow one another stands in
the private header (CSA) alone.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.geometry import slice_normal
from volsweep.io.dicom.frames import Frame, Tile
from volsweep.io.dicom.values import integer_of, number_of, numbers_of, text_of

CREATORS = (0x00190010, 0x00290010, 0x00650010)
_COUNT = 0x0019100A
_CSA = 0x00291010
_UIH_COUNT = 0x00651050
"""United Imaging's, whose mosaics (VFRAME) place each tile in a private sequence; they are not read."""
PRIVATE_TAGS = (*CREATORS, _COUNT, _CSA, _UIH_COUNT)
"""What has to be read of a file for this module, private creators included."""

_WIDEST_MM = 700.0
"""Of an MR slice both ways: no scanner is as wide; the tiles of a mosaic together are, where nothing else tells."""

_MOST_ACROSS, _SMALLEST_TILE = 16, 16
"""Tiles in a row, and pixels of one: 256 slices are more than any mosaic has."""
_ALIKE, _ALIKE_EACH_WAY = 0.5, 0.3
"""Correlation of neighbouring tiles, in the mean of both ways and in each. Mosaics made of nine slices and more of
brains, hearts and limbs have 0.60 to 0.95; single slices of 40 MR and CT volumes, in three planes, 0.41 at most."""
_SEAM, _BESIDE = 1.2, 12
"""How much more the picture changes from one tile to the next than between any two of so many lines beside: 1.8 to
3 times in mosaics without air around the body, of two slices and more; at 1252 places of single slices 0.96 at most."""
_SEAM_AS_MEASURED = 0.95
"""In the mean of both ways: 0.87 at most at 336 places of single slices, 1.13 in nine of ten mosaics of the phantom."""

WHAT_TO_DO = "have it exported as single slices or as an enhanced object, or convert it with dcm2niix"


def is_mosaic(dataset: pydicom.Dataset) -> bool:
    """Whether an image is a mosaic of slices: by its ImageType, else its private count, else its size."""
    if {"MOSAIC", "VFRAME"} & set(re.split(r"\W+", text_of(dataset, "ImageType").upper())) or _is_uih_mosaic(dataset):
        return True
    if (_stated_count(dataset) or 0) > 1:
        return True
    spacing, sizes = numbers_of(dataset, "PixelSpacing", 2), [integer_of(dataset, k) or 0 for k in ("Rows", "Columns")]
    is_mr = text_of(dataset, "Modality") == "MR"
    return is_mr and spacing is not None and min(s * n for s, n in zip(spacing, sizes, strict=True)) > _WIDEST_MM


def tiles_across(image_yx: NDArray[Any], acquired_yx: Sequence[int] = ()) -> int:
    """How many tiles a picture has in a row and in a column; 0 where it is one picture.

    Parameters
    ----------
    image_yx
        The picture.
    acquired_yx
        How many rows and columns were measured, where that is known: where the picture is a whole number of them, less
        of a seam will do.

    Notes
    -----
    Neighbours in a mosaic are slices of one body a few millimetres apart, and alike; the parts of a single slice are
    not alike both ways, whatever one cuts it into. Where slices lie far apart, or no air is around the body, it is the
    seams that tell: one picture does not change abruptly at all of them.
    """
    rows, columns = image_yx.shape
    for side in range(2, _MOST_ACROSS + 1):
        if rows % side or columns % side or min(rows, columns) // side < _SMALLEST_TILE:
            continue
        tiles_yx = image_yx.reshape(side, rows // side, side, columns // side).swapaxes(1, 2).astype(np.float64)
        ways = [_compared(tiles_yx), _compared(tiles_yx.transpose(1, 0, 3, 2))]
        if side == 2 and not np.ptp(tiles_yx[1], axis=(1, 2)).any():  # two slices: nothing lies below them
            del ways[0]
        likeness, seam = [one for one, _ in ways], [other for _, other in ways]
        alike = min(likeness) >= _ALIKE_EACH_WAY and sum(likeness) >= len(likeness) * _ALIKE
        as_measured = [rows // side, columns // side] == list(acquired_yx)
        if alike or min(seam) >= _SEAM or (as_measured and sum(seam) >= len(seam) * _SEAM_AS_MEASURED):
            return side
    return 0


def _compared(tiles_yx: NDArray[np.float64]) -> tuple[float, float]:
    """How alike tiles are to those below them, and how abrupt it is from one to the other; 0 without any.

    Medians of all pairs, empty tiles left out.
    """
    alike, abrupt = [], []
    for above, below in zip(
        tiles_yx[:-1].reshape(-1, *tiles_yx.shape[2:]), tiles_yx[1:].reshape(-1, *tiles_yx.shape[2:]), strict=True
    ):
        one, other = above - above.mean(), below - below.mean()
        if one.any() and other.any():
            alike.append(float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())))
            within = [
                np.abs(np.diff(lines, axis=0)).mean(axis=1).max() for lines in (above[-_BESIDE:], below[:_BESIDE])
            ]
            if max(within) > 0:  # no air that was made black
                abrupt.append(float(np.abs(above[-1] - below[0]).mean() / max(within)))
    return float(np.median(alike)) if alike else 0.0, float(np.median(abrupt)) if abrupt else 0.0


def tiles(image: Frame, dataset: pydicom.Dataset) -> tuple[Frame, ...]:
    """The slices of a mosaic, each where it lies in the patient.

    Parameters
    ----------
    image
        The mosaic as one image, as its header places it.
    dataset
        Its header, with `PRIVATE_TAGS`.

    Raises
    ------
    InputError
        If the header does not say how many slices there are, or how far apart they lie.
    """
    if image.position_mm is None or image.orientation is None or image.pixel_spacing_mm is None:
        raise InputError(f"{image} is a mosaic that does not say where it lies in the patient; {WHAT_TO_DO}")
    csa = _csa(dataset)
    count = _count(dataset, csa)
    step_mm = number_of(dataset, "SpacingBetweenSlices")
    if count is None:
        why = "is not Siemens'" if _is_uih_mosaic(dataset) else "does not say how many (its private tags were removed)"
        raise InputError(f"{image} is a mosaic, several slices tiled in one image, and {why}; {WHAT_TO_DO}")
    if step_mm is None or step_mm <= 0:
        raise InputError(f"{image} is a mosaic that does not say how far apart its slices lie; {WHAT_TO_DO}")
    side = math.ceil(math.sqrt(count))
    rows, columns = (size // side for size in image.shape_yx)
    if not rows or not columns or (rows * side, columns * side) != image.shape_yx:
        raise InputError(
            f"{image} is a mosaic of {count} slices, and its {image.shape_yx} rows and columns are not {side} times "
            f"those of a slice; {WHAT_TO_DO}"
        )
    first, step = _placed(image, (rows, columns), csa, step_mm)
    return tuple(
        replace(
            image,
            shape_yx=(rows, columns),
            position_mm=tuple((first + index * step).tolist()),
            tile=Tile(index + 1, index // side * rows, index % side * columns),
        )
        for index in range(count)
    )


def _placed(image: Frame, shape_yx: tuple[int, int], csa: object, step_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Position of the first slice's first voxel, and the step to the next slice, LPS mm."""
    along_columns, along_rows = np.reshape(np.array(image.orientation, dtype=np.float64), (2, 3))
    row_mm, column_mm = image.pixel_spacing_mm or (1.0, 1.0)
    beyond = (np.array(image.shape_yx) - shape_yx) / 2
    first = np.array(image.position_mm) + along_rows * row_mm * beyond[0] + along_columns * column_mm * beyond[1]
    normal = slice_normal(image.orientation or ())
    stated = _csareader().get_slice_normal(csa) if csa else None
    if stated is not None and float(np.dot(stated, normal)) < 0:
        normal = -normal
    return first, normal * step_mm


def _csareader() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says of itself that it is young
        from nibabel.nicom import csareader
    return csareader


def _csa(dataset: pydicom.Dataset) -> object:
    """The private header as nibabel reads it; None where it is absent or damaged."""
    try:
        return _csareader().get_csa_header(dataset, "image")
    except Exception:  # damaged bytes fail in many ways
        return None


def _count(dataset: pydicom.Dataset, csa: object) -> int | None:
    """Number of slices, from the private tag or else the private header."""
    stated = _stated_count(dataset)
    if stated is None:
        try:
            stated = int(_csareader().get_n_mosaic(csa) or 0) if csa else 0
        except Exception:  # damaged in any way
            stated = 0
    return stated if stated > 0 else None


def _is_uih_mosaic(dataset: pydicom.Dataset) -> bool:
    try:
        return float(dataset.private_block(0x0065, "Image Private Header")[_UIH_COUNT & 0xFF].value) > 1
    except Exception:  # absent, or damaged in any way
        return False


def _stated_count(dataset: pydicom.Dataset) -> int | None:
    try:
        return int(dataset.private_block(0x0019, "SIEMENS MR HEADER")[_COUNT & 0xFF].value)
    except Exception:  # absent, or damaged in any way
        return None
