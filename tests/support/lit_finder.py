"""A finder whose network is a rule: an organ is whatever has the grey value of its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from volsweep.finder import BundledFinder, bundled
from volsweep.finder.heat import Heat
from volsweep.geometry import LPS_TO_RAS, Grid, reverse_index_order
from volsweep.lattice import Lattice
from volsweep.volume import Volume

VALUE = {"brain stem": 100, "right parotid gland": 200, "left parotid gland": 300, "mandible": 700}


def heat_by_value(finder: BundledFinder, likely: float = 0.9) -> Any:
    """What stands in for `heat_of`: `likely` where a voxel has the value of a name, next to nothing elsewhere."""

    def heat(net: object, volume: Volume, step_mm: float, names: Sequence[int]) -> Heat:
        lattice = Lattice.over(volume.grid, step_mm)
        at = np.rint(volume.grid.to_index_zyx(lattice.points_lps_mm())).astype(int)
        inside = ((at >= 0) & (at < np.array(volume.shape_zyx))).all(axis=-1)
        z, y, x = np.moveaxis(np.clip(at, 0, np.array(volume.shape_zyx) - 1), -1, 0)
        values = np.where(inside, volume.array_zyx[z, y, x], -1000)
        asked = [VALUE.get(finder.known[index].name, 10_000) for index in names]
        return Heat(lattice, np.stack([np.where(values == value, likely, 0.01) for value in asked]).astype(np.float32))

    return heat


def light(monkeypatch: Any, likely: float = 0.9) -> BundledFinder:
    """The bundled finder with the rule in its network's place."""
    finder = BundledFinder()
    monkeypatch.setattr(bundled, "heat_of", heat_by_value(finder, likely))
    return finder


def head(spacing: tuple[float, float, float] = (3.0, 2.0, 2.0)) -> Volume:
    """A CT of two parotids, a brain stem between them and a bone before it, all boxes; x runs to the patient's left."""
    array = np.full((30, 60, 70), 30, dtype=np.int16)
    array[:, :4] = -1000
    array[8:20, 20:32, 8:18] = VALUE["right parotid gland"]
    array[9:21, 21:33, 50:60] = VALUE["left parotid gland"]
    array[12:26, 34:44, 30:40] = VALUE["brain stem"]
    array[2:8, 6:16, 10:60] = VALUE["mandible"]
    z, y, x = spacing
    affine = np.array([[0, 0, x, -70.0], [0, y, 0, -60.0], [z, 0, 0, 15.0], [0, 0, 0, 1.0]])
    return Volume(array, Grid(array.shape, affine), modality="CT")


def write_head(path: Path) -> None:
    """`head` as a NIfTI, voxel for voxel."""
    volume = head()
    affine = LPS_TO_RAS @ reverse_index_order(volume.grid.affine)
    nibabel.save(nibabel.Nifti1Image(volume.array_zyx.transpose(), affine), path)
