"""The phantoms in napari's menu."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from volsweep.napari.canvas.layers import VOLUME_KEY

pytestmark = pytest.mark.usefixtures("plugins")


@pytest.mark.parametrize("name", ["ct_phantom", "mr_phantom"])
def test_samples_open(name):
    (layer,) = ViewerModel().open_sample("napari-volsweep", name)
    assert layer.metadata[VOLUME_KEY].modality == name[:2].upper()
    assert layer.name == name[:2].upper() + " phantom"
