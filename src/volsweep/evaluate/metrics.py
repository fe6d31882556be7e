"""How well a mask agrees with the truth: DSC, NSD, and where the object begins and ends.

DSC (Dice 1945) is twice the overlap over the sum of both volumes. NSD (Nikolov et al. 2018,
arXiv:1809.04430, "surface DSC") is the share of both surfaces that lies within a tolerance of
the other, each surface measured in mm2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from volsweep.evaluate.surface import Step, Surface, surface_of

Mask = NDArray[np.bool_]
NSD_TOLERANCE_MM = 2.0


def dice(truth: Mask, found: Mask) -> float:
    """Dice similarity coefficient of two masks of any shape; 1 where both are empty."""
    total = int(truth.sum()) + int(found.sum())
    return 2 * int((truth & found).sum()) / total if total else 1.0


def surface_dice(truth: Mask, found: Mask, steps_mm: Sequence[Step], tolerance_mm: float = NSD_TOLERANCE_MM) -> float:
    """Normalised surface Dice of two 3D masks.

    Surface elements are those of marching cubes on the voxel grid, weighted by their area; the
    distance of each is that to the nearest element of the other surface, cell centre to cell
    centre, as in DeepMind's ``surface-distance``.

    Parameters
    ----------
    truth, found
        Boolean, same shape; beyond the array there is background.
    steps_mm
        Along each axis: the spacing, or where slices lie that are not equally spaced.
    tolerance_mm
        Distance that still counts as agreement.

    Returns
    -------
    float
        0 to 1; 1 where both are empty, 0 where one is.
    """
    a, b = surface_of(truth, steps_mm), surface_of(found, steps_mm)
    total = float(a.areas_mm2.sum() + b.areas_mm2.sum())
    if not total:
        return 1.0
    return (_within(a, b, tolerance_mm) + _within(b, a, tolerance_mm)) / total


def _within(a: Surface, b: Surface, tolerance_mm: float) -> float:
    """Area of `a` that lies within the tolerance of `b`."""
    if not (a.areas_mm2.size and b.areas_mm2.size):
        return 0.0
    # The tree's bound is exclusive and the tolerance is not.
    bound = tolerance_mm * (1 + 1e-9) + 1e-9
    distance, _ = cKDTree(b.centres_mm).query(a.centres_mm, distance_upper_bound=bound)
    return float(a.areas_mm2[np.isfinite(distance)].sum())


@dataclass(frozen=True)
class EndErrors:
    """Slices by which a mask begins and ends elsewhere than the truth.

    Negative where it begins or ends at a lower slice index. A mask that is empty is as wrong
    at both ends as the truth is long.
    """

    first: int
    last: int


def end_errors(truth_nyx: Mask, found_nyx: Mask) -> EndErrors:
    """Compare the first and last slice (axis 0) of a mask with the truth's, which is not empty."""
    there = np.flatnonzero(truth_nyx.any(axis=(1, 2)))
    seen = np.flatnonzero(found_nyx.any(axis=(1, 2)))
    if not seen.size:
        return EndErrors(first=there.size, last=-there.size)
    return EndErrors(first=int(seen[0] - there[0]), last=int(seen[-1] - there[-1]))


@dataclass(frozen=True)
class Summary:
    """A sample's mean and median, with 95 % bootstrap intervals."""

    count: int
    mean: float
    mean_interval: tuple[float, float]
    median: float
    median_interval: tuple[float, float]


def summarise(values_by_patient: Mapping[str, Sequence[float]], resamples: int = 2000, seed: int = 0) -> Summary:
    """Mean and median over all values, with percentile bootstrap intervals.

    Whole patients are drawn with replacement, not single values: what is seen of one patient is not
    independent of each other.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in values_by_patient.values() if len(values)]
    if not groups:
        raise ValueError("there is nothing to summarise")
    everything = np.concatenate(groups)
    draws = np.random.default_rng(seed).integers(len(groups), size=(resamples, len(groups)))
    samples = [np.concatenate([groups[i] for i in draw]) for draw in draws]
    means = np.array([sample.mean() for sample in samples])
    medians = np.array([np.median(sample) for sample in samples])
    return Summary(
        count=everything.size,
        mean=float(everything.mean()),
        mean_interval=_central_95(means),
        median=float(np.median(everything)),
        median_interval=_central_95(medians),
    )


def _central_95(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
