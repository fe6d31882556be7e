"""The user's defaults in the window: how a volume opens, what new objects are called."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import FakeSession, draw

from volsweep.defaults import Defaults, LabelRow, defaults_path, write_defaults
from volsweep.geometry import Plane
from volsweep.intensity import default_window, resolve_window
from volsweep.napari.canvas.chosen import chosen, first_window, problem, row_of
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.controller import Controller


@pytest.fixture(autouse=True)
def own_file(monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "defaults.json"))


def test_a_volume_opens_in_the_chosen_window_and_plane(volume, runner):
    assert first_window(volume) == default_window(volume)
    write_defaults(Defaults(window={"CT": "bone"}, plane="coronal"))
    layer = Layer.create(*image_layer(volume, "CT"))
    bone = resolve_window(volume, "bone")
    np.testing.assert_allclose(layer.contrast_limits, (bone.low, bone.high))
    controller = Controller(ViewerModel(), runner, FakeSession)
    controller.viewer.layers.append(layer)
    controller.open(layer)
    assert controller.display.plane is Plane.CORONAL


def test_new_objects_are_those_of_the_table(controller):
    rows = {1: LabelRow(name="GTV", color="#00ff00"), 2: LabelRow(name="node")}
    write_defaults(Defaults(labels=rows))
    draw(controller)
    controller.objects.new()
    controller.objects.new()
    names = {value: (label.name, label.color) for value, label in controller.state.labels.items()}
    assert names[1] == ("GTV", "#00ff00")
    assert names[2][0] == "node"
    assert names[3][0] == "object 3", "the table says nothing of it"
    controller.objects.rename(1, name="mine")
    draw(controller)
    assert controller.state.labels[1].name == "mine", "the reader's own name stays"


def test_a_file_that_cannot_be_followed_stops_no_window(volume):
    defaults_path().write_text("{")
    assert chosen() == Defaults()
    assert row_of(1) is None
    assert first_window(volume) == default_window(volume)
    assert "cannot be followed" in problem()
