"""What follows from a name, and gives way to what someone chose."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.defaults import Defaults
from volsweep.geometry import Grid
from volsweep.intensity import CT_WINDOWS, default_window
from volsweep.napari.reading import named
from volsweep.volume import Volume

CT = Volume(np.zeros((2, 3, 4), np.int16), Grid.axis_aligned((2, 3, 4)), "CT")


@pytest.mark.parametrize(
    ("names", "shown", "found"),
    [
        (["left lung", "lung nodule"], None, "lung"),
        (["left lung", "GTV"], None, None),
        (["left lung"], "bone", None),  # someone chose it
        (["liver"], None, "liver"),
        ([], None, None),
    ],
)
def test_a_window_follows_names_where_none_was_chosen(names, shown, found, monkeypatch):
    monkeypatch.setattr("volsweep.napari.canvas.chosen.chosen", Defaults)
    monkeypatch.setattr(named, "chosen", Defaults)
    on_screen = CT_WINDOWS[shown] if shown else default_window(CT)
    assert named.window_by_names(names, CT, on_screen) == (CT_WINDOWS[found] if found else None)
    mr = Volume(CT.array_zyx, CT.grid, "MR")
    assert named.window_by_names(names, mr, default_window(mr)) is None


def test_a_default_window_of_the_user_stays(monkeypatch):
    defaults = Defaults(window={"CT": "abdomen"})
    monkeypatch.setattr("volsweep.napari.canvas.chosen.chosen", lambda: defaults)
    monkeypatch.setattr(named, "chosen", lambda: defaults)
    assert named.window_by_names(["lung"], CT, CT_WINDOWS["abdomen"]) is None
