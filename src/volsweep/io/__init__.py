"""Volumes in, labels out: what is loaded keeps the scanner's geometry, what is saved lies on it."""

from volsweep.io.labels_read import read_labels, read_objects
from volsweep.io.labels_write import Receipt, check_can_hold, convert, write_labels
from volsweep.io.overlaps import Objects
from volsweep.io.series_info import SeriesInfo
from volsweep.io.volumes import find_series, read_volume

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
