"""A second look at the layers of a viewer: the same memory, in step, and let go when it is closed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from volsweep.napari.canvas.mirror import Mirror


@pytest.fixture
def source(rng) -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(rng.normal(size=(5, 20, 30)), scale=(4, 1, 2), contrast_limits=(-1, 1), name="CT")
    viewer.add_labels(np.zeros((5, 20, 30), dtype=np.uint16), scale=(4, 1, 2), name="Objects")
    viewer.add_points(np.zeros((1, 3)), name="Points")
    return viewer


def names(mirror: Mirror) -> list[str]:
    return [layer.name for layer in mirror.model.layers]


def test_volumes_and_labels_are_shown_from_the_same_memory(source):
    mirror = Mirror(source)
    assert names(mirror) == ["CT", "Objects"]
    for layer in mirror.model.layers:
        assert np.shares_memory(layer.data, source.layers[layer.name].data)
        np.testing.assert_allclose(layer.scale, (4, 1, 2))


def test_what_is_added_changed_moved_or_removed_later_follows(source):
    mirror = Mirror(source)
    more = source.add_image(np.ones((5, 20, 30)), scale=(4, 1, 2), name="MR")
    assert names(mirror) == ["CT", "Objects", "MR"]
    source.layers.move(source.layers.index(more), 0)
    assert names(mirror) == ["MR", "CT", "Objects"]
    source.layers["CT"].contrast_limits = (-50, 300)
    source.layers["Objects"].opacity = 0.3
    more.visible = False
    assert tuple(mirror.model.layers["CT"].contrast_limits) == (-50, 300)
    assert mirror.model.layers["Objects"].opacity == 0.3
    source.layers["Objects"].contour = 1
    assert mirror.model.layers["Objects"].contour == 1
    assert not mirror.model.layers["MR"].visible
    source.layers.remove("MR")
    assert names(mirror) == ["CT", "Objects"]


def test_strokes_are_seen_at_once(source):
    mirror = Mirror(source)
    copy = mirror.model.layers["Objects"]
    mirror.model.dims.order = (1, 0, 2)
    mirror.model.dims.set_current_step(1, 7)
    source.layers["Objects"].brush_size = 1
    source.layers["Objects"].paint((2, 7, 9), 3)
    assert np.asarray(copy._slice.image.raw)[2, 9] == 3


def test_a_closed_mirror_follows_no_more_and_is_let_go(source):
    mirror = Mirror(source)
    image = mirror.model.layers["CT"]
    mirror.close()
    assert names(mirror) == []
    source.layers["CT"].contrast_limits = (-3, 3)
    assert tuple(image.contrast_limits) == (-1, 1)
    gone = weakref.ref(image)
    del mirror, image
    gc.collect()
    assert gone() is None
