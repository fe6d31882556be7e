"""A series and its labels, as a batch's page opens them: objects of the volume that was named."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from support.napari_window import SMALL

import volsweep
from volsweep.io import read_volume
from volsweep.napari.window.case import open_case
from volsweep.volume import Label, LabelVolume

pytestmark = pytest.mark.gui


def test_labels_become_objects_of_the_series(window, arithmetic, tmp_path):
    arithmetic(window)
    values = np.random.default_rng(0).normal(0, 50, SMALL.shape_zyx).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values.T, np.diag([-1.0, -1.0, 3.0, 1.0])), tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    drawn = np.zeros(volume.shape_zyx, np.uint8)
    drawn[1:3, 4:9, 5:11] = 2
    volsweep.write_labels(tmp_path / "labels.nii.gz", LabelVolume(drawn, volume.grid, {2: Label("node", "#102030")}))
    open_case(window.widget, tmp_path / "scan.nii.gz", None, tmp_path / "labels.nii.gz")
    window.until(lambda: window.controller.opened is not None and bool(window.controller.opened.sizes))
    (size,) = window.controller.opened.sizes.values()
    (label,) = window.controller.state.labels.values()
    assert (size.voxels, label.name) == (np.count_nonzero(drawn), "node")
