"""Objects with their surroundings, shrunk to about what the 3D network sees of them, ready to cut blocks from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.train.data.case import Case, Target

ACROSS, ACROSS_PLANES = 34, 50
"""Voxels left across an object's middle extent: somewhat more than the finest 29 of a block, 42 of planes."""
_FEWEST = 20
"""Voxels below which there is nothing to learn from an object."""


@dataclass(frozen=True, eq=False)
class BlockSource:
    """One object of a case.

    Parameters
    ----------
    image_zyx
        Values in the volume's own units, averaged over groups of voxels.
    coverage_zyx
        How much of each voxel is object, 0 to 255.
    spacing_zyx_mm
        Of the averaged voxels.
    case
        Where it comes from; for windows.
    open_ended
        Whether its ends along axis 0 are arbitrary.
    """

    image_zyx: NDArray[Any]
    coverage_zyx: NDArray[np.uint8]
    spacing_zyx_mm: NDArray[np.float64]
    case: Case
    open_ended: bool

    @staticmethod
    def of(case: Case, target: Target, across: int = ACROSS) -> BlockSource | None:
        """Cut an object out as far as blocks around it reach, `across` voxels wide; None where it is too small."""
        spacing = np.array(case.spacing_zyx_mm)
        shape = np.array(case.image_zyx.shape)
        extents = np.array(target.extents)
        sides_mm = (extents[:, 1] - extents[:, 0] + 1) * spacing
        middle_mm = float(np.sort(sides_mm)[1])
        reach = np.ceil(max(2.4 * middle_mm, 1.2 * sides_mm.max()) / spacing).astype(int)
        low, high = np.maximum(0, extents[:, 0] - reach), np.minimum(shape, extents[:, 1] + 1 + reach)
        region = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        merged = np.maximum(1, np.floor(middle_mm / across / spacing)).astype(int)
        merged = np.minimum(merged, np.maximum(1, (high - low) // 8))
        coverage = _merged(case.labels_zyx[region] == target.value, merged)
        if (coverage > 0.5).sum() < _FEWEST:
            return None
        image = _merged(case.image_zyx[region], merged)
        return BlockSource(
            image.astype(np.float16 if np.abs(image).max() < 30000 else np.float32),
            (coverage * 255).round().astype(np.uint8),
            spacing * merged,
            case,
            target.open_ended,
        )


def _merged(array: NDArray[Any], factors: NDArray[np.int64]) -> NDArray[np.float32]:
    """Means of groups of voxels; what does not fill a group at the end is left out."""
    kept = array[tuple(slice(n // f * f) for n, f in zip(array.shape, factors, strict=True))].astype(np.float32)
    groups = [v for n, f in zip(kept.shape, factors, strict=True) for v in (n // f, f)]
    return np.asarray(kept.reshape(groups).mean((1, 3, 5)), dtype=np.float32)
