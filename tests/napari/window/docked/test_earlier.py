"""The earlier study's canvas goes when its dock is closed, or the later study is."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.follow import FollowUp, Registration
from volsweep.napari.reading.followed import Followed
from volsweep.napari.window.docked.earlier import EarlierStudy
from volsweep.prompts.kinds import PromptSet
from volsweep.volume import LabelVolume

pytestmark = pytest.mark.gui


def beside(window, volume) -> EarlierStudy:
    labels = LabelVolume(np.zeros(volume.shape_zyx, np.uint8), volume.grid)
    found = FollowUp(labels, (), Registration(np.eye(4), "rigid"), PromptSet(()))
    followed = Followed(volume, "june", found, volume.array_zyx, labels.array_zyx)
    return EarlierStudy(window.controller, followed, window.widget)


@pytest.fixture
def earlier(small):
    shown = beside(small, small.controller.volume)
    small.settle()
    yield shown
    shown.stop()


def test_it_shows_the_slice_of_the_canvas_from_the_beginning_and_turns_with_the_plane(small, earlier):
    assert earlier.model.dims.point[0] == pytest.approx(small.viewer.dims.point[0])
    assert list(earlier.model.dims.order) == list(small.viewer.dims.order)
    small.controller.display.set_plane("coronal")
    small.settle()
    assert list(earlier.model.dims.order) == list(small.viewer.dims.order)
    assert earlier.model.scene.camera.orientation == small.viewer.scene.camera.orientation


def test_it_takes_the_canvas_half_and_gives_it_back(small):
    canvas, panel = small.viewer.window._qt_viewer, small.widget.parentWidget()
    before = canvas.width(), panel.width()
    volume = small.controller.volume
    shown = beside(small, volume)
    small.until(lambda: abs(shown.width() - canvas.width()) <= 0.1 * before[0])
    assert panel.width() == before[1]
    small.viewer.window.remove_dock_widget(shown)
    small.until(lambda: (canvas.width(), panel.width()) == before)


def test_it_goes_with_its_volume_and_with_its_dock(small, earlier):
    small.viewer.window.remove_dock_widget(earlier)
    small.settle()
    assert earlier._stopped
    small.controller.display.go_to(1)  # nothing listens any more
    small.controller.open(None)
