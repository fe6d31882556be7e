"""Rulers and angles of a volume: no prompts, undone in order with them, kept with the volume and its session."""

from __future__ import annotations

import numpy as np
from napari.layers import Layer
from support.napari_fakes import draw, kinds

from volsweep.geometry import Grid, Plane
from volsweep.napari.canvas.layers import image_layer
from volsweep.volume import Volume

ACROSS = np.array([[5.0, 10.0, 10.0], [5.0, 10.0, 20.0]])  # 10 voxels of 0.8 mm
DOWN = np.array([[5.0, 10.0, 20.0], [5.0, 14.0, 20.0]])


def ruler(controller):
    controller.display.go_to(5)
    controller.tools.choose("ruler")
    controller.tools.stroked([ACROSS])


def shown_words(controller) -> list[str]:
    return [w for x in controller.viewer.layers if x.name == "Measurements" for w in x.features["words"]]


def test_a_ruler_is_no_prompt_and_says_its_length(controller, said):
    ruler(controller)
    assert said[-1] == ("info", "Ruler: 8.0 mm.")
    assert shown_words(controller) == ["8.0 mm"]
    assert kinds(controller) == []
    controller.tools.choose("angle")
    assert controller.tools.lengths_of([ACROSS]) == "8.0 mm"
    assert controller.tools.lengths_of([ACROSS, DOWN]) == "90.0°"
    controller.tools.stroked([ACROSS, DOWN])
    assert shown_words(controller) == ["8.0 mm", "90.0°"]
    controller.tools.stroked([ACROSS, ACROSS[[1, 1]]])
    assert said[-1][1].startswith("A measured angle needs points that differ")
    assert len(controller.measures.items) == 2


def test_undo_takes_back_what_was_done_last_whatever_it_was(controller):
    draw(controller)
    ruler(controller)
    draw(controller, np.array([[5, 20, 12], [5, 20, 20], [5, 28, 20], [5, 28, 12]], dtype=float))
    before = controller.state.prompts
    controller.undo()
    assert controller.state.prompts != before
    assert len(controller.measures.items) == 1
    controller.undo()
    assert controller.measures.items == ()
    assert len(controller.state.prompts) == 1
    controller.undo()
    assert controller.state.prompts == ()
    for _ in range(3):
        controller.redo()
    assert controller.state.prompts == before
    assert len(controller.measures.items) == 1


def test_deleted_one_by_one_and_with_the_layer(controller):
    ruler(controller)
    controller.tools.stroked([DOWN])
    controller.measures.remove(controller.measures.items[0])
    assert shown_words(controller) == ["4.0 mm"]
    controller.viewer.layers.remove("Measurements")
    assert controller.measures.items == ()
    controller.undo()
    assert shown_words(controller) == ["4.0 mm"]


def test_they_stay_with_their_volume_and_its_view(controller):
    ruler(controller)
    first = controller.image
    grid = Grid.axis_aligned((6, 20, 20), (2, 1, 1))
    controller.viewer.layers.append(Layer.create(*image_layer(Volume(np.zeros(grid.shape_zyx, np.int16), grid), "MR")))
    controller.open(controller.viewer.layers["MR"])
    assert shown_words(controller) == []
    controller.open(first)
    assert shown_words(controller) == ["8.0 mm"]
    view = controller.display.view()
    assert view.measures == controller.measures.items
    controller.measures.clear()
    controller.measures.restore(view.measures)
    assert shown_words(controller) == ["8.0 mm"]
    controller.display.set_plane(Plane.CORONAL)
    assert shown_words(controller) == []
    controller.measures.go_to(view.measures[0])
    assert (controller.display.plane, controller.display.slice) == (Plane.AXIAL, 5)
    assert shown_words(controller) == ["8.0 mm"]
