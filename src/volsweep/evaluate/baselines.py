"""What needs no network: an ellipse in the box, and a classical method from slice to slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.body.spheroid import ELONGATION
from volsweep.evaluate.classical import carried_watershed
from volsweep.evaluate.shapes import ellipse
from volsweep.evaluate.targets import Target
from volsweep.geometry import BoxXYXY

Mask = NDArray[np.bool_]
Frames = NDArray[np.float32]


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


def spheroid(target: Target, box_xyxy: BoxXYXY, frames_nyx: Frames) -> Mask:
    """The spheroid over the box's ellipse, as long as tumours mostly are; it is told nothing but the box."""
    del frames_nyx
    out = np.zeros_like(target.masks_nyx)
    slice_mm, row_mm, column_mm = target.spacing_nyx_mm
    x0, y0, x1, y1 = box_xyxy
    radius_mm = np.sqrt((x1 - x0 + 1) * column_mm * (y1 - y0 + 1) * row_mm) / 2
    for n in range(len(out)):
        height = (n - target.prompted_slice) * slice_mm / (ELONGATION * radius_mm)
        if abs(height) < 1:
            out[n] = ellipse(box_xyxy, out.shape[1:], float(np.sqrt(1 - height**2)))
    return out


BASELINES: Mapping[str, Callable[[Target, BoxXYXY, Frames], Mask]] = MappingProxyType(
    {
        "ellipse, true range": copied_ellipse,
        "ellipsoid, true range": ellipsoid,
        "spheroid": spheroid,
        "ellipse, one slice": single_ellipse,
        "watershed": carried_watershed,
    }
)
"""Baselines by name: target, box and grey frames (slices, rows, columns) to masks."""
