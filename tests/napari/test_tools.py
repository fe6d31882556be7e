"""What the mouse drew becomes a prompt, and what the session says is what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QSpinBox
from support.napari_fakes import RECTANGLE, draw, shown

import volsweep
from volsweep.geometry import Plane
from volsweep.napari.keys import bindings


def test_a_drawn_box_becomes_a_prompt_and_its_mask_is_shown(controller):
    draw(controller)
    (box,) = controller.state.prompts
    assert (box.slice, box.box_xyxy, box.label) == (5, (12, 10, 20, 18), 1)
    expected = np.zeros_like(shown(controller))
    expected[5, 10:19, 12:21] = 1
    np.testing.assert_array_equal(shown(controller), expected)


def test_a_second_box_on_the_slice_replaces_the_first_on_the_screen_too(controller):
    draw(controller)
    draw(controller, RECTANGLE + np.array([0, 3, 3]))
    assert len(controller.layers.shapes.data) == len(controller.state.prompts) == 1
    controller.undo()
    np.testing.assert_allclose(controller.layers.shapes.data[0], RECTANGLE)
    controller.undo()
    assert len(controller.layers.shapes.data) == 0
    assert not shown(controller).any()


def test_clicks_are_positive_or_negative_as_the_tool_says(controller):
    controller.tools.choose("point+")
    controller.layers.points.add([4, 20, 20])
    controller.tools.choose("point-")
    controller.layers.points.add([4, 20, 22])
    assert [(p.point_xy, p.positive) for p in controller.state.prompts] == [((20, 20), True), ((22, 20), False)]
    assert shown(controller)[4, 20, 18]
    assert not shown(controller)[4, 20, 22]


def test_a_deleted_point_is_taken_back_alone(controller):
    controller.tools.choose("point+")
    controller.layers.points.add([4, 20, 20])
    controller.layers.points.add([4, 30, 30])
    controller.layers.points.selected_data = {0}
    controller.layers.points.remove_selected()
    assert [p.point_xy for p in controller.state.prompts] == [(30, 30)]
    assert not shown(controller)[4, 20, 20]
    controller.undo()
    assert len(controller.layers.points.data) == 2


def test_a_stroke_becomes_a_mask_prompt_of_this_slice_kept_verbatim(controller):
    controller.tools.choose("brush")
    controller.display.go_to(3)
    objects = controller.layers.objects
    objects.brush_size = 1
    objects.paint((3, 8, 9), 1)
    (mask,) = controller.state.prompts
    np.testing.assert_array_equal(np.argwhere(mask.to_array()), np.argwhere(shown(controller)[3]))
    assert mask.slice == 3
    assert mask.to_array().any()
    controller.undo()
    assert not shown(controller).any()


def test_a_stroke_can_not_take_voxels_of_a_locked_object(controller):
    draw(controller)
    controller.objects.lock(1, True)
    controller.objects.select(2)
    controller.tools.choose("brush")
    controller.display.go_to(5)
    controller.layers.objects.brush_size = 5
    with controller.layers.objects.block_history():  # as napari's own mouse does
        controller.layers.objects.paint((5, 14, 12), 2)
    now = shown(controller)[5]
    assert (now[10:19, 12:21] == 1).all()
    assert (now == 2).any()
    draw(controller)  # a prompt for label 2 may come; one for label 1 is refused
    controller.objects.select(1)
    before = controller.state.prompts
    draw(controller)
    assert controller.state.prompts == before
    assert len(controller.layers.shapes.data) == sum(p.kind == "box" for p in before)


@pytest.mark.parametrize(
    "corners",
    [
        [[5, -20, -20], [5, -20, -4], [5, -4, -4], [5, -4, -20]],  # in the margin
        [[5, 10, 47], [5, 10, 80], [5, 18, 80], [5, 18, 47]],  # hardly reaching in
    ],
)
def test_a_box_beside_the_image_is_refused_and_the_good_one_stays(controller, said, corners):
    draw(controller)
    before = controller.state.prompts
    draw(controller, np.array(corners, dtype=float))
    assert controller.state.prompts == before
    assert "outside the image" in said[-1][1]
    assert len(controller.layers.shapes.data) == 1, "what is shown is what counts"
    draw(controller, RECTANGLE - np.array([0, 12, 0]))  # an object at the edge: the box may reach over it
    assert controller.state.prompts[0].box_xyxy == (12, -0.5, 20, 6)


def test_a_click_and_a_line_beside_the_image_are_refused(controller, said):
    controller.tools.choose("point+")
    controller.layers.points.add([4, -3, 20])
    assert controller.state.prompts == ()
    assert len(controller.layers.points.data) == 0
    draw(controller, np.array([[5, 10, 10], [5, 10, 70.0]]), "line")
    assert controller.state.prompts == ()
    assert [text for _, text in said if "outside the image" in text][1:]


def test_a_first_negative_click_says_what_it_means(controller, said):
    controller.tools.choose("point-")
    controller.layers.points.add([4, 20, 20])
    assert "is not on this slice" in said[-1][1]
    said.clear()
    controller.layers.points.add([4, 20, 22])
    assert [text for kind, text in said if kind != "busy"] == []


def test_a_brush_of_three_dimensions_paints_what_is_saved(controller, said, tmp_path):
    objects = controller.layers.objects
    controller.tools.choose("brush")
    controller.display.go_to(5)
    objects.n_edit_dimensions = 3
    assert objects.n_edit_dimensions == 2
    assert "two-dimensional" in said[-1][1]
    objects.brush_size = 7
    objects.paint((5, 20, 20), 1)
    # A stroke that reaches over slices all the same, as by another plugin, is kept on each of them.
    zs, ys, xs = (v.ravel() for v in np.mgrid[2:4, 8:12, 30:36])
    objects.data_setitem((zs, ys, xs), 1)
    assert {p.slice for p in controller.state.prompts} == {2, 3, 5}
    seen = shown(controller).copy()
    controller.save(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volsweep.read_labels(tmp_path / "a.nii.gz").array_zyx, seen)
    assert (seen[2:4, 8:12, 30:36] == 1).all()


def test_a_label_chosen_in_naparis_controls_is_the_object_that_is_painted(controller, tmp_path):
    controller.tools.choose("brush")
    controller.layers.objects.selected_label = 3
    assert controller.objects.label == 3
    controller.layers.objects.paint((5, 20, 20), 3)
    assert {p.label for p in controller.state.prompts} == {3}
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)


def test_a_stroke_in_another_plane_after_a_sweep_counts_and_is_saved(controller, tmp_path):
    draw(controller)
    controller.sweep()
    before = shown(controller).copy()
    controller.tools.choose("brush")
    controller.display.set_plane(Plane.CORONAL)
    controller.display.go_to(30)
    controller.layers.objects.brush_size = 5
    with controller.layers.objects.block_history():  # as napari's own mouse does
        controller.layers.objects.paint((6, 30, 20), 1)
    stroke = (shown(controller)[:, 30] == 1) & (before[:, 30] != 1)
    assert stroke.sum() >= 5
    np.testing.assert_array_equal(np.delete(shown(controller), 30, axis=1), np.delete(before, 30, axis=1))
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    controller.save(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volsweep.read_labels(tmp_path / "a.nii.gz").array_zyx, shown(controller))
    controller.undo()
    np.testing.assert_array_equal(shown(controller), before)


def test_the_slice_on_the_screen_is_told_to_be_an_end_and_taken_back(controller, said):
    draw(controller)
    for index, key in ((3, "["), (7, "]")):
        controller.display.go_to(index)
        bindings(controller, lambda: None)[key]()
    (extent,) = controller.state.extents
    assert (extent.label, extent.ends) == (1, (3, 7))
    bindings(controller, lambda: None)["]"]()
    assert controller.state.extents[0].ends == (3, None)
    controller.undo()
    assert controller.state.extents[0].ends == (3, 7)
    controller.display.go_to(2)
    bindings(controller, lambda: None)["]"]()
    assert controller.state.extents[0].ends == (3, 7)
    assert "cannot end on slice 2" in said[-1][1]


def test_while_one_paints_the_same_keys_change_the_brush(controller):
    draw(controller)
    controller.tools.choose("brush")
    before = controller.layers.objects.brush_size
    bindings(controller, lambda: None)["]"]()
    assert controller.layers.objects.brush_size == before + 1
    assert not controller.state.extents


OUTSIDE_XY = (-14, -14)
"""In the black margin of the small volume."""


@pytest.mark.gui
@pytest.mark.parametrize("tool", ["box", "point+", "point-", "line", "recist", "scribble+", "lasso", "brush", "eraser"])
def test_what_is_drawn_beside_the_image_is_refused_with_a_word(small, tool):
    window, controller = small, small.controller
    controller.objects.select(1)
    before, labels = controller.state, window.labels.copy()
    window.viewer.scene.camera.zoom *= 0.5
    window.settle()
    controller.tools.choose(tool)
    y, x = OUTSIDE_XY
    if tool.startswith("point"):
        window.click((3, y, x))
    elif tool == "recist":  # its long axis lies in the image, but for one end
        window.drag((3, 25, 40), (3, 25, 63.9 + 6))
        window.drag((3, 20, 50), (3, 30, 50))
    elif tool == "lasso":
        window.drag((3, y, x), (3, y, x + 8), (3, y + 8, x + 8), (3, y + 8, x))
    else:
        window.drag((3, y, x), (3, y + 6, x + 8))
    window.idle()
    assert controller.state is before
    np.testing.assert_array_equal(window.labels, labels)
    assert len(controller.layers.points.data) == len(controller.layers.shapes.data) == 0
    assert "holds no voxel" in window.says if tool == "lasso" else "outside the image" in window.says
    controller.tools.choose("brush")  # what was refused is old as soon as something was done
    window.drag((3, 40, 40), (3, 40, 46))
    window.until(lambda: controller.state is not before)
    window.idle()
    window.settle()
    assert "image" not in window.says
    assert "voxel" not in window.says


@pytest.mark.gui
def test_a_stroke_that_leaves_the_image_tells_nothing_of_its_edge(small):
    window, controller = small, small.controller
    controller.objects.select(1)
    controller.tools.choose("scribble+")
    window.viewer.scene.camera.zoom *= 0.5
    window.settle()
    window.drag((3, 10, 10), (3, -12, 10), (3, -12, 30))
    window.idle()
    (stroke,) = [p for p in controller.state.prompts if p.kind == "scribble"]
    assert stroke.points_xy()[:, 0].max() < 11
    assert stroke.points_xy()[:, 1].min() > -0.52


@pytest.mark.gui
def test_a_brush_of_three_dimensions_saves_what_is_shown(small, tmp_path):
    window, controller = small, small.controller
    objects = controller.layers.objects
    controller.tools.choose("brush")
    controls = window.viewer.window._qt_viewer.controls.widgets[objects]
    spin = next(s for s in controls.findChildren(QSpinBox) if s.maximum() == 3 and s.value() == 2)
    spin.setValue(3)
    assert "two-dimensional" in window.says
    assert objects.n_edit_dimensions == 2
    controller.objects.select(1)
    window.drag((3, 40, 12), (3, 44, 20))
    objects.mode = "fill"
    controller.objects.select(2)
    window.click((3, 42, 16))
    window.idle()
    assert window.slices_with == [3]
    seen = window.labels.copy()
    controller.save(tmp_path / "a.nii.gz")
    window.idle()
    np.testing.assert_array_equal(volsweep.read_labels(tmp_path / "a.nii.gz").array_zyx, seen)
