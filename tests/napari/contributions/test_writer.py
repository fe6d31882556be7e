"""Labels layers back onto the grid they were drawn on."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.napari.canvas.layers import NAMES_KEY, VOLUME_KEY
from volsweep.napari.contributions.writer import write_labels_layer
from volsweep.volume import Label, Volume

pytestmark = pytest.mark.usefixtures("plugins")


def test_labels_go_out_and_come_back_through_napari(tmp_path):
    viewer = ViewerModel()
    truth = volsweep.read_labels(sample().truth)
    volsweep.write_labels(tmp_path / "a.nii.gz", truth)
    (layer,) = viewer.open(str(tmp_path / "a.nii.gz"), plugin="napari-volsweep")
    assert layer.__class__.__name__ == "Labels"
    layer.data[0, 0, 0] = 7
    (written,) = layer.save(str(tmp_path / "b.nii.gz"), plugin="napari-volsweep")
    again = volsweep.read_labels(written)
    assert again.grid.matches(truth.grid)
    assert again.array_zyx[0, 0, 0] == 7
    np.testing.assert_array_equal(again.array_zyx.ravel()[1:], truth.array_zyx.ravel()[1:])


def test_a_layer_drawn_on_a_volume_has_its_grid_and_names(tmp_path):
    affine = np.array([[0, 0.1, 0.8, -7], [0, 0.9, -0.1, 5], [4, 0, 0, 90], [0, 0, 0, 1.0]])
    volume = Volume(np.zeros((3, 6, 7), np.int16), Grid((3, 6, 7), affine), "CT")
    data = np.zeros(volume.shape_zyx, np.uint8)
    data[1, 2:4, 3:5] = 2
    meta = {"metadata": {VOLUME_KEY: volume, NAMES_KEY: {2: Label("node", "#00ff00")}}, "scale": (9, 9, 9)}
    (path,) = write_labels_layer(str(tmp_path / "x.nii.gz"), data, meta)
    again = volsweep.read_labels(path)
    assert again.grid.matches(volume.grid)
    assert again.labels[2].name == "node"
    np.testing.assert_array_equal(again.array_zyx, data)
    # A layer of another shape has only what napari says of it.
    (path,) = write_labels_layer(str(tmp_path / "y.nii.gz"), data[:, 1:], meta)
    np.testing.assert_allclose(volsweep.read_labels(path).grid.spacing_zyx_mm, (9, 9, 9))


def test_what_is_there_is_replaced_since_napari_has_asked(tmp_path):
    data = np.ones((2, 3, 4), np.uint8)
    for value in (1, 2):
        write_labels_layer(str(tmp_path / "x.nii.gz"), data * value, {})
    assert volsweep.read_labels(tmp_path / "x.nii.gz").array_zyx.max() == 2


def test_a_slice_is_no_volume(tmp_path):
    with pytest.raises(OutputError, match="three axes, and layer 'flat' has 2"):
        write_labels_layer(str(tmp_path / "x.nii.gz"), np.zeros((4, 4), np.uint8), {"name": "flat"})
    assert list(tmp_path.iterdir()) == []
