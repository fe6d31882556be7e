"""Layers of prompts: what is drawn on them becomes a prompt, and prompts are drawn on them."""

from __future__ import annotations

import numpy as np
from support.napari_fakes import RECTANGLE, draw, kinds, shown

import volsweep
from volsweep.napari.worker.tasks import Redraw


def test_layers_lie_on_the_volume_in_millimetres(controller, volume):
    for layer in controller.viewer.layers:
        np.testing.assert_allclose(layer.scale, volume.grid.spacing_zyx_mm)
        assert [str(u) for u in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == ("z", "y", "x")
        np.testing.assert_allclose(layer.translate, 0)
    assert [x.name for x in controller.viewer.layers] == ["CT", "Objects", "Boxes and lines", "Points"]


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


def test_a_rectangle_is_a_box_and_a_line_is_a_line(controller):
    draw(controller)
    draw(controller, np.array([[3, 10, 12], [3, 18, 20]], float), "line")
    box, line = controller.state.prompts
    assert (box.kind, box.slice, box.box_xyxy) == ("box", 5, (12, 10, 20, 18))
    assert (line.kind, line.slice, line.line_xyxy) == ("line", 3, (12, 10, 20, 18))
    assert kinds(controller) == ["add_prompts", "add_prompts"]


def test_who_answers_a_click_is_told_before_it_is_drawn_and_it_is_drawn_whether_he_answers_or_not(controller, runner):
    points, drawn = controller.layers.points, []
    controller.tools.choose("point+")
    runner.run = lambda *_: drawn.append(len(points.data))  # busy: nothing comes back
    points.add([5, 10, 12])
    assert drawn == [0], "told first"
    np.testing.assert_allclose(points.data, [[5, 10, 12]])
    assert points.selected_data == set()


def test_a_click_outside_the_image_is_never_drawn(controller, said):
    points, seen = controller.layers.points, []
    points.events.data.connect(lambda event: seen.append(len(points.data)))
    controller.tools.choose("point+")
    points.add([5, 10, 60])
    assert (len(points.data), controller.state.prompts) == (0, ())
    assert not any(seen)
    assert said[-1][0] == "refused"


def test_a_point_is_a_click_of_the_sign_in_hand(controller):
    controller.tools.choose("point+")
    controller.layers.points.add([5, 10, 12])
    controller.tools.choose("point-")
    controller.layers.points.add([5, 11, 13])
    yes, no = controller.state.prompts
    assert (yes.kind, yes.slice, yes.point_xy, yes.positive) == ("point", 5, (12, 10), True)
    assert (no.point_xy, no.positive) == ((13, 11), False)


def test_a_box_moved_is_the_box_moved(controller):
    draw(controller)
    controller.layers.shapes.data = [np.add(RECTANGLE, [0, 3, 2])]
    (box,) = controller.state.prompts
    assert box.box_xyxy == (14, 13, 22, 21)
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)


def test_what_is_deleted_is_taken_back(controller):
    draw(controller)
    controller.layers.shapes.selected_data = {0}
    controller.layers.shapes.remove_selected()
    assert controller.state.prompts == ()
    assert not shown(controller).any()


def test_layers_that_are_taken_off_leave_others_alone(controller):
    mine = controller.viewer.add_points(np.zeros((1, 3)), name="mine")
    controller.layers.remove()
    controller.layers.remove()
    assert [layer.name for layer in controller.viewer.layers] == ["CT", "mine"]
    assert mine in controller.viewer.layers


def test_a_click_that_stands_where_it_was_put_is_not_drawn_again(controller, runner):
    controller.tools.choose("point+")
    late, at_once = [], runner.run
    runner.run = lambda *work: late.append(work)
    controller.layers.points.add([5, 20.1234, 30.4321])
    runner.run = at_once
    at_once(*late[0])
    (point,) = controller.state.prompts
    assert point.point_xy == (30.43, 20.12)
    np.testing.assert_array_equal(controller.layers.points.data, [[5, 20.1234, 30.4321]])
    controller.undo()
    assert len(controller.layers.points.data) == 0
    controller.redo()
    np.testing.assert_array_equal(controller.layers.points.data, [[5, 20.12, 30.43]])


def test_clicks_are_drawn_once_and_the_slider_does_not_ask_how_far_they_reach(controller):
    points, drawn, ranges = controller.layers.points, [], []
    controller.tools.choose("point+")
    points.events.set_data.connect(drawn.append)
    controller.viewer.dims.events.range.connect(ranges.append)
    points.add([5, 10, 12])
    assert len(points.data) == 1
    assert len(drawn) == 1
    with controller.layers._hush():
        points.data = np.array([[5, 10, 12], [90, 10, 12]])  # as a drag takes it beyond the last slice
    assert ranges == []
