"""Measurements of all objects on the clipboard and in a file, from the menu of the real window."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from volsweep.terminology import called
from volsweep.volume import Label

pytestmark = pytest.mark.gui


def test_measurements_go_to_the_clipboard_and_to_a_file(small, tmp_path):
    window, objects = small, small.widget.objects
    window.until(lambda: objects._sizes.keys() == {1, 2})
    {a.text(): a for a in objects.more.menu().actions()}["Copy the measurements"].trigger()
    copied = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    objects.write_table(tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as file:
        written = list(csv.reader(file))
    assert copied == written
    one = dict(zip(written[0], written[1], strict=True))
    mask = window.labels == 1
    assert float(one["volume_ml"]) == pytest.approx(mask.sum() * 3 / 1000)
    assert (float(one["mean"]), float(one["max"])) == (0, 0)
    two = dict(zip(written[0], written[2], strict=True))
    assert (float(two["mean"]), float(two["sum"])) == (200, 200 * (window.labels == 2).sum())
    assert written[-1][0] == "sum"
    assert np.isclose(float(written[-1][3]), float(one["long_axis_mm"]) + float(two["long_axis_mm"]), atol=0.11)
    assert "m.csv" in window.says
    assert objects.total.text() == f"Σ {written[-1][3]} mm"


def test_a_name_that_is_typed_gives_its_colour_and_says_what_does_not_fit(small):
    window, objects = small, small.widget.objects
    controller = window.controller
    object.__setattr__(controller.volume, "body_part", "KNEE")
    objects.table.item(0, 1).setText("right parotid")
    window.idle()
    assert controller.state.labels[1].color == called("right parotid", 1).color != Label.default(1).color
    assert "not expected where the series says that it was taken, KNEE" in window.says
    controller.objects.rename(1, color="#123456")
    window.idle()
    objects.table.item(0, 1).setText("liver")
    window.idle()
    assert (controller.state.labels[1].name, controller.state.labels[1].color) == ("liver", "#123456")
