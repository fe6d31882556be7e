"""Operations on objects: masks (slices, rows, columns) on a grid in, masks out, in millimetres."""

from volsweep.operations.between import fill_between
from volsweep.operations.islands import keep_largest, split_islands
from volsweep.operations.logic import intersect, subtract, union
from volsweep.operations.margin import grow, shrink
from volsweep.operations.smoothing import fill_holes, smooth
from volsweep.operations.values import grow_region, within_range

__all__ = [
    "fill_between",
    "fill_holes",
    "grow",
    "grow_region",
    "intersect",
    "keep_largest",
    "shrink",
    "smooth",
    "split_islands",
    "subtract",
    "union",
    "within_range",
]
