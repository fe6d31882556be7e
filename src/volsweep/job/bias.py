"""The slow change of brightness over an MR image, taken out before the network looks: N4 (Tustison 2010)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from volsweep.errors import InputError
from volsweep.volume import Volume

_ABOUT_MM = 4.0
"""The field is found on voxels of this size: it changes over centimetres."""
_ITERATIONS = (50, 50, 30, 20)
_SLIGHT = 1e-3
"""Of the range of values: what the smallest is lifted to, for N4 takes logarithms."""


def without_bias(volume: Volume) -> Volume:
    """An MR image divided by its bias field: the same voxels, places and source, other values.

    Raises
    ------
    InputError
        If it is no MR image, whose values mean something by themselves.
    """
    if volume.modality not in ("MR", ""):
        raise InputError(f"N4 corrects MR images, and this one is {volume.modality}; leave --n4 out")
    import SimpleITK

    values = volume.array_zyx.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return volume
    lifted = values - low + _SLIGHT * (high - low)
    image = SimpleITK.GetImageFromArray(lifted)
    spacing = [float(mm) for mm in volume.grid.spacing_zyx_mm[::-1]]
    image.SetSpacing(spacing)
    factors = [max(1, min(round(_ABOUT_MM / mm), n // 4)) for mm, n in zip(spacing, image.GetSize(), strict=True)]
    mask = SimpleITK.OtsuThreshold(image, 0, 1, 200)
    small, inside = SimpleITK.Shrink(image, factors), SimpleITK.Shrink(mask, factors)
    if not SimpleITK.GetArrayViewFromImage(inside).any():
        return volume
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    levels = max(1, min(len(_ITERATIONS), int(math.log2(max(min(small.GetSize()), 2)))))
    corrector.SetMaximumNumberOfIterations(_ITERATIONS[:levels])
    corrector.Execute(small, inside)
    field = SimpleITK.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image))
    corrected = lifted / np.exp(field) + low - _SLIGHT * (high - low)
    return replace(volume, array_zyx=corrected.astype(np.float32))
