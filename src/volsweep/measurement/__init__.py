"""What a radiologist reports of a label: volume, diameters after RECIST 1.1, intensities; rulers and angles."""

from volsweep.measurement.axes import Diameters, LineXYXY, recist_diameters
from volsweep.measurement.drawn import DrawnMeasure
from volsweep.measurement.measure import IntensityStatistics, Measurement, measure, measure_label, measure_masks

__all__ = [
    "Diameters",
    "DrawnMeasure",
    "IntensityStatistics",
    "LineXYXY",
    "Measurement",
    "measure",
    "measure_label",
    "measure_masks",
    "recist_diameters",
]
