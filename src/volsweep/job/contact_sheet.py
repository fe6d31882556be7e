"""A contact sheet of a result: slices in their window with the labels' outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.io.overlaps import Labelled
from volsweep.io.writing import write_whole
from volsweep.volume import LabelVolume, Volume, take_slice

if TYPE_CHECKING:
    from PIL import Image

    from volsweep.session.session import Session

TILE = 320
_BACKGROUND = (16, 16, 18)
_TEXT = (222, 222, 226)
_MUTED = (150, 150, 156)
_AT_LEFT_AND_TOP = {Plane.AXIAL: ("R", "A"), Plane.CORONAL: ("R", "H"), Plane.SAGITTAL: ("A", "H")}
"""What lies there of the patient, as radiologists read: right, front, head."""


@dataclass(frozen=True)
class Sheet:
    """What a contact sheet shows: slices of one plane, and which of them were prompted."""

    plane: Plane
    slices: Sequence[int]
    prompted: frozenset[int] = frozenset()


def _layers(labels: Labelled) -> list[LabelVolume]:
    """Label volumes in which every object is whole; one where none overlap."""
    if isinstance(labels, LabelVolume):
        return [labels]
    return [LabelVolume(array, labels.grid, labels.labels, complete=True) for array in labels.layers()]


def choose_slices(labels: Labelled, plane: Plane, prompted: Sequence[int], count: int = 8) -> Sheet:
    """Slices worth seeing: the prompted ones, one beyond each end, and evenly between.

    Parameters
    ----------
    labels
        The result.
    plane
        The plane that was swept.
    prompted
        The prompted slices.
    count
        How many to show.
    """
    axis = labels.grid.plane_axis(plane)
    others = tuple(a for a in range(3) if a != axis)
    shown = np.flatnonzero(np.any([(one.array_zyx != 0).any(axis=others) for one in _layers(labels)], axis=0))
    last = labels.shape_zyx[axis] - 1
    ends = (shown[0] - 1, shown[-1] + 1) if shown.size else (0, last)
    spread = np.linspace(max(0, ends[0]), min(last, ends[1]), count)
    wanted = {round(float(z)) for z in spread}
    for z in prompted:  # a prompted slice takes the place of its nearest neighbour
        if z not in wanted:
            wanted.discard(min(wanted, key=lambda other: abs(other - z)))
            wanted.add(z)
    return Sheet(plane, sorted(wanted), frozenset(prompted))


def draw(volume: Volume, labels: Labelled, window: Window, sheet: Sheet) -> Image.Image:
    """Draw the sheet, oriented as radiologists read: head and front up, the patient's right on the left."""
    from PIL import Image, ImageDraw, ImageFont

    columns = min(4, len(sheet.slices))
    rows = -(-len(sheet.slices) // columns)
    font = ImageFont.load_default(15)
    legend = 40
    image = Image.new("RGB", (columns * TILE, rows * TILE + legend), _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    layers = _layers(labels)
    region = _region(volume.grid, sheet.plane, layers)
    for i, index in enumerate(sheet.slices):
        tile = Image.fromarray(_tile(volume, layers, window, (sheet.plane, index), region))
        x, y = (i % columns) * TILE, (i // columns) * TILE
        image.paste(tile, (x + (TILE - tile.width) // 2, y + (TILE - tile.height) // 2))
        note = f"{sheet.plane} {index}" + (" (prompted)" if index in sheet.prompted else "")
        left, top = _AT_LEFT_AND_TOP[sheet.plane]
        for dx, dy, text in ((8, TILE - 26, note), (8, TILE // 2 - 9, left), (TILE // 2 - 5, 6, top)):
            canvas.text((x + dx + 1, y + dy + 1), text, fill=(0, 0, 0), font=font)
            canvas.text((x + dx, y + dy), text, fill=_TEXT, font=font)
    x = 12
    for label in labels.labels.values():
        name = " ".join(label.name.split())
        canvas.rectangle((x, rows * TILE + 13, x + 14, rows * TILE + 27), fill=label.color)
        canvas.text((x + 22, rows * TILE + 10), name, fill=_TEXT, font=font)
        x += 42 + int(canvas.textlength(name, font=font))
    note = f"window {window} · not a medical device"
    width = int(canvas.textlength(note, font=font))
    canvas.text((columns * TILE - width - 12, rows * TILE + 10), note, fill=_MUTED, font=font)
    return image


def _region(grid: Grid, plane: Plane, layers: Sequence[LabelVolume]) -> tuple[slice, slice]:
    """Rows and columns to show: the whole slice, or a close-up where the labels fill little of it."""
    axis = grid.plane_axis(plane)
    _, rows, columns = grid.plane_shape(plane)
    covered = np.any([(one.array_zyx != 0).any(axis=axis) for one in layers], axis=0)
    y, x = np.nonzero(covered)
    if not y.size:
        return slice(0, rows), slice(0, columns)
    _, row_mm, column_mm = grid.plane_spacing_mm(plane)
    side_mm = max(3.0 * max(np.ptp(y) * row_mm, np.ptp(x) * column_mm), 120.0)
    out = []
    for centre, size, mm in (((y.min() + y.max()) / 2, rows, row_mm), ((x.min() + x.max()) / 2, columns, column_mm)):
        half = side_mm / mm / 2
        low = min(max(0.0, centre - half), max(0.0, size - 2 * half))
        out.append(slice(int(low), int(min(size, np.ceil(low + 2 * half)))))
    return out[0], out[1]


def _tile(
    volume: Volume, layers: Sequence[LabelVolume], window: Window, where: tuple[Plane, int], region: tuple[slice, slice]
) -> NDArray[np.uint8]:
    from PIL import Image
    from scipy.ndimage import binary_erosion

    plane, index = where
    grey = (window.frame(volume.slice_yx(plane, index)[region]) * 255).astype(np.uint8)
    _, row_mm, column_mm = volume.grid.plane_spacing_mm(plane)
    height_mm, width_mm = grey.shape[0] * row_mm, grey.shape[1] * column_mm
    scale = TILE / max(height_mm, width_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    tile = np.stack([np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))] * 3, axis=-1)
    for one, value, label in [(layer, *named) for layer in layers for named in layer.labels.items()]:
        drawn = take_slice(one.array_zyx, one.grid, plane, index)[region]
        mask = Image.fromarray((drawn == value).astype(np.uint8) * 255)
        big = np.asarray(mask.resize(size, Image.Resampling.BILINEAR)) >= 128
        outline = big & ~binary_erosion(big, iterations=2)
        color = np.array([int(label.color[i : i + 2], 16) for i in (1, 3, 5)])
        tile[big] = (0.85 * tile[big] + 0.15 * color).astype(np.uint8)
        tile[outline] = color
    return np.ascontiguousarray(_upright(tile, volume.grid, plane))


def _upright(tile: NDArray[np.uint8], grid: Grid, plane: Plane) -> NDArray[np.uint8]:
    """A slice with head and front up and the patient's right on the left, in whatever order its axes are stored."""
    axis = grid.plane_axis(plane)
    row_letter, column_letter = (c for a, c in enumerate(grid.orientation) if a != axis)
    if row_letter not in ("AP" if plane is Plane.AXIAL else "SI"):  # it lies on its side
        tile, row_letter, column_letter = tile.swapaxes(0, 1), column_letter, row_letter
    if row_letter in "SA":
        tile = tile[::-1]
    return tile[:, ::-1] if column_letter in "RA" else tile  # of sagittal slices, the front is on the left


def write_sheet(path: Path, session: Session, labels: Labelled, *, overwrite: bool) -> None:
    """Write the contact sheet of a session as PNG.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    ours = (p for p in session.state.said if p.plane == session.plane and p.label in labels.labels)
    prompted = sorted({p.slice for p in ours})
    image = draw(session.volume, labels, session.window, choose_slices(labels, session.plane, prompted))
    write_whole(path, packed(image), overwrite=overwrite, spare=session.volume.source)


def packed(image: Image.Image) -> bytes:
    """A picture as PNG; what pillow itself says of a full disk is "encoder error -2"."""
    out = BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()
