"""Slices of a volume as the grey frames of a video, made one at a time."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.slices.crop import Crop
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.volume import Volume

_EVEN = 1e-3
"""Gaps between slices that differ less than this, as a share of their mean, are equal."""


class Frames:
    """One plane of a volume under one window.

    Nothing is copied but the slice asked for: a memory-mapped volume stays on disk.
    """

    def __init__(self, volume: Volume, plane: Plane | str, window: Window) -> None:
        self._volume = volume
        self.plane = Plane(plane)
        self.window = window
        self.count, rows, columns = volume.grid.plane_shape(plane)
        self.shape_yx = (rows, columns)
        _, row_mm, column_mm = volume.grid.plane_spacing_mm(plane)
        self.spacing_yx_mm = (row_mm, column_mm)
        self.positions_mm = volume.grid.slice_positions_mm(plane)
        """(slices,): where they lie along their normal; the distance between slices is asked here, and nowhere else."""
        gaps = np.diff(self.positions_mm)
        self.is_even = len(gaps) < 2 or float(np.ptp(gaps)) <= _EVEN * float(gaps.mean())

    @property
    def spacing_mm(self) -> float:
        """Mean distance between slices; 1 where there is one alone."""
        return float(self.positions_mm[-1]) / (len(self) - 1) if len(self) > 1 else 1.0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Frame `index`, (rows, columns), float32 in [0, 1]."""
        return self.window.frame(self._volume.slice_yx(self.plane, index))


def model_input(frame_yx: NDArray[np.float32], crop: Crop) -> Tensor:
    """Cut and resample one grey frame to a (1, 1, S, S) float32 tensor, still in [0, 1].

    Bilinear, with antialiasing where pixels are merged: without it a large target cropped to
    a small input is sampled, not averaged, and its noise comes along.
    """
    cut = torch.from_numpy(crop.cut(frame_yx))[None, None]
    if cut.shape[-2:] == (crop.size, crop.size):
        return cut
    return F.interpolate(cut, size=(crop.size, crop.size), mode="bilinear", align_corners=False, antialias=True)
