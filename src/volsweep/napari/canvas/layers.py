"""Between the core and napari's layers: pure functions, no viewer.

Layers carry the spacing only. napari drops rotations out of the displayed slice, so an oblique
or tilted volume is shown straight; its true affine waits in the layer's metadata for saving.
Since all layers share one scale and no offset, a layer's data coordinates are voxel indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window, default_window
from volsweep.prompts.kinds import Box, Line, Point
from volsweep.volume import LabelVolume, Volume

VOLUME_KEY = "volsweep_volume"
LABELS_KEY = "volsweep_labels"
AXES = ("z", "y", "x")


def placement(grid: Grid) -> dict[str, Any]:
    """Scale, units and axis labels of every layer on a grid."""
    return {
        "scale": tuple(float(s) for s in grid.spacing_zyx_mm),
        "units": ("mm", "mm", "mm"),
        "axis_labels": AXES,
    }


def image_layer(volume: Volume, name: str) -> tuple[Any, dict[str, Any], str]:
    """A volume as napari's layer data, in its default window."""
    window = default_window(volume)
    return (
        volume.array_zyx,
        {
            "name": name,
            "colormap": "gray",
            "contrast_limits": (window.low, window.high),
            "metadata": {VOLUME_KEY: volume},
            **placement(volume.grid),
        },
        "image",
    )


def labels_layer(labels: LabelVolume, name: str) -> tuple[Any, dict[str, Any], str]:
    """A label volume as napari's layer data."""
    return (
        labels.array_zyx,
        {"name": name, "metadata": {LABELS_KEY: labels}, **placement(labels.grid)},
        "labels",
    )


def volume_of(layer: Image) -> Volume:
    """The volume behind an image layer, whoever loaded it.

    Raises
    ------
    InputError
        If the layer is not a 3D volume of grey values.
    """
    known = layer.metadata.get(VOLUME_KEY)
    if isinstance(known, Volume):
        return known
    array = layer.data
    if layer.rgb or layer.multiscale or getattr(array, "ndim", 0) != 3:
        raise InputError(
            f"layer {layer.name!r} is not a 3D volume of grey values (shape {getattr(array, 'shape', '?')}); "
            "open a CT, MR or PET series"
        )
    scale = [float(s) for s in layer.scale]
    return Volume(np.asarray(array), Grid.axis_aligned(tuple(array.shape), scale))


def is_volume(layer: Layer) -> bool:
    """Whether a layer could be segmented."""
    return isinstance(layer, Image) and not layer.rgb and not layer.multiscale and layer.ndim == 3


def limits(window: Window) -> tuple[float, float]:
    """Contrast limits that show what the model sees."""
    return window.low, window.high


def window_of(contrast_limits: Sequence[float]) -> Window:
    """The window of contrast limits that were dragged."""
    low, high = (float(v) for v in contrast_limits)
    return Window(round((low + high) / 2, 2), round(max(high - low, 1e-6), 2))


def dims_order(grid: Grid, plane: Plane) -> tuple[int, int, int]:
    """Order of the viewer's axes that puts a plane's slices on the slider."""
    axis = grid.plane_axis(plane)
    rows, columns = (a for a in range(3) if a != axis)
    return axis, rows, columns


def camera_orientation(grid: Grid, plane: Plane) -> tuple[str, str]:
    """How rows and columns run on the screen, as radiologists read.

    Head and front are up; the patient's right is on the left, in sagittal slices the front.
    """
    axis = grid.plane_axis(plane)
    row_letter, column_letter = (c for a, c in enumerate(grid.orientation) if a != axis)
    return ("up" if row_letter in "SA" else "down"), ("left" if column_letter in "RA" else "right")


def in_volume(points_yx: NDArray[np.float64], grid: Grid, axis: int) -> NDArray[np.float64]:
    """Move (n, 2) points of a slice on to it, edge voxels' outer edges included."""
    size = np.array([n for a, n in enumerate(grid.shape_zyx) if a != axis])
    return np.clip(points_yx, -0.5, size - 0.5)


def _on_slice(vertices_zyx: NDArray[np.float64], grid: Grid, plane: Plane) -> tuple[int, NDArray[np.float64]]:
    axis = grid.plane_axis(plane)
    points = np.asarray(vertices_zyx, dtype=np.float64).reshape(-1, 3)
    index = round(float(points[:, axis].mean()))
    points_yx = in_volume(np.delete(points, axis, axis=1), grid, axis)
    return index, np.round(points_yx, 2)


def box_from(vertices_zyx: NDArray[np.float64], grid: Grid, plane: Plane, label: int) -> Box:
    """The box prompt of a rectangle (4, 3), turned or not."""
    index, points_yx = _on_slice(vertices_zyx, grid, plane)
    (y0, x0), (y1, x1) = points_yx.min(axis=0), points_yx.max(axis=0)
    return Box(label=label, plane=plane, slice=index, box_xyxy=(float(x0), float(y0), float(x1), float(y1)))


def line_from(vertices_zyx: NDArray[np.float64], grid: Grid, plane: Plane, label: int) -> Line:
    """The diameter prompt of a line (2, 3)."""
    index, points_yx = _on_slice(vertices_zyx, grid, plane)
    (y0, x0), (y1, x1) = points_yx[0], points_yx[-1]
    return Line(label=label, plane=plane, slice=index, line_xyxy=(float(x0), float(y0), float(x1), float(y1)))


def point_from(point_zyx: NDArray[np.float64], grid: Grid, plane: Plane, label: int, positive: bool) -> Point:
    """The point prompt of a click (3,)."""
    index, points_yx = _on_slice(point_zyx, grid, plane)
    y, x = (float(v) for v in points_yx[0])
    return Point(label=label, plane=plane, slice=index, point_xy=(x, y), positive=positive)


def vertices_of(prompt: Box | Line | Point, grid: Grid) -> NDArray[np.float64]:
    """The (n, 3) voxel indices that show a prompt: four corners, two ends, one point."""
    if isinstance(prompt, Box):
        x0, y0, x1, y1 = prompt.box_xyxy
        yx = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])
    elif isinstance(prompt, Line):
        x0, y0, x1, y1 = prompt.line_xyxy
        yx = np.array([[y0, x0], [y1, x1]])
    else:
        x, y = prompt.point_xy
        yx = np.array([[y, x]])
    return np.insert(yx, grid.plane_axis(prompt.plane), prompt.slice, axis=1)
