"""A baseline's objects on the follow-up's voxels: moved with the body, then bent with what lies around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.follow.presence import Alike
from volsweep.lattice import Lattice
from volsweep.registration.register import Registration
from volsweep.volume import Volume

_AROUND_MM = 25.0
"""What is looked at around an object."""
_ACROSS, _FINEST_MM, _MOST_POINTS = 24, 0.5, 2e5
"""Points of the lattice across an object, their least distance, and the most of them."""
_LEVELS = ((4, 40), (2, 30), (1, 15))
"""How coarse, and how many steps."""
_STIFFNESS = 1.0
"""Points that the displacements are smoothed over. More of it follows growth less: sarcomas scaled by 0.8 and 1.25,
DSC of what was carried 0.93 in the mean of eight with 1.0, 0.92 with 1.5, 0.86 with 2.5 (0.72 with the body alone)."""


_NOISE_MM, _RING_MM, _FEWEST = 2.0, (2.0, 8.0), 64
"""Both studies are compared this smooth, inside the object and in a ring about it, where there are so many points."""


@dataclass(frozen=True, eq=False)
class Carried:
    """An object as the follow-up would show it if it had only moved, grown and shrunk with the tissue.

    Parameters
    ----------
    mask_zyx
        On the follow-up's voxels; empty where that did not image it.
    seen
        How much of the object lies where the follow-up was imaged, 0 to 1.
    alike
        How both studies compare inside the object, where it was carried to, and around it; None where there is too
        little of either.
    """

    mask_zyx: NDArray[np.bool_]
    seen: float
    alike: Alike | None = None


def carry(mask_zyx: NDArray[np.bool_], baseline: Volume, follow_up: Volume, registration: Registration) -> Carried:
    """Carry an object of the baseline to the follow-up.

    Parameters
    ----------
    mask_zyx
        The object, on the baseline's voxels; not empty.
    baseline, follow_up
        Both studies.
    registration
        From one to the other, for the whole body.
    """
    points = baseline.grid.to_lps_mm(np.argwhere(mask_zyx))
    at = follow_up.grid.to_index_zyx(registration.to_follow_up(points))
    inside = ((at >= -0.5) & (at < np.array(follow_up.shape_zyx) - 0.5)).all(axis=1)
    if not inside.any():
        return Carried(np.zeros(follow_up.shape_zyx, dtype=bool), 0.0)
    lattice = _lattice_around(points, (baseline, follow_up))
    cover, imaged = lattice.sample(Volume(mask_zyx.astype(np.float32), baseline.grid))
    body = np.where(imaged, cover, np.float32(0))  # nothing is known of it beyond the baseline's picture
    bent, alike = _bent(body, lattice, baseline, follow_up, registration)
    mask = _on_voxels(bent, lattice, follow_up, registration)
    if not mask.any():  # smaller than the voxels are here
        mask[tuple(np.rint(at[inside]).astype(int).T)] = True
    return Carried(mask, float(inside.mean()), alike)


def _lattice_around(points_lps_mm: NDArray[np.float64], studies: tuple[Volume, Volume]) -> Lattice:
    low, high = points_lps_mm.min(axis=0) - _AROUND_MM, points_lps_mm.max(axis=0) + _AROUND_MM
    finest = max(float(study.grid.spacing_zyx_mm.min()) for study in studies)
    across = float(np.ptp(points_lps_mm, axis=0).max()) / _ACROSS
    step = max(min(across, finest), _FINEST_MM, float((np.prod(high - low) / _MOST_POINTS) ** (1 / 3)))
    return Lattice.between(low, high, step)


def _bent(
    body: NDArray[np.float32], lattice: Lattice, baseline: Volume, follow_up: Volume, registration: Registration
) -> tuple[NDArray[np.float32], Alike | None]:
    """How much of each point of the lattice the object covers in the follow-up, in the baseline's millimetres; and how
    alike both studies are there.

    By demons with symmetric forces (Vercauteren et al., NeuroImage 2009;45:S61-72), from coarse to fine.
    """
    import SimpleITK as sitk  # noqa: N813

    seen = lattice.sample(baseline), lattice.sample(follow_up, registration.matrix)
    both = seen[0][1] & seen[1][1]
    # What one study does not show draws nothing there.
    before, fixed = (lattice.image(np.where(both, one, np.median(one[both]) if both.any() else 0)) for one, _ in seen)
    moving = sitk.HistogramMatching(before, fixed, 64, 7, True)
    field: Any = None
    for coarse, steps in _LEVELS:
        level = [_coarser(image, coarse * lattice.step_mm, coarse) for image in (fixed, moving)]
        method = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        method.SetNumberOfIterations(steps)
        method.SetSmoothDisplacementField(True)
        method.SetStandardDeviations(_STIFFNESS)
        field = method.Execute(*level) if field is None else method.Execute(*level, sitk.Resample(field, level[0]))
    transform = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    cover, warped = (
        sitk.GetArrayFromImage(sitk.Resample(image, fixed, transform, sitk.sitkLinear, 0.0))
        for image in (lattice.image(body), before)
    )
    return cover, _alike(warped, sitk.GetArrayFromImage(fixed), (cover > 0.5, both), lattice.step_mm)


def _alike(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    where: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    step_mm: float,
) -> Alike | None:
    """How two studies compare inside an object and around it, noise smoothed away, where both were imaged."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    inside, both = where
    away = distance_transform_edt(~inside) * step_mm
    smooth = [gaussian_filter(values.astype(np.float64), _NOISE_MM / step_mm) for values in (before, after)]
    parts = inside & both, (away > _RING_MM[0]) & (away < _RING_MM[1]) & both
    if any(part.sum() < _FEWEST or min(float(one[part].std()) for one in smooth) <= 0 for part in parts):
        return None
    ring = parts[1]
    slope, level = np.polyfit(smooth[1][ring], smooth[0][ring], 1)  # scanners and sequences have scales of their own
    change = smooth[0] - (slope * smooth[1] + level)
    much, usual = (float(np.sqrt((change[part] ** 2).mean())) for part in parts)
    inner, outer = (float(np.corrcoef(smooth[0][part], smooth[1][part])[0, 1]) for part in parts)
    return Alike(inner, outer, much / max(usual, 1e-9 * (1 + abs(level))))


def _coarser(image: Any, sigma_mm: float, factor: int) -> Any:
    import SimpleITK as sitk  # noqa: N813

    if factor == 1:
        return image
    factors = [min(factor, max(size // 4, 1)) for size in image.GetSize()]
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, 0.6 * sigma_mm), factors)


def _on_voxels(
    cover: NDArray[np.float32], lattice: Lattice, follow_up: Volume, registration: Registration
) -> NDArray[np.bool_]:
    """What covers more than half of a voxel of the follow-up."""
    from scipy.ndimage import map_coordinates

    grid = follow_up.grid
    out = np.zeros(grid.shape_zyx, dtype=bool)
    corners = lattice.corners_lps_mm()
    at = grid.to_index_zyx(registration.to_follow_up(corners))
    low = np.clip(np.floor(at.min(axis=0)).astype(int), 0, grid.shape_zyx)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 1, low, grid.shape_zyx)
    z, y, x = (np.arange(a, b) for a, b in zip(low, high, strict=True))
    indices = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)
    places = lattice.index_zyx(registration.to_baseline(grid.to_lps_mm(indices)))
    region = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    out[region] = map_coordinates(cover, np.moveaxis(places, -1, 0), order=1, mode="constant") > 0.5
    return out
