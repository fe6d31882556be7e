"""A classical baseline: a marker-controlled watershed, carried from slice to slice.

On the prompted slice the markers are the middle of the box's ellipse and everything well outside it; on each
further slice the middle of the mask before it, where the intensities are those of the object,
and everything well outside that mask (Meyer & Beucher, J Vis Commun Image Represent 1990).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from volsweep.evaluate.shapes import ellipse
from volsweep.evaluate.targets import Target
from volsweep.geometry import BoxXYXY

Mask = NDArray[np.bool_]
Frame = NDArray[np.float32]

_SMOOTHING = 1.0
"""Standard deviation in voxels of the Gaussian that keeps noise from making basins."""
_INNER, _OUTER = 0.5, 1.3
"""Within and beyond the box's ellipse, scaled by these, the first markers lie."""
_SURE_OBJECT = 0.5
"""A voxel deeper than this share of the mask's depth is object on the next slice too."""
_SURE_BACKGROUND = 0.25
"""A voxel further outside than this share of the depth is background on the next slice."""
_TYPICAL = 2.0
"""Standard deviations by which an intensity may differ from the object's mean."""
_TOO_SMALL = 0.05
"""The object has ended where less than this share of the prompted slice's area is left."""


def carried_watershed(target: Target, box_xyxy: BoxXYXY, frames_nyx: NDArray[np.float32]) -> Mask:
    """Segment the prompted slice and go on both ways until the object's intensities are gone."""
    out = np.zeros_like(target.masks_nyx)
    prompted = target.prompted_slice
    shape_yx = (out.shape[1], out.shape[2])
    x0, y0, x1, y1 = (max(round(v), 0) for v in box_xyxy)
    grey = _smooth(frames_nyx[prompted])
    start = np.zeros(shape_yx, dtype=bool)
    found = _watershed(grey, ellipse(box_xyxy, shape_yx, _INNER), ~ellipse(box_xyxy, shape_yx, _OUTER))
    start[y0 : y1 + 1, x0 : x1 + 1] = found[y0 : y1 + 1, x0 : x1 + 1]
    out[prompted] = start
    if not start.any():
        return out
    level, spread = float(grey[start].mean()), float(grey[start].std())
    for step in (1, -1):
        mask = start
        for n in range(prompted + step, len(out) if step > 0 else -1, step):
            grey = _smooth(frames_nyx[n])
            depth = ndimage.distance_transform_edt(mask)
            away = ndimage.distance_transform_edt(~mask)
            middle = (depth > _SURE_OBJECT * depth.max()) & (np.abs(grey - level) < _TYPICAL * spread)
            mask = _watershed(grey, middle, away > max(_SURE_BACKGROUND * depth.max(), 1.5))
            if mask.sum() < _TOO_SMALL * start.sum():
                break
            out[n] = mask
    return out


def _smooth(grey: Frame) -> Frame:
    return np.asarray(ndimage.gaussian_filter(grey, _SMOOTHING))


def _watershed(grey: Frame, inside: Mask, outside: Mask) -> Mask:
    if not inside.any():
        return np.zeros_like(inside)
    import SimpleITK as sitk  # noqa: N813

    markers = sitk.GetImageFromArray(outside.astype(np.uint8) + 2 * inside.astype(np.uint8))
    slopes = sitk.GradientMagnitude(sitk.GetImageFromArray(grey))
    basins = sitk.MorphologicalWatershedFromMarkers(slopes, markers, markWatershedLine=False)
    return np.asarray(sitk.GetArrayFromImage(basins) == 2)
