"""Volumes in, labels out: what is loaded keeps the scanner's geometry, what is saved lies on it."""

from volsweep.io.labels import check_can_hold, convert, read_labels, read_objects, write_labels
from volsweep.io.overlaps import Objects
from volsweep.io.series_info import SeriesInfo
from volsweep.io.volumes import find_series, read_volume
from volsweep.io.writing import Receipt

__all__ = [
    "Objects",
    "Receipt",
    "SeriesInfo",
    "check_can_hold",
    "convert",
    "find_series",
    "read_labels",
    "read_objects",
    "read_volume",
    "write_labels",
]
