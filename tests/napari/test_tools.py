"""What the mouse drew becomes a prompt, and what the session says is what is shown."""

from __future__ import annotations

import numpy as np
from support.napari_fakes import RECTANGLE, draw, shown


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
