"""Between the core and napari's layers: pure functions, no viewer.

Layers carry the spacing only. napari drops rotations out of the displayed slice, so an oblique
or tilted volume is shown straight; its true affine waits in the layer's metadata for saving.
Since all layers share one scale and no offset, a layer's data coordinates are voxel indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from volsweep.errors import InputError, PromptError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.napari.canvas.chosen import chosen, first_window
from volsweep.prompts.kinds import Box, Line, Point, Prompt
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.volume import LabelVolume, Volume

Drawn = TypeVar("Drawn", Box, Line, Point, Recist, Scribble)

VOLUME_KEY = "volsweep_volume"
LABELS_KEY = "volsweep_labels"
OVERLAY_KEY = "volsweep_overlay"
"""Of an image that lies over a volume, and is none to be segmented."""
NAMES_KEY = "volsweep_names"
"""What a session's labels are called and coloured."""
AXES = ("z", "y", "x")


def placement(grid: Grid) -> dict[str, Any]:
    """Scale, units and axis labels of every layer on a grid."""
    return {
        "scale": tuple(float(s) for s in grid.spacing_zyx_mm),
        "units": ("mm", "mm", "mm"),
        "axis_labels": AXES,
    }


def first_plane(volume: Volume) -> Plane:
    """Whose slices are prompted first: the user's default, or the plane in which they were acquired."""
    return chosen().plane or volume.grid.own_plane


def image_layer(volume: Volume, name: str) -> tuple[Any, dict[str, Any], str]:
    """A volume as napari's layer data, in the window of the user's defaults, or its own."""
    window = first_window(volume)
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
    grey = isinstance(layer, Image) and not layer.rgb and not layer.multiscale and layer.ndim == 3
    return grey and OVERLAY_KEY not in layer.metadata


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


def slider_ranges(image: Image) -> tuple[tuple[float, float, float], ...]:
    """First and last position, and step, of napari's slider along each axis: over this image's voxels alone."""
    first = np.asarray(image.data_to_world(np.zeros(3)))
    last = np.asarray(image.data_to_world(np.array(image.data.shape) - 1))
    return tuple((float(a), float(b), float(s)) for a, b, s in zip(first, last, image.scale, strict=True))


def prompt_from(kind: type[Drawn], vertices_zyx: NDArray[np.float64], grid: Grid, plane: Plane, **said: Any) -> Drawn:
    """The prompt of a shape (n, 3) that was drawn, turned or not, on a slice; `said` are its label and the like.

    Raises
    ------
    PromptError
        If a click or an end of a line or an axis lies outside the image, or most of a box, or all of a stroke.
    """
    axis = grid.plane_axis(plane)
    points = np.asarray(vertices_zyx, dtype=np.float64).reshape(-1, 3)
    index = round(float(points[:, axis].mean()))
    drawn_yx = np.delete(points, axis, axis=1)
    points_yx = np.round(in_volume(drawn_yx, grid, axis), 2)
    within = np.isclose(drawn_yx, points_yx, rtol=0, atol=0.01).all(axis=1)
    if kind is Box:  # one around an object at the edge reaches over it
        sides, kept = np.ptp(drawn_yx, axis=0), np.ptp(points_yx, axis=0)
        outside = bool((kept < 0.5 * sides).any())
    elif kind is Scribble:  # it tells of voxels that it runs over, and of no edge that it left by
        points_yx = points_yx[within]
        outside = not len(points_yx)
    else:
        outside = not within.all()
    if outside or not 0 <= index < grid.shape_zyx[axis]:
        raise PromptError("that lies outside the image, so it is no prompt: draw on the image")
    return kind.from_vertices_xy(points_yx[:, ::-1], plane=plane, slice=index, **said)


def vertices_of(prompt: Prompt, grid: Grid) -> NDArray[np.float64]:
    """The (n, 3) voxel indices that show a prompt: four corners, two ends, one point."""
    return np.insert(prompt.vertices_xy()[:, ::-1], grid.plane_axis(prompt.plane), prompt.slice, axis=1)
