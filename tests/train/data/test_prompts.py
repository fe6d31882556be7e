from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import pdist

from volsweep.geometry import mask_box_xyxy
from volsweep.train.data.prompts import (
    NEGATIVE,
    POSITIVE,
    corrective_click,
    corrective_clicks,
    draw_prompt,
    inner_point,
    jittered_box,
    longest_diameter,
    square_around_line,
)


def _ellipse(shape=(60, 70), centre=(30, 36), radii=(11, 19)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 0.7)])
def test_the_longest_diameter_is_the_largest_distance_of_any_two_voxels(rng, spacing):
    for _ in range(5):
        mask = ndimage.binary_opening(rng.random((24, 26)) < 0.8)
        if not mask.any():
            continue
        x0, y0, x1, y1 = longest_diameter(mask, spacing)
        length = np.hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0])
        assert length == pytest.approx(pdist(np.argwhere(mask) * spacing).max())


def test_diameters_of_masks_too_thin_for_a_hull():
    line = np.zeros((9, 9), bool)
    line[4, 2:7] = True
    assert sorted(longest_diameter(line, (1, 1))[::2]) == [2, 6]
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert longest_diameter(dot, (1, 1)) == (4, 4, 4, 4)


def test_a_square_around_a_line_is_square_in_mm():
    x0, y0, x1, y1 = square_around_line(np.array([[10.0, 10.0], [10.0, 20.0]]), (2.0, 1.0))
    assert ((x1 - x0) * 1.0, (y1 - y0) * 2.0) == (20.0, 20.0)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == (10.0, 15.0)


def test_jitter_is_a_share_of_the_side(rng):
    moved = np.array([jittered_box(rng, (10, 20, 109, 69), 0.1) for _ in range(2000)])
    np.testing.assert_allclose(moved.mean(axis=0), [10, 20, 109, 69], atol=1)
    np.testing.assert_allclose(moved.std(axis=0), [10, 5, 10, 5], rtol=0.1)
    assert jittered_box(rng, (10, 20, 109, 69), 0.0) == (10, 20, 109, 69)


@pytest.mark.parametrize("kind", ["box", "line", "point", "mask"])
def test_every_prompt_is_about_the_object(rng, kind):
    mask = _ellipse()
    for _ in range(30):
        prompt = draw_prompt(rng, mask, (1.0, 1.0), kind)
        x0, _, x1, _ = prompt.extent_xyxy
        tight = mask_box_xyxy(mask)
        assert abs((x0 + x1) / 2 - (tight[0] + tight[2]) / 2) < 10
        for (x, y), label in zip(prompt.points_xy, prompt.kinds, strict=True):
            if label == POSITIVE and kind == "point":
                assert mask[round(y), round(x)]
        if kind == "box":
            assert list(prompt.kinds) == [2, 3]
        if kind == "line":
            assert list(prompt.kinds) == [2, 3, 1]


def test_clicks_go_to_the_middle_of_the_largest_error(rng):
    truth = _ellipse()
    predicted = truth.copy()
    predicted[20:41, 17:30] = False  # a large piece missed
    predicted[5:8, 60:63] = True  # a small one too much
    x, y, kind = corrective_click(rng, predicted, truth, jitter=False)
    assert kind == POSITIVE
    missed = truth & ~predicted
    depth = ndimage.distance_transform_edt(missed)
    assert depth[int(y), int(x)] == depth.max()

    predicted = truth.copy()
    predicted[45:58, 5:25] = True
    x, y, kind = corrective_click(rng, predicted, truth)
    assert kind == NEGATIVE
    assert predicted[int(y), int(x)]
    assert not truth[int(y), int(x)]


def test_clicks_confirm_where_nothing_is_wrong(rng):
    truth = _ellipse()
    x, y, kind = corrective_click(rng, truth, truth)
    assert kind == POSITIVE
    assert truth[int(y), int(x)]
    nothing = np.zeros_like(truth)
    assert corrective_click(rng, nothing, nothing)[2] == NEGATIVE


def test_inner_points_are_deep(rng):
    mask = _ellipse()
    depth = ndimage.distance_transform_edt(mask)
    for _ in range(50):
        x, y = inner_point(rng, mask)
        assert depth[int(y), int(x)] >= 0.5 * depth.max()


def test_clicks_of_a_batch(rng):
    truth = torch.from_numpy(np.stack([_ellipse((32, 32), (16, 16), (8, 8)), np.zeros((32, 32), bool)]))
    logits = torch.full((2, 1, 32, 32), -5.0)
    logits[1, 0, :4, :4] = 5
    points, kinds = corrective_clicks(rng, logits, truth)
    assert points.shape == (2, 1, 2)
    assert kinds[:, 0].tolist() == [POSITIVE, NEGATIVE]
    assert (points[1, 0] < 4).all()
