"""What was written, as it was found on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Receipt:
    """Proof of a written label volume: it was read back and compared before it got its name."""

    path: Path
    sha256: str
    sidecar: Path
    sidecar_sha256: str
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: FloatArray
    """4x4, array index (z, y, x, 1) -> LPS mm."""
    voxels: Mapping[int, int]
    """Voxels of every label, background left out."""
    max_corner_error_mm: float
    """Largest distance of a corner of the written volume from the same corner of the source."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "sidecar": str(self.sidecar),
            "sidecar_sha256": self.sidecar_sha256,
            "shape_zyx": list(self.shape_zyx),
            "dtype": str(self.dtype),
            "affine": self.affine.tolist(),
            "voxels": {str(value): count for value, count in self.voxels.items()},
            "max_corner_error_mm": self.max_corner_error_mm,
        }
