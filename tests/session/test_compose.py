"""Many objects in one label volume."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks, trim
from volsweep.session.compose import compose_slice, compose_volume, label_dtype

GRID = Grid.axis_aligned((6, 20, 30), (3, 1, 1))


def block(index: int, shape: tuple[int, int], rows: slice, columns: slice, logit: float):
    logits = np.full(shape, -9, dtype=np.float32)
    logits[rows, columns] = logit
    return trim(logits, slice=index, shape_yx=shape, iou=0.9, object_score=5)


def axial(index: int, rows: slice, columns: slice, logit: float):
    return block(index, (20, 30), rows, columns, logit)


A = axial(2, slice(2, 10), slice(2, 12), 3.0)
B = axial(2, slice(5, 15), slice(8, 20), 5.0)


@pytest.mark.parametrize(
    ("locked", "winner"), [((), 2), ((1,), 1), ((2,), 2)], ids=["higher score", "first locked", "second locked"]
)
def test_overlap(locked, winner):
    masks = {1: LabelMasks(Plane.AXIAL, {2: A}), 2: LabelMasks(Plane.AXIAL, {2: B})}
    volume = compose_volume(masks, locked, GRID)
    both = A.mask_yx() & B.mask_yx()
    assert both.any()
    assert set(volume[2][both]) == {winner}
    assert set(volume[2][A.mask_yx() & ~both]) == {1}
    assert set(volume[2][B.mask_yx() & ~both]) == {2}
    assert not volume[[0, 1, 3, 4, 5]].any()
    np.testing.assert_array_equal(compose_slice([(1, A, 1 in locked), (2, B, 2 in locked)], (20, 30)), volume[2])


def test_labels_of_different_planes_meet_voxel_by_voxel():
    coronal = block(7, (6, 30), slice(1, 4), slice(0, 25), 4.0)
    masks = {1: LabelMasks(Plane.AXIAL, {2: A}), 2: LabelMasks(Plane.CORONAL, {7: coronal})}
    volume = compose_volume(masks, (), GRID)
    expected = np.zeros(GRID.shape_zyx, int)
    expected[2][A.mask_yx()] = 1
    expected[:, 7][coronal.mask_yx()] = 2  # scores 4 against 3
    np.testing.assert_array_equal(volume, expected)


@pytest.mark.parametrize("seed", range(6))
def test_labels_of_different_planes_are_what_each_voxel_says(seed):
    """Against a voxel-by-voxel oracle, over more slices than are composed at once."""
    rng = np.random.default_rng(seed)
    grid = Grid.axis_aligned((50, 12, 14), (1, 1, 1))
    best, expected = np.zeros(grid.shape_zyx), np.zeros(grid.shape_zyx, int)
    masks = {}
    for label, plane in enumerate((Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL, Plane.AXIAL), start=1):
        count, *shape = grid.plane_shape(plane)
        axis, by_slice = grid.plane_axis(plane), {}
        for index in rng.choice(count, 6, replace=False):
            logits = np.where(rng.random(shape) < 0.2, 1 + rng.random(shape), -3).astype(np.float16).astype(np.float32)
            mask = trim(logits, slice=int(index), shape_yx=tuple(shape), iou=1, object_score=1)
            by_slice[int(index)] = mask
            here = np.moveaxis(best, axis, 0)[index], np.moveaxis(expected, axis, 0)[index]
            wins = logits > here[0]
            here[0][wins], here[1][wins] = logits[wins], label
        masks[label] = LabelMasks(plane, by_slice)
    np.testing.assert_array_equal(compose_volume(masks, (), grid), expected)


def test_lesions_far_apart_in_two_planes_cost_no_more_than_their_labels():
    grid = Grid.axis_aligned((600, 64, 64), (1, 1, 1))
    near = block(3, (64, 64), slice(2, 9), slice(2, 9), 3.0)
    far = block(60, (600, 64), slice(590, 596), slice(50, 60), 3.0)
    masks = {1: LabelMasks(Plane.AXIAL, {3: near}), 2: LabelMasks(Plane.CORONAL, {60: far})}
    tracemalloc.start()
    try:
        labels = compose_volume(masks, (), grid)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (labels[3] == 1).sum() == near.inner.sum()
    assert (labels[:, 60] == 2).sum() == far.inner.sum()
    assert peak < labels.nbytes + 2**20


def test_nothing_drawn_is_an_empty_volume():
    empty = axial(1, slice(0, 0), slice(0, 0), 1)
    assert not compose_volume({}, (), GRID).any()
    assert not compose_volume({4: LabelMasks(Plane.AXIAL, {1: empty})}, (), GRID).any()


@pytest.mark.parametrize(("values", "dtype"), [([], np.uint8), ([1, 255], np.uint8), ([256], np.uint16)])
def test_smallest_integer_type(values, dtype):
    assert label_dtype(values) == dtype


def by(mask, **fields):
    return replace(mask, **fields)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (by(A, interpolated=True, logits=A.logits * 30), B),
        (by(A, logits=A.logits * 9), by(B, drawn=1)),
        (by(A, drawn=3), by(B, drawn=4)),
        (by(A, interpolated=True, logits=A.logits * 30), by(B, drawn=2)),
    ],
    ids=["filled < network", "network < drawn", "drawn < drawn later", "filled < drawn"],
)
def test_precedence_is_explicit(weaker, stronger, order):
    labels = dict(zip(order, (weaker, stronger), strict=True))
    volume = compose_volume({v: LabelMasks(Plane.AXIAL, {2: m}) for v, m in labels.items()}, (), GRID)
    both = A.mask_yx() & B.mask_yx()
    assert set(volume[2][both]) == {order[1]}
    locked = compose_volume({v: LabelMasks(Plane.AXIAL, {2: m}) for v, m in labels.items()}, (order[0],), GRID)
    assert set(locked[2][both]) == {order[0]}


def test_a_long_volume_costs_no_more_than_its_labels():
    grid = Grid.axis_aligned((400, 256, 256))
    ends = {z: block(z, (256, 256), slice(2, 9), slice(2, 9), 3.0) for z in (0, 399)}
    tracemalloc.start()
    volume = compose_volume({1: LabelMasks(Plane.AXIAL, ends)}, (), grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert volume.sum() == 2 * 49
    assert peak < 1.2 * volume.nbytes
