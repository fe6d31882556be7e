"""The square, in-plane window of a slice that the model looks at.

SAM 2 sees a fixed number of pixels. A small target is cropped so that it fills them; the
window is square in millimetres, so that anisotropic pixels become square ones. It holds
whole voxels, so that going there and back is one plain resize. Voxel centres are integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.masks import ABSENT_LOGIT


@dataclass(frozen=True)
class Crop:
    """A window of whole voxels, resampled to `size` x `size` model pixels.

    Parameters
    ----------
    left, top
        Its first column and row. It may lie outside the slice, which is then padded.
    width, height
        Its extent in voxels (columns, rows); they differ where pixels are not square.
    size
        Side of the model's input in pixels.
    """

    left: int
    top: int
    width: int
    height: int
    size: int

    @staticmethod
    def whole(shape_yx: tuple[int, int], size: int) -> Crop:
        """The whole slice, stretched to a square as SAM 2 does."""
        rows, columns = shape_yx
        return Crop(0, 0, columns, rows, size)

    @staticmethod
    def around(
        box_xyxy: Sequence[float], spacing_yx_mm: tuple[float, float], zoom: float, size: int, min_side_mm: float = 0.0
    ) -> Crop:
        """A window square in mm, `zoom` times the longer side of a box, centred on it.

        Parameters
        ----------
        box_xyxy
            First and last column and row of the target, inclusive voxel centres.
        spacing_yx_mm
            Between rows, between columns.
        zoom
            Side of the window over the longer side of the box.
        size
            Side of the model's input in pixels.
        min_side_mm
            The window is never smaller than this.
        """
        x0, y0, x1, y1 = box_xyxy
        row_mm, column_mm = spacing_yx_mm
        longest_mm = max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)
        # Under 16 voxels across there is nothing left to see but interpolation.
        side_mm = max(zoom * longest_mm, min_side_mm, 16 * max(row_mm, column_mm))
        width, height = round(side_mm / column_mm), round(side_mm / row_mm)
        left = round((x0 + x1 + 1 - width) / 2)
        top = round((y0 + y1 + 1 - height) / 2)
        return Crop(left, top, width, height, size)

    def to_model_xy(self, points_xy: ArrayLike) -> NDArray[np.float64]:
        """Map voxel coordinates (..., 2) as (x, y) to model pixels, centres at integers."""
        points = np.asarray(points_xy, dtype=np.float64)
        return np.asarray((points + 0.5 - [self.left, self.top]) * self._pixels_per_voxel - 0.5)

    @property
    def _pixels_per_voxel(self) -> NDArray[np.float64]:
        return self.size / np.array([self.width, self.height], dtype=np.float64)

    def inside(self, shape_yx: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the slice that the window shows (empty where it lies beside it)."""
        rows, columns = shape_yx
        top, bottom = min(max(self.top, 0), rows), min(max(self.top + self.height, 0), rows)
        left, right = min(max(self.left, 0), columns), min(max(self.left + self.width, 0), columns)
        return slice(top, bottom), slice(left, right)

    def cut(self, slice_yx: NDArray[np.float32]) -> NDArray[np.float32]:
        """The window's voxels, (height, width), zero outside the slice."""
        rows, columns = self.inside((slice_yx.shape[0], slice_yx.shape[1]))
        out = np.zeros((self.height, self.width), dtype=slice_yx.dtype)
        out[
            rows.start - self.top : rows.stop - self.top,
            columns.start - self.left : columns.stop - self.left,
        ] = slice_yx[rows, columns]
        return out

    def reaches_edge(self, box_xyxy: Sequence[float], shape_yx: tuple[int, int], margin: float) -> bool:
        """Whether a box comes within `margin` (a fraction of the side) of an edge with image beyond it."""
        x0, y0, x1, y1 = box_xyxy
        rows, columns = shape_yx
        dx, dy = margin * self.width, margin * self.height
        return bool(
            (self.left > 0 and x0 < self.left + dx)
            or (self.top > 0 and y0 < self.top + dy)
            or (self.left + self.width < columns and x1 + 1 > self.left + self.width - dx)
            or (self.top + self.height < rows and y1 + 1 > self.top + self.height - dy)
        )


@dataclass(frozen=True, eq=False)
class CropLogits:
    """Logits over all of a crop's voxels (height, width), before they are trimmed."""

    crop: Crop
    logits: NDArray[np.float32]

    def on_slice(self, shape_yx: tuple[int, int]) -> tuple[NDArray[np.float32], int, int]:
        """The part on the slice: logits, and the slice's row and column where they begin."""
        rows, columns = self.crop.inside(shape_yx)
        part = self.logits[
            rows.start - self.crop.top : rows.stop - self.crop.top,
            columns.start - self.crop.left : columns.stop - self.crop.left,
        ]
        return part, rows.start, columns.start

    def over(self, shape_yx: tuple[int, int]) -> NDArray[np.float32]:
        """Logits over the whole slice, background where the crop did not look."""
        out = np.full(shape_yx, ABSENT_LOGIT, dtype=np.float32)
        part, top, left = self.on_slice(shape_yx)
        out[top : top + part.shape[0], left : left + part.shape[1]] = part
        return out


def mask_to_input(mask_yx: NDArray[np.bool_], crop: Crop, device: torch.device) -> Tensor:
    """A mask on the slice's own grid as model input: (1, 1, S, S), 0 or 1.

    Binary, because the memory encoder saw only hard masks under mask prompts.
    """
    return _resampled(mask_yx, crop, crop.size).to(device)


def mask_to_logit_grid(mask_yx: NDArray[np.bool_], crop: Crop) -> NDArray[np.bool_]:
    """A mask on the slice's own grid as the decoder would have drawn it in a window: (S/4, S/4)."""
    return np.asarray(_resampled(mask_yx, crop, crop.size // LOGIT_STRIDE)[0, 0].numpy() > 0)


def _resampled(mask_yx: NDArray[np.bool_], crop: Crop, side: int) -> Tensor:
    """A window of a mask as (1, 1, side, side), 0 or 1."""
    cut = torch.from_numpy(crop.cut(mask_yx.astype(np.float32)))[None, None]
    if cut.shape[-2:] == (side, side):
        return cut
    soft = F.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    # A target thinner than a pixel must not vanish.
    return (soft >= min(0.5, float(soft.max()))).float() if soft.any() else soft


def logits_to_slice(logits: Tensor, crop: Crop) -> NDArray[np.float32]:
    """Resample one mask's logits (1, S/4, S/4) to the crop's own voxels: (height, width), float32."""
    size = (crop.height, crop.width)
    # Antialiased where voxels are larger than logits, as for the input.
    out = F.interpolate(logits[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(out[0, 0].cpu().numpy(), dtype=np.float32)
