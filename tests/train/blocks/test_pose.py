"""Blocks lie where they should: planes, windows and boxes against the geometry of ellipsoids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.body.space import BLOCK_ANCHOR, BLOCK_ZOOM
from volsweep.engine.body.spheroid import SHORT_AXIS
from volsweep.engine.network.body_net import DEPTH, FINE, SIDE
from volsweep.train.blocks.pose import BODY_NET, PER_PLANE, Pose, bent, draw_pose, measured
from volsweep.train.blocks.source import BlockSource

RADIUS_MM = 14.0
SPACING = (2.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def ball():
    case = ellipsoid_case((RADIUS_MM,) * 3, SPACING)
    return BlockSource.of(case, case.targets[0])


def middle_mm(source):
    """The ball's middle, from the first voxel's middle."""
    return (np.argwhere(source.coverage_zyx > 127).mean(0)) * source.spacing_zyx_mm


def poses(rng, source, count, line=False):
    found = [draw_pose(rng, source, line) for _ in range(count)]
    return [pose for pose in found if pose is not None]


def block_mm(pose, grid, spacing):
    """Samples as places in the block, mm from its middle on the prompted slice."""
    origin = np.array([pose.index * spacing[0], *pose.centre_mm])
    return (grid.numpy() * spacing - origin) @ np.linalg.inv(pose.matrix).T


def test_samples_are_the_blocks_whatever_the_pose(rng, ball):
    """Two layers a plane and FINE x FINE pixels, centred on the prompted slice and the window's middle."""
    for pose in poses(rng, ball, 8):
        spacing = np.array(ball.spacing_zyx_mm)[list(pose.order())]
        places = block_mm(pose, pose.grid(spacing, BODY_NET), spacing)
        assert places.shape == (DEPTH * PER_PLANE, FINE, FINE, 3)
        planes = places.reshape(DEPTH, PER_PLANE, FINE, FINE, 3).mean(1)
        voxel = pose.side_mm / SIDE
        along = ((np.arange(FINE) + 0.5) / FINE - 0.5) * pose.side_mm
        expected = np.meshgrid((np.arange(DEPTH) - BLOCK_ANCHOR) * voxel, along, along, indexing="ij")
        np.testing.assert_allclose(planes, np.stack(expected, -1), atol=0.01)
        layers = places[:, 0, 0, 0]
        np.testing.assert_allclose(np.diff(layers), voxel / PER_PLANE, atol=0.01)


@pytest.mark.parametrize("line", [False, True])
def test_windows_are_about_2_2_times_what_is_prompted(rng, ball, line):
    """The ball's section on the prompted slice, seen through a pose that turns and stretches it."""
    zooms, offsets = [], []
    for pose in poses(rng, ball, 120, line):
        spacing = np.array(ball.spacing_zyx_mm)[list(pose.order())]
        middle = middle_mm(ball)[list(pose.order())]
        squared = RADIUS_MM**2 - (pose.index * spacing[0] - middle[0]) ** 2
        back = np.linalg.inv(pose.matrix[1:, 1:])
        # The section is a disc of the source: an ellipse of the block.
        halves = np.sqrt(squared * np.diag(back @ back.T))
        longest = np.sqrt(squared * np.linalg.eigvalsh(back @ back.T)[-1])
        # Along a line the box of its ellipse is between its length, as aslant, and SHORT_AXIS of it.
        low, high = (longest * np.sqrt((1 + SHORT_AXIS**2) / 2), longest) if line else (halves.max(),) * 2
        zooms.append((pose.side_mm / 2 / high, pose.side_mm / 2 / low))
        offsets.append((back @ (middle[1:] - pose.centre_mm)) / pose.side_mm)
    low, high = np.median(zooms, axis=0)
    assert low < BLOCK_ZOOM * 1.05
    assert high > BLOCK_ZOOM * 0.95
    assert np.quantile(zooms, 0.02) > 1.4
    assert np.quantile(zooms, 0.98) < 3.7
    # About in the middle, as people draw.
    assert np.abs(np.mean(offsets, axis=0)).max() < 0.02
    assert np.std(offsets, axis=0).max() < 0.06


def test_mostly_a_large_slice_is_prompted_along_the_acquired_axis(rng, ball):
    found = poses(rng, ball, 300)
    assert len(found) > 280
    axes = np.array([pose.axis for pose in found])
    assert 0.65 < (axes == 0).mean() < 0.87
    assert {0, 1, 2} == set(axes.tolist())
    off = []
    for pose in found:
        spacing = ball.spacing_zyx_mm[pose.axis]
        off.append(abs(pose.index * spacing - middle_mm(ball)[pose.axis]) / RADIUS_MM)
    assert np.median(off) < 0.35
    assert 0.03 < (np.array(off) > 0.6).mean() < 0.3
    assert max(off) < 1


def test_poses_mirror_turn_and_stretch(rng, ball):
    matrices = np.array([pose.matrix for pose in poses(rng, ball, 200)])
    assert 0.35 < (np.linalg.det(matrices) > 0).mean() < 0.65
    assert 0.35 < (matrices[:, 0, 0] > 0).mean() < 0.65
    stretch = np.log(np.abs(matrices[:, 0, 0]))
    assert abs(stretch.mean()) < 0.06
    assert 0.1 < stretch.std() < 0.3
    # The prompted slice is one of the source's, whichever way the block leans.
    assert (matrices[:, 0, 1:] == 0).all()


def test_too_small_a_slice_is_not_prompted(rng):
    case = ellipsoid_case((8, 1.1, 1.1), (1.0, 1.0, 1.0), (40, 24, 24))
    source = BlockSource.of(case, case.targets[0])
    drawn = [draw_pose(rng, source, line=False) for _ in range(40)]
    assert None in drawn
    assert all(pose.axis > 0 for pose in drawn if pose is not None)


def test_boxes_and_diameters_are_measured_from_edge_to_edge():
    mask = np.zeros((20, 30), bool)
    mask[4:9, 10:25] = True
    np.testing.assert_array_equal(measured(mask, line=False), [10, 4, 25, 9])
    x0, y0, x1, y1 = measured(mask, line=True)
    # Between the middles of the furthest pixels.
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(np.hypot(14, 4))
    assert sorted((x0, x1)) == [10.5, 24.5]


def test_bending_is_smooth_and_leaves_the_prompted_slice_in_its_place(rng, ball):
    for _ in range(5):
        pose = Pose(0, 20, np.eye(3), middle_mm(ball)[1:], 60.0)
        spacing = np.array(ball.spacing_zyx_mm)
        grid = pose.grid(spacing, BODY_NET)
        moved = (bent(rng, grid, pose, spacing, BODY_NET.anchor) - grid) * torch.tensor(spacing, dtype=torch.float32)
        here = moved[BLOCK_ANCHOR * PER_PLANE : (BLOCK_ANCHOR + 1) * PER_PLANE]
        torch.testing.assert_close(here.mean((0, 1, 2)), torch.zeros(3), atol=0.02, rtol=0)
        assert 0.3 < moved.std() < 0.15 * pose.side_mm
        # A sample never overtakes the next one.
        for axis, step in ((0, 60 / SIDE / PER_PLANE), (1, 60 / FINE), (2, 60 / FINE)):
            assert moved[..., axis].diff(dim=axis).abs().max() < step
