"""Plane, slice and window: what is on the screen is what the model sees."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_fakes import draw, shown

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.operations.kinds import CopySlice
from volsweep.session.actions import Operate
from volsweep.session.file import ViewState


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


def test_a_window_wider_than_the_sliders_range_widens_it(controller):
    low, high = controller.image.contrast_limits_range
    controller.display.set_window(Window(0, 10_000))
    assert tuple(controller.image.contrast_limits) == (-5000, 5000)
    assert tuple(controller.image.contrast_limits_range) == (min(low, -5000), max(high, 5000))


@pytest.mark.parametrize("plane", list(Plane))
def test_slices_are_those_of_the_plane_and_none_lies_beyond(controller, plane):
    display, grid = controller.display, controller.volume.grid
    display.set_plane(plane)
    count = grid.plane_shape(plane)[0]
    assert display.slices == count
    for asked, there in ((3, 3), (-5, 0), (10_000, count - 1)):
        display.go_to(asked)
        assert display.slice == there
        world = controller.viewer.dims.point[grid.plane_axis(plane)]
        assert world == pytest.approx(there * grid.spacing_zyx_mm[grid.plane_axis(plane)])


def test_another_layers_slices_are_none_of_the_sliders(controller):
    spacing, count = controller.volume.grid.spacing_zyx_mm, controller.volume.shape_zyx[0]
    controller.viewer.add_image(np.zeros((400, 5, 5)), scale=(1, 1, 1))
    first, last, step = controller.viewer.dims.range[0]
    assert (first, last, step) == pytest.approx((0, (count - 1) * spacing[0], spacing[0]))


def test_who_listens_hears_of_slices_and_planes(controller):
    heard = []
    controller.display.slice_changed.connect(heard.append)
    controller.display.plane_changed.connect(lambda: heard.append(controller.display.plane))
    controller.display.go_to(7)
    controller.display.set_plane(Plane.CORONAL)
    assert heard[0] == 7
    assert Plane.CORONAL in heard
    heard.clear()
    controller.display.set_plane(Plane.CORONAL)
    assert heard == [], "it is shown already"


def test_a_view_is_kept_and_comes_back(controller):
    display = controller.display
    draw(controller)
    display.set_plane(Plane.SAGITTAL)
    display.go_to(9)
    display.set_window(Window(30, 90))
    controller.objects.set_hidden(1, True)
    kept = display.view()
    assert (kept.plane, kept.slice, kept.window, kept.hidden) == (Plane.SAGITTAL, 9, (30, 90), (1,))
    assert kept.model == controller.model.id
    display.set_plane(Plane.AXIAL)
    display.set_window(Window(0, 500))
    controller.objects.set_hidden(1, False)
    display.apply(kept)
    assert display.view() == kept
    assert display.window == Window(30, 90)


def test_a_model_that_is_not_on_this_machine_is_told_and_the_present_one_stays(controller, said):
    before = controller.model
    controller.display.apply(ViewState(model="sam2.1-large"))
    assert controller.model is before
    kind, text = next(one for one in said if "sam2.1-large" in one[1])
    assert kind == "warning"
    assert f"Until then {before.id} is used" in text


def test_without_a_volume_there_is_nothing_to_show(controller):
    controller.open(None)
    display = controller.display
    assert (display.window, display.slices, display.slice) == (None, 1, 0)
    display.go_to(3)
    display.set_window(Window(1, 2))
    assert display.view() == ViewState()


def test_as_much_of_a_slice_is_in_view_on_another_canvas_and_the_same_when_it_is_back(controller):
    viewer = controller.viewer
    viewer.canvas.size = (600, 800)
    viewer.reset_view()
    viewer.scene.camera.zoom *= 3
    before = viewer.scene.camera.zoom
    viewer.canvas.size = (600, 400)  # as wide as half of it: the slice, 40 x 38.4 mm, was as high as the canvas
    assert viewer.scene.camera.zoom == pytest.approx(before * (400 / 38.4) / (600 / 40))
    for size in ((590, 520), (0, 0), (300, 900), (600, 800)):
        viewer.canvas.size = size
    assert viewer.scene.camera.zoom == pytest.approx(before)


def test_a_copy_of_a_slice_is_gone_to_when_it_is_there_and_not_where_it_was_refused(controller, said):
    draw(controller)  # on slice 5
    controller.display.go_to(5)
    controller.tools.copy_slice(1)
    assert controller.display.slice == 6
    assert shown(controller)[6].any()
    controller.objects.lock(1, True)
    controller.tools.copy_slice(1)
    assert "error" in [kind for kind, _ in said]
    assert controller.display.slice == 6, "it shows what it showed"
    controller.objects.lock(1, False)
    assert controller.display.slice == 6


def test_whoever_went_elsewhere_while_a_slice_was_copied_stays_there(controller):
    draw(controller)
    controller.display.go_to(5)
    task = CopySlice(plane=controller.display.plane, slice=5, to=6)
    controller.display.go_along(task)
    controller.display.go_to(2)
    controller.post(Operate(label=1, operation=task))
    assert shown(controller)[6].any()
    assert controller.display.slice == 2
