"""What stands over the image: letters, numbers of slices, values. Pure functions."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import ArrayLike

from volsweep.geometry import Grid, Plane
from volsweep.io.dicom.title import SeriesTitle
from volsweep.napari.canvas.layers import camera_orientation
from volsweep.volume import Volume

_OPPOSITE = dict(zip("LRAPSI", "RLPAIS", strict=True))
_LONGEST = 28
_IN_PYTHON = re.compile(r"(,? or [^,;.()]*)? ?\([^()]*\b[a-z_]+=[^()]*\)")
"""An argument of a function in brackets, and the way out that it stands for."""
_SAID = {"S": "H", "I": "F"}
"""Readers say head and feet where geometry says superior and inferior."""


def window_words(text: str) -> str:
    """An error or a note of the library without what only a caller in Python can do about it."""
    return _IN_PYTHON.sub("", text)


def letters(grid: Grid, plane: Plane) -> tuple[str, str, str, str]:
    """What lies to the left, the right, the top and the bottom of the canvas: R, L, A, P, H, F."""
    axis = grid.plane_axis(plane)
    row, column = (c for a, c in enumerate(grid.orientation) if a != axis)
    down, right = camera_orientation(grid, plane)
    bottom = row if down == "down" else _OPPOSITE[row]
    at_right = column if right == "right" else _OPPOSITE[column]
    left, right_, top, bottom_ = (_SAID.get(c, c) for c in (_OPPOSITE[at_right], at_right, _OPPOSITE[bottom], bottom))
    return left, right_, top, bottom_


def slice_words(index: int, count: int, image: int | None = None) -> str:
    """A slice as the hospital counts, from 1, with the image's own number and our index beside it."""
    own = "" if image is None else f" · image {image}"
    return f"slice {index + 1} of {count}{own} (index {index})"


def title_words(title: SeriesTitle, name: str, *, named: bool = False) -> str:
    """What is on the screen, without a patient's name; no line so long that it meets the letter beside it.

    The layer's name where nothing else is known, and where it is `named` to tell volumes apart.
    """
    known = [SeriesTitle(title.date, title.number).line, title.description] if title.line else []
    lines = [*known, name] if named or not known else known
    return "\n".join(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in lines if line)


def value_words(volume: Volume, point_zyx: ArrayLike) -> str:
    """Value and place of a voxel, in three lines; empty beside the image."""
    at = np.round(np.asarray(point_zyx, dtype=float)).astype(int)
    if (at < 0).any() or (at >= np.array(volume.shape_zyx)).any():
        return ""
    z, y, x = (int(i) for i in at)
    unit = "HU" if volume.has_hounsfield_units else volume.unit or ""
    left, back, head = volume.grid.to_lps_mm(point_zyx)
    where = (
        f"{'L' if left >= 0 else 'R'} {abs(left):.1f}  {'P' if back >= 0 else 'A'} {abs(back):.1f}  "
        f"{'H' if head >= 0 else 'F'} {abs(head):.1f} mm"
    )
    # Lines, and short ones: to their right stand a letter and the scale.
    return f"{volume.array_zyx[z, y, x]:.6g} {unit}".strip() + f"\n{where}\n({z}, {y}, {x})"


def length_words(ends_zyx: ArrayLike, grid: Grid) -> str:
    """Length of a line between two places, in millimetres."""
    a, b = grid.to_lps_mm(np.asarray(ends_zyx, dtype=float))
    return f"{np.linalg.norm(b - a):.1f} mm"
