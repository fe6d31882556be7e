"""Outlines and fills: what is traced fills to itself, and others fill it alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from volsweep.io.contours import fill, trace, unite


def blobs(rng: np.random.Generator, smooth: float, share: float, shape=(41, 53)) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.random(shape), smooth)
    return noise > np.quantile(noise, 1 - share)


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("smooth", [0.0, 0.6, 2.0])
def test_tracing_and_filling_gives_the_mask_back(rng, smooth, share):
    for _ in range(5):
        mask = blobs(rng, smooth, share)
        outlines = trace(mask)
        assert np.array_equal(fill(outlines, mask.shape), mask)
        assert len(outlines) == ndimage.label(mask)[1]  # one polygon per 4-connected piece, holes within


def test_it_survives_an_oblique_transform_rounded_as_in_a_file(rng):
    for _ in range(20):
        mask = blobs(rng, 1.0, 0.6)
        turn, _ = np.linalg.qr(rng.normal(size=(2, 2)))
        turn, shift = turn * 0.37, rng.normal(size=2) * 300
        there = [np.round(outline @ turn.T + shift, 6) for outline in trace(mask)]
        back = [(outline - shift) @ np.linalg.inv(turn).T for outline in there]
        assert np.array_equal(fill(back, mask.shape), mask)


def test_outlines_lie_half_a_pixel_from_the_centres_as_marching_squares_do(rng):
    mask = ndimage.binary_fill_holes(blobs(rng, 3.0, 0.3))
    mask = ndimage.binary_opening(mask, np.ones((3, 3)))  # no corners that only touch
    ours = {tuple(v) for outline in trace(mask) for v in outline.tolist()}
    theirs = {(x, y) for c in find_contours(np.pad(mask, 1).astype(float), 0.5) for y, x in (c - 1).tolist()}
    assert ours <= theirs  # they keep the vertices on straight stretches


def test_holes_within_islands_within_holes():
    y, x = np.indices((60, 60))
    ring = np.hypot(y - 30, x - 30)
    mask = (ring < 28) & (ring > 18) | (ring < 12) & (ring > 5) | (ring < 2)
    outlines = trace(mask)
    assert len(outlines) == 3
    assert np.array_equal(fill(outlines, mask.shape), mask)
    # A reader that joins polygons instead of taking the even-odd rule sees the same: holes are keyholes.
    union = np.any([fill([outline], mask.shape) for outline in outlines], axis=0)
    assert np.array_equal(union, mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_slices_of_one_row_or_column(shape):
    mask = np.ones(shape, dtype=bool)
    assert np.array_equal(fill(trace(mask), shape), mask)
    assert trace(np.zeros(shape, dtype=bool)) == []


def test_fill_agrees_with_skimage_on_polygons_of_any_shape(rng):
    for _ in range(30):
        star = rng.uniform(2.03, 27.01, size=(9, 2))  # self-crossing: even-odd
        ours, theirs = fill([star], (30, 30)), polygon2mask((30, 30), star[:, ::-1])
        assert np.count_nonzero(ours != theirs) <= 1


def test_polygons_that_reach_beyond_the_slice_are_cut():
    box = [[-50, -50], [4.5, -50], [4.5, 1000], [-50, 1000]]
    filled = fill([box], (8, 8))
    assert filled[:, :5].all()
    assert not filled[:, 5:].any()
    assert not fill([[[20, 2], [30, 2], [30, 5]]], (8, 8)).any()


def test_contours_within_contours_are_holes():
    outer, inner = [[0.5, 0.5], [8.5, 0.5], [8.5, 8.5], [0.5, 8.5]], [[3.5, 3.5], [5.5, 3.5], [5.5, 5.5], [3.5, 5.5]]
    assert fill([outer, inner], (10, 10)).sum() == 64 - 4


def rectangle(left: float, top: float, width: int, height: int) -> np.ndarray:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - 0.5


@pytest.mark.parametrize(
    ("others", "voxels"),
    [
        ([rectangle(5, 5, 14, 14)], 196),  # doubled
        ([np.roll(rectangle(5, 5, 14, 14), 2, axis=0)[::-1]], 196),  # with another first point and direction
        ([rectangle(5, 5, 14, 14) + 0.001], 196),
        ([rectangle(12, 12, 16, 14)], 196 + 224 - 49),  # overlapping
        ([rectangle(9, 9, 6, 6)], 160),  # a hole
        ([rectangle(5, 9, 6, 6)], 160),  # that shares an edge
        ([rectangle(9, 9, 6, 6), rectangle(9, 9, 6, 6)], 160),  # a hole, doubled
        ([rectangle(9, 9, 6, 6), rectangle(11, 11, 2, 2)], 164),  # an island in it
        ([rectangle(5, 5, 14, 14), rectangle(9, 9, 6, 6)], 160),  # a doubled outline with a hole
        ([rectangle(9, 9, 6, 6), rectangle(12, 12, 16, 14)], 196 - 36 + 9 + 224 - 49),  # a hole that another fills
        ([rectangle(25, 25, 3, 3)], 205),  # apart
        ([rectangle(17.4, 9, 2, 2)], 196),  # sticks out by less than a pixel: no hole
    ],
)
def test_contours_of_one_object_are_united(others, voxels):
    for outlines in ([rectangle(5, 5, 14, 14), *others], [*others[::-1], rectangle(5, 5, 14, 14)]):
        assert int(unite(outlines, (40, 40)).sum()) == voxels


def test_holes_as_contours_of_their_own_are_holes_at_any_depth(rng):
    for _ in range(10):
        mask = blobs(rng, 1.5, 0.6)
        outlines, rest = [], mask
        while rest.any():  # the outline of the object, of its holes, of the islands in them, ...
            filled = ndimage.binary_fill_holes(rest)
            outlines += trace(filled)
            rest = filled & ~rest
        assert np.array_equal(unite(outlines, mask.shape), mask)


def test_keyholes_are_holes_by_themselves(rng):
    for _ in range(10):
        mask = blobs(rng, 1.0, 0.3)
        assert np.array_equal(unite(trace(mask), mask.shape), mask)
    assert not unite([], (4, 5)).any()


@pytest.mark.parametrize("vertices", [60, 61, 97, 200])
def test_a_contour_drawn_twice_in_other_points_changes_nothing(vertices: int) -> None:
    """What a second program made of it is no hole of a fraction of a pixel's width."""

    def circle(count: int, radius: float) -> np.ndarray:
        turn = 2 * np.pi * np.arange(count) / count
        return np.stack([20.3 + radius * np.cos(turn), 20.1 + radius * np.sin(turn)], axis=1)

    once = unite([circle(vertices, 9)], (41, 41))
    for again in (circle(60, 9), circle(60, 9.2), circle(vertices, 8.8).round(1), circle(vertices, 9)[::-1]):
        twice = unite([circle(vertices, 9), again], (41, 41))
        assert np.array_equal(twice, once | fill([again], (41, 41)))
    ring = unite([circle(vertices, 9), circle(60, 7.5)], (41, 41))  # a wall of one and a half pixels is one
    assert np.array_equal(ring, once & ~fill([circle(60, 7.5)], (41, 41)))
