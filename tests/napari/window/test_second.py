"""A second series over the volume: shown in step, looked at from the next prompt on, saved, restored, taken away."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from support.napari_window import SMALL, paint

from volsweep.napari.canvas.layers import is_volume
from volsweep.napari.worker.tasks import Resume
from volsweep.session.file import read_session

pytestmark = pytest.mark.gui


@pytest.fixture
def pet(tmp_path):
    """A series of half as many voxels in plane, on the same place."""
    z, y, x = (n // d for n, d in zip(SMALL.shape_zyx, (1, 2, 2), strict=True))
    affine = SMALL.affine.copy()
    affine[:3, 1:3] *= 2
    affine[:3, 3] = SMALL.to_lps_mm([0, 0.5, 0.5])
    values = np.random.default_rng(0).random((z, y, x)).astype(np.float32)
    path = tmp_path / "pet.nii.gz"
    nib.save(nib.Nifti1Image(values.T, np.diag([-1.0, -1, 1, 1]) @ affine[:, [2, 1, 0, 3]]), path)
    return path


def overlays(window):
    return [layer for layer in window.viewer.layers if layer.name.startswith("Second")]


def made_with(window) -> list[str | None]:
    found = (getattr(action, "made_with", None) for action in window.controller.opened.done)
    return [None if made is None else made.second for made in found]


def test_a_second_series_is_laid_over_used_saved_and_taken_away(small, pet, tmp_path):
    window, controller = small, small.controller
    first, active = controller.volume, window.viewer.layers.selection.active
    window.widget.second.lay(pet, "pet.nii.gz")
    window.until(lambda: bool(overlays(window)))
    (layer,) = overlays(window)
    assert layer.data.shape == first.shape_zyx
    assert not is_volume(layer)
    assert controller.volume is first
    assert window.viewer.layers.selection.active is active
    assert window.viewer.layers.index(layer) == window.viewer.layers.index(controller.image) + 1
    assert tuple(layer.scale) == tuple(controller.image.scale)
    window.idle()
    second = controller.opened.second
    assert controller.opened.session.second.key == second.key
    # What is seen of it is what the network sees of it.
    layer.contrast_limits = (0.2, 0.8)
    assert (controller.opened.second.window.low, controller.opened.second.window.high) == pytest.approx((0.2, 0.8))
    assert controller.opened.second.key != second.key
    window.idle()
    paint(window, 2, np.s_[5:15, 40:50])
    window.idle()
    assert made_with(window)[-1] == controller.opened.second.key
    controller.save_session(tmp_path / "s.json")
    window.idle()
    (saved,) = read_session(tmp_path / "s.json").seconds
    assert saved.volume.path == str(pet)
    window.viewer.layers.remove(layer)
    window.idle()
    assert controller.opened.second is controller.opened.session.second is None
    assert "looked at no more" in window.says
    controller.resume(Resume(read_session(tmp_path / "s.json")))
    window.until(lambda: bool(overlays(window)))
    assert overlays(window)[0].contrast_limits == pytest.approx([0.2, 0.8])
    assert controller.opened.second.key == controller.opened.session.second.key == made_with(window)[-1]


def test_what_cannot_be_laid_over_is_said(small, tmp_path):
    (tmp_path / "no.nii.gz").write_bytes(b"nothing")
    small.widget.second.lay(tmp_path / "no.nii.gz", "no.nii.gz")
    small.until(lambda: small.widget.message.kind == "error")
    small.widget.second.lay(small.controller.volume, "itself")
    small.until(lambda: "is the one that is segmented" in small.says)
    assert overlays(small) == []
