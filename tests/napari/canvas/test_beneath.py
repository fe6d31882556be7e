"""Objects that overlap on the canvas: each is whole for the brush, and seen through the others."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_window import paint

TUMOUR, NECROSIS, ACROSS = np.s_[10:30, 10:30], np.s_[15:20, 15:20], np.s_[25:40, 20:40]


def square(where, shape=(48, 64)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[where] = True
    return mask


@pytest.fixture
def nested(small):
    """A tumour, and its necrosis that lies over it."""
    window, controller = small, small.controller
    paint(window, 1, TUMOUR)
    controller.objects.let_overlap(1, True)
    controller.objects.let_overlap(2, True)
    paint(window, 2, NECROSIS)
    window.idle()
    return window


def held(window, label: int) -> np.ndarray:
    return window.controller.session.objects.mask_zyx(label)[3]


@pytest.mark.gui
def test_both_are_seen_and_both_are_whole(nested):
    controller = nested.controller
    shape = nested.labels.shape[1:]
    np.testing.assert_array_equal(held(nested, 1), square(TUMOUR, shape))
    np.testing.assert_array_equal(held(nested, 2), square(NECROSIS, shape))
    np.testing.assert_array_equal(nested.labels[3] == 2, square(NECROSIS, shape))
    under = controller.layers.beneath.layers[0]
    np.testing.assert_array_equal(under.data[3] == 1, square(NECROSIS, shape))
    layers = controller.viewer.layers
    assert layers.index(under) < layers.index(controller.layers.objects)
    assert under.colormap is controller.layers.objects.colormap
    controller.layers.objects.visible = False
    assert not under.visible


@pytest.mark.gui
def test_a_stroke_of_the_lower_one_keeps_what_lies_beneath_and_undo_brings_all_back(nested):
    controller = nested.controller
    shape = nested.labels.shape[1:]
    controller.objects.select(1)
    controller.layers.objects.brush_size = 1
    controller.layers.objects.paint((3, 31, 12), 1)
    nested.idle()
    stroke = square(np.s_[31:32, 12:13], shape)
    np.testing.assert_array_equal(held(nested, 1), square(TUMOUR, shape) | stroke)
    np.testing.assert_array_equal(held(nested, 2), square(NECROSIS, shape))
    controller.undo()
    nested.idle()
    np.testing.assert_array_equal(held(nested, 1), square(TUMOUR, shape))
    controller.layers.objects.paint((3, 16, 16), 0)
    nested.idle()
    np.testing.assert_array_equal(held(nested, 1), square(TUMOUR, shape) & ~square(np.s_[16:17, 16:17], shape))
    np.testing.assert_array_equal(held(nested, 2), square(NECROSIS, shape))
    controller.undo()
    nested.idle()
    for _ in range(2):  # the necrosis is painted before it may overlap: its stroke, then its switch
        controller.undo()
        nested.idle()
    assert not controller.layers.beneath.layers[0].data.any()


@pytest.mark.gui
def test_an_object_inside_another_is_clipped_as_it_is_drawn(nested):
    controller = nested.controller
    controller.objects.relate(2, inside=1)
    paint(nested, 2, ACROSS)
    nested.idle()
    shape = nested.labels.shape[1:]
    np.testing.assert_array_equal(held(nested, 2), square(ACROSS, shape) & square(TUMOUR, shape))
    np.testing.assert_array_equal(nested.labels[3] == 2, held(nested, 2))
    assert controller.state.labels[2].inside == 1
    sizes = nested.controller.opened.sizes
    assert sizes[1].voxels == square(TUMOUR, shape).sum()
    assert sizes[2].voxels == held(nested, 2).sum()
