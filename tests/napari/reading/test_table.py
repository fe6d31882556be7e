"""The table of measurements holds what `measure` says, sums, and no formulas."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.measurement import DrawnMeasure, measure
from volsweep.napari.reading.table import HEADINGS, as_text, rows
from volsweep.volume import LabelVolume, Volume


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_a_row_an_object_and_their_sum(delimiter):
    grid = Grid.axis_aligned((6, 20, 20), (2, 1, 1))
    labels = np.zeros(grid.shape_zyx, np.uint8)
    labels[2:4, 3:9, 3:13], labels[4, 15:18, 2:4] = 1, 2
    volume = Volume(np.random.default_rng(0).integers(-50, 150, grid.shape_zyx).astype(np.int16), grid, "CT")
    found = measure(LabelVolume(labels, grid), volume)
    table = list(
        csv.reader(io.StringIO(as_text(rows(found, {1: "=Liver", 2: "Node"}), delimiter)), delimiter=delimiter)
    )
    assert tuple(table[0]) == HEADINGS
    first, second = (dict(zip(HEADINGS, row, strict=True)) for row in table[1:3])
    values = volume.array_zyx[labels == 1]
    assert first["name"] == "'=Liver", "a spreadsheet takes it for no formula"
    assert float(first["volume_ml"]) == pytest.approx(values.size * 2 / 1000, abs=1e-3)
    assert float(first["long_axis_mm"]) == pytest.approx(np.hypot(5, 10), abs=0.06)
    assert float(first["mean"]) == pytest.approx(values.mean(), rel=1e-4)
    assert float(first["sd"]) == pytest.approx(values.std(), rel=1e-4)
    assert (int(first["min"]), int(first["max"])) == (values.min(), values.max())
    assert float(first["sum"]) == pytest.approx(values.sum(), rel=1e-4)
    assert second["slice"] == "5"
    total = dict(zip(HEADINGS, table[3], strict=True))
    long_axes = [float(row["long_axis_mm"]) for row in (first, second)]
    assert float(total["long_axis_mm"]) == pytest.approx(sum(long_axes), abs=0.11)


def test_rulers_and_angles_follow_and_are_in_no_sum():
    grid = Grid.axis_aligned((6, 20, 20), (2, 1, 1))
    ruler = DrawnMeasure(kind="ruler", slice=2, points_xy=((1, 1), (4, 5)))
    angle = DrawnMeasure(kind="angle", slice=0, points_xy=((5, 1), (1, 1), (1, 5)))
    table = [dict(zip(HEADINGS, row, strict=True)) for row in rows({}, {}, [(ruler, grid), (angle, grid)])[1:]]
    assert [row["label"] for row in table] == ["sum", "ruler", "angle"]
    assert [row["long_axis_mm"] for row in table] == ["0.0", "5.0", ""]
    assert [row["slice"] for row in table[1:]] == ["3", "1"]
    assert table[2]["name"] == "90.0 degrees, axial slice"
