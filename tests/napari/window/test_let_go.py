"""Voxels of a removed layer are let go; those of one that comes back are not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


def test_a_removed_volume_gives_its_voxels_back(small, monkeypatch):
    window, controller = small, small.controller
    timer = window.widget.let_go._timer
    monkeypatch.setattr(timer, "start", lambda: None)
    image, objects = controller.image, controller.layers.objects
    shape = image.data.shape
    window.viewer.layers.remove(image)
    window.viewer.layers.append(image)
    timer.timeout.emit()
    assert image.data.shape == shape, "it came back"
    window.idle()
    controller.open(None)
    window.viewer.layers.clear()
    timer.timeout.emit()
    assert image.data.shape == objects.data.shape == (1, 1, 1)
    assert image.metadata == objects.metadata == {}, "they hold the volume, too"
