"""Operations as values: in a block of the volume they do what the functions do in all of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from volsweep import operations
from volsweep.geometry import Grid, Plane
from volsweep.operations import kinds
from volsweep.volume import Volume

GRID = Grid.axis_aligned((14, 40, 36), (2.5, 1, 1.2))
VOLUME = Volume(np.random.default_rng(8).integers(0, 100, GRID.shape_zyx).astype(np.int16), GRID, "CT")


def mask(seed: int) -> np.ndarray:
    out = np.zeros(GRID.shape_zyx, bool)
    out[4:8, 16:24, 14:22] = np.random.default_rng(seed).random((4, 8, 8)) < 0.7
    out[5] &= seed != 1
    return out


A, B = mask(1), mask(2)


def copied() -> np.ndarray:
    out = A.copy()
    out[9] = A[6]
    return out


EVERY: dict[kinds.Operation, Callable[[], list[np.ndarray]]] = {
    kinds.Grow(mm=3): lambda: [operations.grow(A, GRID, 3)],
    kinds.Shrink(mm=1): lambda: [operations.shrink(A, GRID, 1)],
    kinds.Smooth(mm=2): lambda: [operations.smooth(A, GRID, 2)],
    kinds.FillHoles(): lambda: [operations.fill_holes(A, GRID)],
    kinds.FillHoles(plane=Plane.SAGITTAL): lambda: [operations.fill_holes(A, GRID, Plane.SAGITTAL)],
    kinds.KeepLargest(): lambda: [operations.keep_largest(A, GRID)],
    kinds.SplitIslands(min_ml=0.01): lambda: operations.split_islands(A, GRID, 0.01),
    kinds.FillBetween(): lambda: [operations.fill_between(A, GRID)],
    kinds.CopySlice(plane=Plane.AXIAL, slice=6, to=9): lambda: [copied()],
    kinds.Union(labels=(2,)): lambda: [A | B],
    kinds.Subtract(labels=(2,)): lambda: [A & ~B],
    kinds.Intersect(labels=(2,)): lambda: [A & B],
    kinds.WithinRange(low=20, high=70): lambda: [operations.within_range(A, VOLUME, 20, 70)],
    kinds.GrowRegion(low=0, high=60, mm=5): lambda: [operations.grow_region(A, VOLUME, 0, 60, 5)],
}


@pytest.mark.parametrize("operation", EVERY, ids=lambda o: o.kind)
def test_a_block_is_enough(operation):
    expected = EVERY[operation]()
    margin = operation.margin_zyx(GRID)
    there = np.argwhere(A | B)
    block = tuple(
        slice(max(a - m, 0), min(b + 1 + m, n))
        for a, b, m, n in zip(there.min(axis=0), there.max(axis=0), margin, GRID.shape_zyx, strict=True)
    )
    part = Volume(VOLUME.array_zyx[block], GRID.block(block), "CT")
    scene = kinds.Scene(A[block], {2: B[block]}, part, tuple(s.start for s in block))
    found = operation.apply(scene)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        whole = np.zeros(GRID.shape_zyx, bool)
        whole[block] = one
        np.testing.assert_array_equal(whole, other)
    assert operation.doing
    assert operation.others == ((2,) if operation.kind in ("union", "subtract", "intersect") else ())


@pytest.mark.parametrize("operation", EVERY, ids=lambda o: o.kind)
def test_what_is_written_is_read_with_every_default(operation):
    adapter = TypeAdapter(kinds.Operation)
    written = adapter.dump_json(operation)
    assert adapter.validate_json(written) == operation
    for name in type(operation).model_fields:
        assert f'"{name}"' in written.decode()


@pytest.mark.parametrize("wrong", [{"kind": "grow", "mm": 0}, {"kind": "grow", "mm": "nan"}, {"kind": "melt"}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(kinds.Operation).validate_python(wrong)
