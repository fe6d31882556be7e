"""The square, in-plane window of a slice that the model looks at.

SAM 2 sees a fixed number of pixels. A small target is cropped so that it fills them; the
window is square in millimetres, so that anisotropic pixels become square ones. Coordinates
of voxel centres are integers; a window is given by its edges, half a voxel further out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Crop:
    """A window of a slice, resampled to `size` x `size` model pixels.

    Parameters
    ----------
    left, top
        Its corner in voxel coordinates (voxel 0 spans -0.5 ... 0.5). It may lie outside the
        slice, which is then padded.
    width, height
        Its extent in voxels (columns, rows); they differ where pixels are not square.
    size
        Side of the model's input in pixels.
    """

    left: float
    top: float
    width: float
    height: float
    size: int

    @staticmethod
    def whole(shape_yx: tuple[int, int], size: int) -> Crop:
        """The whole slice, stretched to a square as SAM 2 does."""
        rows, columns = shape_yx
        return Crop(-0.5, -0.5, float(columns), float(rows), size)

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
        min_side_mm
            The window is never smaller than this.
        """
        x0, y0, x1, y1 = box_xyxy
        row_mm, column_mm = spacing_yx_mm
        longest_mm = max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)
        # Under 16 voxels across there is nothing left to see but interpolation.
        side_mm = max(zoom * longest_mm, min_side_mm, 16 * max(row_mm, column_mm))
        width, height = side_mm / column_mm, side_mm / row_mm
        return Crop((x0 + x1) / 2 - width / 2, (y0 + y1) / 2 - height / 2, width, height, size)

    def to_model_xy(self, points_xy: ArrayLike) -> NDArray[np.float64]:
        """Map voxel coordinates (..., 2) as (x, y) to model pixels, centres at integers."""
        points = np.asarray(points_xy, dtype=np.float64)
        scale = self.size / np.array([self.width, self.height])
        return np.asarray((points - [self.left, self.top]) * scale - 0.5)

    def to_voxel_xy(self, points_xy: ArrayLike) -> NDArray[np.float64]:
        """Map model pixels (..., 2) as (x, y) to voxel coordinates."""
        points = np.asarray(points_xy, dtype=np.float64)
        scale = self.size / np.array([self.width, self.height])
        return np.asarray((points + 0.5) / scale + [self.left, self.top])

    def voxel_bounds(self, shape_yx: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the voxels whose centres lie in the window, as slices' ends."""
        rows, columns = shape_yx
        top, left = int(np.ceil(self.top)), int(np.ceil(self.left))
        bottom, right = int(np.ceil(self.top + self.height)), int(np.ceil(self.left + self.width))
        return (
            min(max(top, 0), rows),
            min(max(left, 0), columns),
            max(min(bottom, rows), 0),
            max(min(right, columns), 0),
        )

    def covers(self, box_xyxy: Sequence[float], margin: float = 0.0) -> bool:
        """Whether a box of voxels lies inside, `margin` (a fraction of the side) from every edge."""
        x0, y0, x1, y1 = box_xyxy
        dx, dy = margin * self.width, margin * self.height
        return (
            x0 - 0.5 >= self.left + dx
            and y0 - 0.5 >= self.top + dy
            and x1 + 0.5 <= self.left + self.width - dx
            and y1 + 0.5 <= self.top + self.height - dy
        )
