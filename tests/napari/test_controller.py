"""The controller and its layers on a `ViewerModel`, with a fake network and no screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.layers import Image, Layer
from support.napari_fakes import RECTANGLE, draw, shown

import volsweep
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.worker import events


def test_a_removed_layer_stops_the_sweep_and_comes_back_with_the_next_tool(controller, runner, said):
    draw(controller)
    steps = []

    def remove(event):
        if isinstance(event, events.Stepped):
            steps.append(event)
            if len(steps) == 3:
                controller.viewer.layers.remove(controller.layers.objects)

    runner.between = remove
    controller.sweep()
    assert not controller.sweeping
    assert len(steps) == 3
    assert any("so the sweep stops" in text for _, text in said)
    runner.between = lambda _: None
    controller.tools.choose("box")
    assert controller.layers.objects in controller.viewer.layers
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    assert len(controller.layers.shapes.data) == 1
    controller.sweep()
    assert shown(controller).any(axis=(1, 2)).all()


def test_a_removed_volume_closes_the_session_and_takes_its_layers_along(controller, said):
    draw(controller)
    controller.viewer.layers.remove(controller.image)
    assert controller.volume is None
    assert list(controller.viewer.layers) == []
    controller.tools.choose("box")
    assert said[-1][1].startswith("Open a volume first")


def test_a_layer_of_another_reader_can_be_segmented(controller):
    image = controller.viewer.add_image(np.random.default_rng(0).normal(size=(6, 30, 30)), scale=(2, 1, 1), name="raw")
    controller.open(image)
    assert controller.volume.shape_zyx == (6, 30, 30)
    draw(controller, RECTANGLE)
    assert shown(controller)[5].any()
    np.testing.assert_allclose(controller.volume.grid.spacing_zyx_mm, (2, 1, 1))


def test_what_is_no_volume_is_refused_with_a_reason(controller, said):
    volume = controller.volume
    controller.open(Image(np.zeros((30, 30)), name="flat"))
    assert "not a 3D volume" in said[-1][1]
    assert controller.volume is volume


def test_sixty_undos_draw_the_canvas_once_each_and_make_nothing_anew(controller, monkeypatch):
    """What sixty of them cost is what they do: 11 s were whole redraws, colormaps and shapes that were made again."""
    for i in range(60):
        controller.tools.drawn(volsweep.Box(label=1 + i // 12, slice=i % 12, box_xyxy=(5 + i // 12, 8, 15, 16)))
    layers, done = controller.layers, {"drawn": 0, "colormaps": 0, "slices": 0, "whole": 0, "shapes": 0}

    def count(what, by=1):
        done[what] += by

    refresh, add = layers.objects.refresh, layers.shapes.add
    monkeypatch.setattr(layers.objects, "refresh", lambda **options: (count("drawn"), refresh(**options)))
    monkeypatch.setattr(layers.shapes, "add", lambda *shapes, **options: (count("shapes"), add(*shapes, **options)))
    layers.objects.events.colormap.connect(lambda _: count("colormaps"))
    controller.redrawn.connect(lambda slices: count("whole" if slices is None else "slices"))
    for _ in range(60):
        controller.undo()
    assert controller.state.prompts == ()
    assert done["whole"] == done["shapes"] == 0
    assert done["slices"] <= 60
    assert done["drawn"] <= 60
    assert done["colormaps"] <= 5, "one for each object that goes"


def test_a_volumes_warnings_are_said_once_and_not_each_time_that_one_comes_back(controller, volume, said):
    first = controller.image
    odd = replace(volume, warnings=("slice 3 is missing",))
    other = controller.viewer.add_layer(Layer.create(*image_layer(odd, "odd")))
    for layer in (other, first, other):
        controller.open(layer)
    assert [text for kind, text in said if kind == "warning"] == ["Slice 3 is missing"]
