"""What the refiner is told of prompts."""

from __future__ import annotations

import numpy as np
import torch

from volsweep.engine.body.refiner_maps import OnPlane, add_before, add_click
from volsweep.engine.body.space import PIXELS_PER_PLANE, PLANES_ANCHOR
from volsweep.engine.network.refiner import BEFORE, DEPTH, DRAWN, ELLIPSOID, ENDS, NEGATIVE, OUT, POSITIVE, SIDE

EDGES = np.array([28.0, 38.0, 68.0, 58.0])
"""A box 40 x 20 pixels around the middle of a window of 96."""


def test_a_box_is_told_on_its_plane_and_as_an_ellipsoid():
    maps = OnPlane.box(EDGES).first_maps(torch.ones(DEPTH, OUT, OUT))
    inside = torch.zeros(OUT, OUT, dtype=torch.bool)
    inside[19:29, 14:34] = True
    assert (maps[DRAWN, PLANES_ANCHOR][inside] == 1).all()
    assert (maps[DRAWN, PLANES_ANCHOR][~inside] == -1).all()
    assert maps[DRAWN].flatten(1).any(1).sum() == 1
    planes = torch.nonzero((maps[ELLIPSOID] > 0).flatten(1).any(1)).flatten() - PLANES_ANCHOR
    assert planes.max() == -planes.min() == int(1.4 * 20 / PIXELS_PER_PLANE)
    assert not maps[ENDS].any()


def test_told_ends_bound_the_ellipsoid_each_on_its_side():
    maps = OnPlane.box(EDGES).first_maps(torch.ones(DEPTH, OUT, OUT), ends=(-2.0, None))
    planes = torch.nonzero((maps[ELLIPSOID] > 0).flatten(1).any(1)).flatten() - PLANES_ANCHOR
    assert (planes.min(), planes.max()) == (-2, 5)
    told = maps[ENDS, :, 0, 0]
    assert (told[: PLANES_ANCHOR - 2] == -1).all()
    assert (told[PLANES_ANCHOR - 2 : PLANES_ANCHOR + 1] == 1).all()
    assert (told[PLANES_ANCHOR + 1 :] == 0).all()


def test_a_line_says_nothing_of_what_is_beside_it():
    told = OnPlane.line(np.array([30.0, 48.0, 66.0, 48.0])).map_yx
    assert set(told.unique().tolist()) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert told[23:25, 15:33].min() > 0
    assert told[:20].max() == told[28:].max() == 0


def test_an_empty_mask_says_that_the_object_is_not_there():
    assert (OnPlane.mask(np.zeros((SIDE, SIDE), bool)).map_yx == -1).all()


def test_a_click_is_told_where_it_was_and_of_its_sign():
    maps = OnPlane.box(EDGES).first_maps(torch.ones(DEPTH, OUT, OUT))
    add_click(maps, (12.0, 41.0, 61.0), positive=False)
    assert not maps[POSITIVE].any()
    assert np.unravel_index(int(maps[NEGATIVE].argmax()), (DEPTH, OUT, OUT)) == (12, 20, 30)
    assert maps[NEGATIVE].max() == 1
    add_before(maps, torch.full((DEPTH, OUT, OUT), 40.0))
    assert maps[BEFORE].min() > 0.99
