"""What was written, as it was found on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Receipt:
    """Proof of a written label volume: it was read back and compared before it got its name."""

    path: Path
    sha256: str
    sidecar: Path | None
    """The JSON beside it; None for DICOM, which holds names and colours itself."""
    sidecar_sha256: str | None
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: FloatArray
    """4x4, array index (z, y, x, 1) -> LPS mm."""
    voxels: Mapping[int, int]
    """Voxels of every label, background left out."""
    max_corner_error_mm: float
    """Largest distance of a corner of the written volume from the same corner of the source; for contours, of a
    point from the plane of its slice."""
    dice: Mapping[int, float] = field(default_factory=dict)
    """Dice of every label, as found in the file, with what was written: 1 where voxels are compared one by one."""
    warnings: tuple[str, ...] = ()
    """What was decided while reading the labels."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "sidecar": self.sidecar and str(self.sidecar),
            "sidecar_sha256": self.sidecar_sha256,
            "shape_zyx": list(self.shape_zyx),
            "dtype": str(self.dtype),
            "affine": self.affine.tolist(),
            "voxels": {str(value): count for value, count in self.voxels.items()},
            "max_corner_error_mm": self.max_corner_error_mm,
            "dice": {str(value): dice for value, dice in self.dice.items()},
            "warnings": list(self.warnings),
        }


def sha256(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
