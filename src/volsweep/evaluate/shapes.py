"""Plain shapes in a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import BoxXYXY


def ellipse(box_xyxy: BoxXYXY, shape_yx: tuple[int, int], scale: float = 1.0) -> NDArray[np.bool_]:
    """The ellipse in a box (inclusive voxels), shrunk towards its centre by `scale`."""
    x0, y0, x1, y1 = box_xyxy
    rows, columns = np.ogrid[: shape_yx[0], : shape_yx[1]]
    across = (columns - (x0 + x1) / 2) / max((x1 - x0 + 1) / 2 * scale, 1e-6)
    down = (rows - (y0 + y1) / 2) / max((y1 - y0 + 1) / 2 * scale, 1e-6)
    return np.asarray(across**2 + down**2 <= 1)
