"""From masks to surfaces: closed, outward, where the object lies, with its volume."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io.overlaps import Objects
from volsweep.surfaces import surface_of
from volsweep.volume import Label, LabelVolume

SHAPE = (20, 44, 50)
TURN = np.array([[0.8, 0, -0.6], [0.36, 0.8, 0.48], [0.48, -0.6, 0.64]])
MIDDLE, RADIUS = np.array([9.3, 21.0, 24.5]), 15.0


def grid(sign: int = 1) -> Grid:
    """Oblique, slices thrice as far apart as columns; `sign` mirrors it, as rows counted from the other end do."""
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag([2.4, 0.9 * sign, 0.8])
    affine[:3, 3] = (-50, 12, 300)
    return Grid(SHAPE, affine)


def ball(on: Grid) -> LabelVolume:
    points = on.to_lps_mm(np.indices(SHAPE).reshape(3, -1).T.astype(float))
    inside = np.linalg.norm(points - on.to_lps_mm(MIDDLE[None]), axis=1) <= RADIUS
    return LabelVolume(inside.reshape(SHAPE).astype(np.uint16) * 7, on, {7: Label("ball", "#ffffff")})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_ball_is_a_closed_ball_in_its_place(sign):
    labels = ball(grid(sign))
    made = surface_of(labels, 7)
    away = np.linalg.norm(made.points_mm - labels.grid.to_lps_mm(MIDDLE[None]), axis=1)
    assert np.abs(away - RADIUS).max() < 1.2, "half a slice is 1.2 mm"
    assert made.volume_ml == pytest.approx(4 / 3 * np.pi * RADIUS**3 / 1000, rel=0.02)
    assert made.name == "ball"
    edges = np.sort(np.concatenate([made.triangles[:, p] for p in ([0, 1], [1, 2], [2, 0])]), axis=1)
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}, "every edge has two triangles"
    a, b, c = (made.points_mm[made.triangles[:, i]] for i in range(3))
    outwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), a - labels.grid.to_lps_mm(MIDDLE[None]))
    assert (outwards > 0).mean() > 0.999


def test_smoothing_takes_steps_away_and_no_volume():
    labels = ball(grid())
    rough, smooth = surface_of(labels, 7, smoothing=0), surface_of(labels, 7, smoothing=30)
    middle = labels.grid.to_lps_mm(MIDDLE[None])
    spread = [np.linalg.norm(one.points_mm - middle, axis=1).std() for one in (rough, smooth)]
    assert spread[1] < 0.6 * spread[0]
    assert smooth.volume_ml == pytest.approx(rough.volume_ml, rel=0.02)


def test_an_object_at_the_volumes_ends_is_closed_half_a_slice_beyond():
    block = Grid.axis_aligned((4, 5, 6), (3.0, 2.0, 1.0))
    made = surface_of(LabelVolume(np.ones((4, 5, 6), np.uint8), block, {}), 1, smoothing=0)
    np.testing.assert_allclose(made.points_mm.min(axis=0), (-0.5, -1.0, -1.5))
    np.testing.assert_allclose(made.points_mm.max(axis=0), (5.5, 9.0, 10.5))


def test_slices_keep_their_uneven_places():
    origins = np.array([[0, 0, z] for z in (0, 1, 2, 8, 9)], dtype=float)
    affine = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [9 / 4, 0, 0, 0], [0, 0, 0, 1]], dtype=float)
    uneven = Grid((5, 6, 6), affine, origins)
    array = np.zeros((5, 6, 6), np.uint8)
    array[2:4, 2:4, 2:4] = 1
    made = surface_of(LabelVolume(array, uneven, {}), 1, smoothing=0)
    assert (made.points_mm[:, 2].min(), made.points_mm[:, 2].max()) == (pytest.approx(1.5), pytest.approx(8.5))


def test_a_number_that_nothing_has():
    with pytest.raises(InputError, match="no voxel has the label 3; there are 7"):
        surface_of(ball(grid()), 3)


def test_an_object_is_whole_also_where_a_smaller_one_lies_in_it():
    labels = ball(grid())
    core = np.zeros(SHAPE, np.uint16)
    core[8:11, 18:24, 20:28] = 1
    inner = LabelVolume(core, labels.grid, {1: Label("core", "#000000")})
    both = Objects(labels.grid, [*Objects.of(labels).found, *Objects.of(inner).found])
    alone, whole = surface_of(labels, 7), surface_of(both, 7)
    np.testing.assert_array_equal(whole.points_mm, alone.points_mm)
    np.testing.assert_array_equal(whole.triangles, alone.triangles)
    assert surface_of(both, 1).volume_ml < 0.1 * whole.volume_ml
