"""Volumes in, labels out: what is loaded keeps the scanner's geometry, what is saved lies on it."""

from volsweep.io.reading import find_series, read_volume
from volsweep.io.series_info import SeriesInfo

__all__ = ["SeriesInfo", "find_series", "read_volume"]
