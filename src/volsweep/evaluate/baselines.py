"""What needs no network: an ellipse in the box, and a classical method from slice to slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from volsweep.crop import BoxXYXY
from volsweep.evaluate.targets import Target

Mask = NDArray[np.bool_]
Frames = NDArray[np.float32]


def ellipse(box_xyxy: BoxXYXY, shape_yx: tuple[int, int], scale: float = 1.0) -> Mask:
    """The ellipse in a box (inclusive voxels), shrunk towards its centre by `scale`."""
    x0, y0, x1, y1 = box_xyxy
    rows, columns = np.ogrid[: shape_yx[0], : shape_yx[1]]
    across = (columns - (x0 + x1) / 2) / max((x1 - x0 + 1) / 2 * scale, 1e-6)
    down = (rows - (y0 + y1) / 2) / max((y1 - y0 + 1) / 2 * scale, 1e-6)
    return np.asarray(across**2 + down**2 <= 1)


def copied_ellipse(target: Target, box_xyxy: BoxXYXY, frames_nyx: Frames) -> Mask:
    """The box's ellipse on every slice that the object lies on; it is told where that is."""
    del frames_nyx
    out = np.zeros_like(target.masks_nyx)
    first, last = target.slices
    out[first : last + 1] = ellipse(box_xyxy, out.shape[1:])
    return out


def ellipsoid(target: Target, box_xyxy: BoxXYXY, frames_nyx: Frames) -> Mask:
    """The ellipsoid of the box between the object's first and last slice, which it is told."""
    del frames_nyx
    out = np.zeros_like(target.masks_nyx)
    first, last = target.slices
    for n in range(first, last + 1):
        height = (n - (first + last) / 2) / ((last - first + 1) / 2)
        out[n] = ellipse(box_xyxy, out.shape[1:], float(np.sqrt(1 - height**2)))
    return out


def single_ellipse(target: Target, box_xyxy: BoxXYXY, frames_nyx: Frames) -> Mask:
    """The box's ellipse on the prompted slice alone."""
    del frames_nyx
    out = np.zeros_like(target.masks_nyx)
    out[target.prompted_slice] = ellipse(box_xyxy, out.shape[1:])
    return out


BASELINES: Mapping[str, Callable[[Target, BoxXYXY, Frames], Mask]] = MappingProxyType(
    {
        "ellipse, true range": copied_ellipse,
        "ellipsoid, true range": ellipsoid,
        "ellipse, one slice": single_ellipse,
    }
)
"""Baselines by name: target, box and grey frames (slices, rows, columns) to masks."""
