"""The controller and its layers on a `ViewerModel`, with a fake network and no screen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from support.napari_fakes import RECTANGLE, draw, shown

import volsweep
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Redraw


def test_layers_lie_on_the_volume_in_millimetres(controller, volume):
    for layer in controller.viewer.layers:
        np.testing.assert_allclose(layer.scale, volume.grid.spacing_zyx_mm)
        assert [str(u) for u in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == ("z", "y", "x")
        np.testing.assert_allclose(layer.translate, 0)
    assert [x.name for x in controller.viewer.layers] == ["CT", "Objects", "Boxes and lines", "Points"]


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


def test_the_window_drives_screen_and_model(controller):
    controller.display.set_window(Window(40, 400, "abdomen"))
    assert tuple(controller.image.contrast_limits) == (-160, 240)
    assert controller.session.window == Window(40, 400)
    controller.image.contrast_limits = (0, 100)
    assert controller.session.window == Window(50, 100)


@pytest.mark.parametrize("plane", [Plane.CORONAL, Plane.SAGITTAL])
def test_other_planes_are_prompted_and_swept(controller, plane):
    controller.display.set_plane(plane)
    axis = controller.volume.grid.plane_axis(plane)
    assert controller.viewer.dims.order[0] == axis
    corners = np.insert(np.array([[2, 10], [2, 20], [8, 20], [8, 10]], dtype=float), axis, 15, axis=1)
    draw(controller, corners)
    (box,) = controller.state.prompts
    assert (box.plane, box.slice, box.box_xyxy) == (plane, 15, (10, 2, 20, 8))
    controller.sweep(slices=(13, 17))
    found = np.flatnonzero(shown(controller).any(axis=tuple(a for a in range(3) if a != axis)))
    assert [int(v) for v in found] == [13, 14, 15, 16, 17]
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    controller.display.set_plane(Plane.AXIAL)
    assert len(controller.layers.shapes.data) == 0


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


def test_an_undo_takes_one_shape_away_and_leaves_the_others_as_they_are(controller):
    for label, left in ((1, 5), (2, 8), (3, 11)):
        controller.tools.drawn(volsweep.Box(label=label, slice=4, box_xyxy=(left, 5, left + 4, 9)))
    shapes = controller.layers.shapes
    data, colors = [np.array(each) for each in shapes.data], np.array(shapes.edge_color)
    controller.session.clear_prompts(label=2, slice=4)
    controller.post(Redraw())
    assert len(shapes.data) == 2
    for there, index in zip(shapes.data, (0, 2), strict=True):
        np.testing.assert_array_equal(there, data[index])
    np.testing.assert_allclose(shapes.edge_color, colors[[0, 2]])
    controller.undo()
    controller.undo()
    assert len(shapes.data) == 2
    np.testing.assert_array_equal(shapes.data[1], data[1])
    np.testing.assert_allclose(shapes.edge_color, colors[:2])
    controller.redo()
    np.testing.assert_allclose(shapes.edge_color, colors)
    assert shapes.selected_data == set()
