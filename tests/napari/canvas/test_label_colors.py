from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from volsweep.napari.canvas.label_colors import LabelColors

COLORS = {None: "transparent", 0: "transparent", 1: "#d55e00", 2: "#0072b2", 7: "#d55e00", 40_000: (0.1, 0.2, 0.3, 0.4)}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("rest", ["transparent", "white"])
@pytest.mark.parametrize("picked", [None, 2, 7, 9])
def test_they_are_napari_s_own(dtype, rest, picked):
    values = np.array([[0, 1, 2, 3], [7, 8, 9, 40_000 if dtype != np.uint8 else 255]]).astype(dtype)
    options = {} if picked is None else {"use_selection": True, "selection": picked}
    ours, theirs = (kind(color_dict={**COLORS, None: rest}, **options) for kind in (LabelColors, DirectLabelColormap))
    np.testing.assert_array_equal(ours.map(values), theirs.map(values))


def test_a_layer_takes_them_without_looking_numbers_up_one_by_one(monkeypatch):
    layer = Labels(np.array([[0, 1], [2, 40_000]], np.uint16))
    monkeypatch.setattr(np, "ndindex", lambda *_: pytest.fail("one by one"))
    layer.colormap = LabelColors(color_dict=COLORS)
    layer.refresh()
    np.testing.assert_allclose(layer.get_color(40_000), (0.1, 0.2, 0.3, 0.4), atol=1e-6)
    with pytest.raises(pytest.fail.Exception, match="one by one"):  # as napari's own does
        layer.colormap = DirectLabelColormap(color_dict=COLORS)
