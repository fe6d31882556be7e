"""What of a study is patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from volsweep.volume import Volume

_CT_BODY = -300.0
"""Hounsfield units between air and skin."""


def body_of(values: NDArray[np.float32], inside: NDArray[np.bool_], volume: Volume) -> NDArray[np.bool_]:
    """What of a study is patient: above air, in one piece, without holes; all of it where there is no air.

    Parameters
    ----------
    values, inside
        On a lattice: the study's values, and which points it shows.
    volume
        The study.
    """
    from scipy.ndimage import binary_fill_holes, binary_opening, label

    if not inside.any():
        return inside
    threshold = _CT_BODY if volume.has_hounsfield_units else _otsu(values[inside]) / 2
    body = binary_opening((values > threshold) & inside)
    parts, count = label(body)
    if not count:
        return inside
    body = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    for plane in body:
        binary_fill_holes(plane, output=plane)
    return np.asarray(body)


def _otsu(values: NDArray[np.float32]) -> float:
    """The value that parts a histogram in two (Otsu, IEEE Trans SMC 1979;9:62-66)."""
    import SimpleITK as sitk  # noqa: N813

    top = np.percentile(values, 99)
    image = sitk.GetImageFromArray(np.minimum(values, top)[None])
    method = sitk.OtsuThresholdImageFilter()
    method.Execute(image)
    return float(method.GetThreshold())
