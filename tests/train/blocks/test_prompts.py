"""What blocks are prompted with: near the truth, in the right maps, and clicks where something is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.body.spheroid import ELONGATION, SHORT_AXIS
from volsweep.engine.network.body_net import DEPTH, MAPS, SIDE
from volsweep.train.blocks.prompts import click_on_errors, draw_maps, drawn

EVERYWHERE = torch.ones(DEPTH, SIDE, SIDE, dtype=torch.bool)
BOX = np.array([9.0, 10.0, 23.0, 22.0])
LINE = np.array([9.0, 12.0, 23.0, 20.0])


def ball(radius=7.0, centre=(BLOCK_ANCHOR, 16.0, 16.0)):
    z, y, x = np.ogrid[:DEPTH, :SIDE, :SIDE]
    distance = np.hypot(np.hypot(z - centre[0], y + 0.5 - centre[1]), x + 0.5 - centre[2])
    return torch.from_numpy((radius + 0.5 - distance).clip(0, 1).astype(np.float32))


def dice(a, b):
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def planes_of(map_zyx):
    return map_zyx.flatten(1).any(1).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(("kind", "given"), [("box", 2), ("line", 2), ("mask", 1)])
def test_each_kind_fills_its_map_and_the_spheroid(rng, kind, given):
    for _ in range(30):
        maps = draw_maps(rng, kind, BOX if kind == "box" else LINE, ball(), EVERYWHERE)
        assert maps.shape == (MAPS, DEPTH, SIDE, SIDE)
        assert BLOCK_ANCHOR in planes_of(maps[given])
        assert planes_of(maps[2]) == ([] if kind == "mask" else [BLOCK_ANCHOR])
        assert (BLOCK_ANCHOR in planes_of(maps[1])) == (kind == "mask")
        assert not maps[3].any()
        planes = planes_of(maps[0] > 0)
        assert planes[0] + planes[-1] == 2 * BLOCK_ANCHOR
        area = float((maps[0, BLOCK_ANCHOR] > 0).sum())
        expected = {"box": np.pi * 7 * 6, "line": np.pi * SHORT_AXIS * (7**2 + 4**2), "mask": np.pi * 49}[kind]
        assert area == pytest.approx(expected, rel=0.55)
        # A dented mask is less deep than a disc.
        half_axis = ELONGATION * np.sqrt(area / np.pi)
        assert half_axis - (3 if kind == "mask" else 1.1) < planes[-1] - BLOCK_ANCHOR < half_axis + 0.6


def test_boxes_stray_by_a_tenth_at_most_and_often_not_at_all(rng):
    corners = []
    for _ in range(120):
        shape = draw_maps(rng, "box", BOX, ball(), EVERYWHERE)[2, BLOCK_ANCHOR]
        assert set(shape.unique().tolist()) == {-1, 1}
        rows, columns = (shape > 0).any(1).nonzero(), (shape > 0).any(0).nonzero()
        corners.append([int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1])
    off = np.abs(np.array(corners) - BOX)
    assert off.max() <= 0.1 * 14 + 0.5
    assert 0.3 < (off == 0).all(1).mean() < 0.9
    assert np.abs(np.mean(corners, axis=0) - BOX).max() < 0.3


def test_a_mask_is_the_true_one_or_about_it(rng):
    truth = ball()[BLOCK_ANCHOR]
    masks = [drawn(rng, truth) for _ in range(200)]
    near = np.array([dice(mask, truth > 0.5) for mask in masks])
    assert 0.2 < (near == 1).mean() < 0.6
    assert near.min() > 0.5
    assert 0.9 < near.mean() < 0.99
    sizes = np.array([int(mask.sum()) for mask in masks]) / int((truth > 0.5).sum())
    assert (sizes > 1.03).any()
    assert (sizes < 0.97).any()
    assert abs(np.mean(sizes) - 1) < 0.06


def test_a_mask_of_next_to_nothing_stays_and_nothing_stays_nothing(rng):
    dot = torch.zeros(SIDE, SIDE)
    dot[4, 5] = 1
    assert all(drawn(rng, dot).any() for _ in range(30))
    assert not drawn(rng, torch.zeros(SIDE, SIDE)).any()


def test_other_planes_are_corrected_ones_apart_from_each_other(rng):
    covered, known = ball(), EVERYWHERE.clone()
    known[BLOCK_ANCHOR + 4 :] = False
    told, beyond = 0, 0
    for _ in range(150):
        maps = draw_maps(rng, "box", BOX, covered, known)
        planes = planes_of(maps[1])
        told += bool(planes)
        assert len(planes) <= 3
        apart = np.diff(sorted([*planes, BLOCK_ANCHOR]))
        assert (apart >= 2).all()
        for plane in planes:
            assert plane < BLOCK_ANCHOR + 4
            assert set(maps[1, plane].unique().tolist()) <= {-1, 1}
            truth = covered[plane] > 0.5
            if truth.any():
                assert dice(maps[1, plane] > 0, truth) > 0.5
            else:
                beyond += 1
                assert (maps[1, plane] == -1).all()
    assert 0.25 < told / 150 < 0.5
    assert beyond


@pytest.mark.parametrize("positive", [True, False])
def test_a_click_lies_in_what_is_wrong_with_its_sign(rng, positive):
    """One ball is right; of another, half as wide, the network knows nothing, or makes it up."""
    right, other = ball(6, (20, 12, 12)) > 0.5, ball(3, (30, 24, 22)) > 0.5
    truth, found = (right | other, right) if positive else (right, right | other)
    for _ in range(20):
        maps = torch.zeros(1, MAPS, DEPTH, SIDE, SIDE)
        logits = torch.where(found, 3.0, -3.0)[None, None]
        click_on_errors(rng, logits, truth[None], EVERYWHERE[None], maps)
        clicks = maps[0, 3]
        at = clicks.abs().argmax()
        assert clicks.view(-1)[at] == (1 if positive else -1)
        assert other.view(-1)[at]
        assert (clicks >= 0).all() if positive else (clicks <= 0).all()
        # Near its middle, as people click.
        z, y, x = np.unravel_index(int(at), clicks.shape)
        assert np.hypot(np.hypot(z - 30, y + 0.5 - 24), x + 0.5 - 22) < 2


def test_nobody_clicks_where_nothing_is_known_to_be_wrong(rng):
    truth, found = ball(6) > 0.5, ball(6) > 0.5
    found[40:] = True
    known = EVERYWHERE.clone()
    known[40:] = False
    found[3, 3, 3:6] = True  # three voxels
    maps = torch.zeros(1, MAPS, DEPTH, SIDE, SIDE)
    for _ in range(10):
        click_on_errors(rng, torch.where(found, 3.0, -3.0)[None, None], truth[None], known[None], maps)
    assert not maps.any()


def test_the_larger_error_is_clicked_more_often_and_each_block_by_itself(rng):
    large, small = ball(6, (20, 12, 12)) > 0.5, ball(3, (40, 24, 22)) > 0.5
    truth = torch.stack([large | small, large])
    logits = torch.stack([torch.full((1, DEPTH, SIDE, SIDE), -3.0), torch.where(large, 3.0, -3.0)[None]])
    in_large = []
    for _ in range(60):
        maps = torch.zeros(2, MAPS, DEPTH, SIDE, SIDE)
        click_on_errors(rng, logits, truth, EVERYWHERE.expand(2, -1, -1, -1), maps)
        in_large.append(bool(large.view(-1)[maps[0, 3].argmax()]))
        assert not maps[1].any()
    assert 0.8 < np.mean(in_large) < 1


def test_some_clicks_leave_their_slice_known(rng):
    truth = ball(6, (30, 16, 16)) > 0.5
    known = 0
    for _ in range(80):
        maps = torch.zeros(1, MAPS, DEPTH, SIDE, SIDE)
        click_on_errors(rng, torch.full((1, 1, DEPTH, SIDE, SIDE), -3.0), truth[None], EVERYWHERE[None], maps)
        planes = planes_of(maps[0, 1])
        clicked = int(maps[0, 3].flatten(1).amax(1).argmax())
        assert planes in ([], [clicked])
        known += len(planes)
        if planes:
            assert dice(maps[0, 1, clicked] > 0, truth[clicked]) > 0.6
        assert not maps[0, 0].any()
        assert not maps[0, 2].any()
    assert 0.2 < known / 80 < 0.6
