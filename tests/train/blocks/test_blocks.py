"""Blocks against bodies of known size, wherever and however they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.network.body_net import DEPTH, FINE, MAPS, SIDE
from volsweep.intensity import Window
from volsweep.train.blocks import blocks as blocks_module
from volsweep.train.blocks import sample as sample_module
from volsweep.train.blocks.blocks import Blocks, draw_block
from volsweep.train.blocks.pose import Pose
from volsweep.train.blocks.source import BlockSource
from volsweep.train.data.case import find_targets

RADIUS_MM = 14.0
VOLUME_MM = 4 / 3 * np.pi * RADIUS_MM**3


def source_of(case):
    return BlockSource.of(case, case.targets[0])


pytestmark = pytest.mark.usefixtures("one_layer")


@pytest.fixture(scope="module")
def ball():
    return source_of(ellipsoid_case((RADIUS_MM,) * 3))


@pytest.fixture(scope="module")
def many(one_layer, ball):
    """Blocks of the ball as they are drawn for training."""
    return draw(np.random.default_rng(3), ball, 32)


@pytest.fixture
def drawn(monkeypatch):
    """The poses of the blocks that were drawn."""
    seen = []
    draw = blocks_module.draw_pose
    monkeypatch.setattr(blocks_module, "draw_pose", lambda *args: seen.append(draw(*args)) or seen[-1])
    return seen


@pytest.fixture
def whole(monkeypatch):
    """Nothing bent, and volumes that end where they end."""
    monkeypatch.setattr(sample_module, "bent", lambda _rng, grid, *_: grid)
    monkeypatch.setattr(sample_module, "_GOES_ON", 0)
    monkeypatch.setattr(
        sample_module,
        "_ends",
        lambda _rng, _pose, coverage: (torch.full((3,), -0.5), torch.tensor(coverage.shape) - 0.5),
    )


def draw(rng, source, count):
    found = [draw_block(rng, source) for _ in range(count)]
    return [block for block in found if block is not None]


def box_of(mask_yx):
    rows, columns = np.nonzero(np.asarray(mask_yx))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def planes_of(volume):
    planes = np.flatnonzero(np.asarray(volume).any((1, 2)))
    return int(planes[0]), int(planes[-1])


def test_blocks_are_what_the_network_takes(many):
    found = many[:12]
    batch = Blocks.stack(found).to(torch.device("cpu"))
    n = len(found)
    assert n == 12
    assert batch.grey.shape == (n, 2, DEPTH, FINE, FINE)
    assert batch.maps.shape == (n, MAPS, DEPTH, SIDE, SIDE)
    assert batch.truth.shape == batch.known.shape == (n, DEPTH, SIDE, SIDE)
    assert (batch.grey.dtype, batch.maps.dtype) == (torch.float32, torch.float32)
    assert (batch.truth.dtype, batch.known.dtype) == (torch.bool, torch.bool)
    assert batch.grey.min() >= 0
    assert batch.grey.max() <= 1
    assert not (batch.truth & ~batch.known).any()
    torch.testing.assert_close(batch.truth[3:4], found[3].truth)


def test_a_ball_has_its_volume_and_reach_whatever_the_pose(rng, ball, drawn, whole):
    """In voxels of a 32nd of the window, stretched as the pose stretches."""
    errors = []
    for block, pose in zip([draw_block(rng, ball) for _ in range(22)], drawn, strict=True):
        if block is None:
            continue
        voxel = pose.side_mm / SIDE
        expected = VOLUME_MM / abs(np.linalg.det(pose.matrix)) / voxel**3
        first, last = planes_of(block.truth[0])
        if first == 0 or last == DEPTH - 1 or (block.truth[0, :, [0, -1]].any() or block.truth[0, :, :, [0, -1]].any()):
            continue  # not all of it is in the block
        errors.append(float(block.truth.sum()) / expected - 1)
        # Planes: how far the ball reaches across the slices, seen from a block that leans.
        back = np.linalg.inv(pose.matrix)
        reach = RADIUS_MM * np.sqrt((back @ back.T)[0, 0]) / voxel
        assert (last - first + 1) / 2 == pytest.approx(reach, abs=1.1)
    assert len(errors) > 12
    assert np.abs(errors).max() < 0.15
    assert abs(np.median(errors)) < 0.04


def test_the_box_that_is_drawn_touches_the_body_on_its_slice(many):
    off = []
    for block in many:
        shape = block.maps[0, 2, BLOCK_ANCHOR]
        if not (shape == -1).any():
            continue  # a mask or a line
        off.append(box_of(shape > 0) - box_of(block.truth[0, BLOCK_ANCHOR]))
    assert len(off) > 10
    # They stray by a tenth of some 15 voxels, and by rounding.
    assert np.abs(off).max() <= 3
    assert np.abs(np.mean(off, axis=0)).max() < 0.6
    assert np.mean(np.abs(off) <= 1) > 0.6


def test_the_window_is_about_2_2_times_the_prompt(many):
    sides = [max(np.ptp(box_of(b.truth[0, BLOCK_ANCHOR])[axis::2]) for axis in (0, 1)) for b in many]
    assert np.median(sides) == pytest.approx(SIDE / 2.2, abs=1.1)


def test_the_window_is_put_around_the_box_and_not_the_middle_of_the_mass(rng, monkeypatch):
    """A ball with a long tail, which lies to one side of it: the box's middle is far from the ball's."""
    case = ellipsoid_case((12, 12, 12), (1.0, 1.0, 1.0), (60, 110, 110), (30, 55, 35))
    labels = case.labels_zyx.copy()
    labels[18:43, 53:58, 35:85] = 1
    source = source_of(case.with_content(case.image_zyx, labels, find_targets(labels, [1]), ""))
    monkeypatch.setattr(sample_module, "bent", lambda _rng, grid, *_: grid)
    shapes = [block.maps[0, 2, BLOCK_ANCHOR] for block in draw(rng, source, 30)]
    middles = [box_of(shape > 0).reshape(2, 2).mean(0) for shape in shapes if (shape == -1).any()]
    assert len(middles) > 9
    # People draw boxes off the middle by 2 % of the window, on average.
    off = np.linalg.norm(np.array(middles) - SIDE / 2, axis=1)
    assert np.median(off) < 1.4


def test_the_object_lies_where_it_is_seen(rng, ball, whole, monkeypatch):
    """Grey values as they are: where the image is bright the body is, block by block."""
    monkeypatch.setattr(sample_module, "random_window", lambda *_: Window(50, 200))
    monkeypatch.setattr(sample_module, "vary_grey", lambda _rng, grey: grey)
    monkeypatch.setattr(sample_module, "_thickened", lambda _rng, grey: grey)
    for block in draw(rng, ball, 10):
        seen = torch.nn.functional.avg_pool2d(block.grey[0, 0], 2)
        inside, outside = seen[block.truth[0]], seen[~block.truth[0] & block.known[0]]
        assert inside.mean() - outside.mean() > 0.4
        bright = (seen > 0.5) & block.known[0]
        assert (bright != block.truth[0]).float().mean() < 0.02


def test_beyond_the_volume_nothing_is_known(rng, drawn, whole):
    """A ball that the volume's first slice cuts through, and whose other end is in it."""
    source = source_of(ellipsoid_case((RADIUS_MM,) * 3, (1.0, 1.0, 1.0), (40, 100, 100), (8, 50, 50)))
    checked, black = 0, 0
    for block, pose in zip([draw_block(rng, source) for _ in range(18)], drawn, strict=True):
        if block is None or pose.axis != 0 or np.abs(pose.matrix[1:, 0]).max() > 0:
            continue
        known = block.known[0].numpy()
        voxel = pose.side_mm / SIDE
        slices = pose.index + (np.arange(DEPTH) - BLOCK_ANCHOR) * voxel * pose.matrix[0, 0]
        inner = (slices > -0.5 + voxel / 2) & (slices < 39.5 - voxel / 2)
        outer = (slices < -0.5 - voxel / 2) | (slices > 39.5 + voxel / 2)
        assert known[inner][:, 12:20, 12:20].all()
        assert not known[outer].any()
        assert not block.truth[0].numpy()[outer].any()
        told = block.grey[0, 1]
        if (told == 0).any():
            black += 1
            assert (block.grey[0, 0][told == 0] == 0).all()
            np.testing.assert_array_equal(torch.nn.functional.avg_pool2d(told, 2)[:, 16, 16] > 0.5, known[:, 16, 16])
        checked += 1
    assert checked > 2
    assert black


@pytest.mark.parametrize("open_ended", [True, False])
def test_arbitrary_ends_are_not_known(rng, drawn, whole, open_ended):
    source = source_of(ellipsoid_case((RADIUS_MM,) * 3, open_ended=[1] if open_ended else []))
    axes = set()
    for block, pose in zip([draw_block(rng, source) for _ in range(14)], drawn, strict=True):
        if block is None:
            continue
        axes.add(pose.axis)
        ends, known = planes_of(block.truth[0]), planes_of(block.known[0])
        if open_ended and pose.axis == 0:
            assert known == ends
        else:
            assert known[0] < max(1, ends[0])
            assert known[1] > min(DEPTH - 2, ends[1])
    assert len(axes) > 1


def test_where_a_block_ends_does_not_tell_where_the_object_does():
    """Cases are cut at a set distance around their objects: here three slices, as sarcomas at times are."""
    source = source_of(ellipsoid_case((RADIUS_MM,) * 3, (2.0, 1.0, 1.0), (21, 90, 90)))
    gaps = []
    for block in draw(np.random.default_rng(3), source, 45):
        ends, seen = planes_of(block.truth[0]), planes_of(block.grey[0, 1])
        if BLOCK_ANCHOR in seen:
            continue  # one side alone, which tells nothing
        # Where the end of what is shown lies in the block.
        gaps += [ends[0] - seen[0]] * (seen[0] > 0) + [seen[1] - ends[1]] * (seen[1] < DEPTH - 1)
    assert len(gaps) > 25
    values, counts = np.unique(gaps, return_counts=True)
    assert counts.max() / len(gaps) < 0.4, "one distance would give the end away"
    assert len(values) > 5
    assert np.std(gaps) > 1.5
    # At times the object goes on beyond what is shown.
    assert 0.03 < np.mean(np.array(gaps) == 0) < 0.45


def test_at_times_one_side_alone_is_shown(many):
    """As clips show it: from the prompted slice on."""
    ends = [planes_of(b.grey[0, 1]) for b in many]
    one_sided = np.mean([first == BLOCK_ANCHOR or last == BLOCK_ANCHOR for first, last in ends])
    assert 0.02 < one_sided < 0.25


def test_at_times_anatomy_goes_on_beyond_the_ends(rng, whole, monkeypatch):
    """A volume with a bright plate beside a ball: it is seen again beyond the end, and the ball is not."""
    case = ellipsoid_case((8, 8, 8), (1.0, 1.0, 1.0), (40, 60, 60), (20, 30, 30))
    image = case.image_zyx.copy()
    image[2:5] += 100
    source = source_of(case.with_content(image, case.labels_zyx, case.targets, ""))
    monkeypatch.setattr(sample_module, "_GOES_ON", 1)
    monkeypatch.setattr(sample_module, "random_window", lambda *_: Window(50, 200))
    monkeypatch.setattr(sample_module, "vary_grey", lambda _rng, grey: grey)
    monkeypatch.setattr(sample_module, "_thickened", lambda _rng, grey: grey)
    pose = Pose(0, 20, np.eye(3), np.array([30.5, 30.5]), 32.0)
    monkeypatch.setattr(blocks_module, "draw_pose", lambda *_: pose)
    (block,) = draw(rng, source, 1)
    assert (block.grey[0, 1] == 1).all()
    assert block.known.all()
    bright = block.grey[0, 0, :, 4, 4] > 0.5
    slices = 20 + np.arange(DEPTH) - BLOCK_ANCHOR
    # Slices 2 to 4, and what they are beyond the volume's first: -5 to -3.
    expected = [(2 <= s <= 4) or (-5 <= s <= -3) for s in slices]
    assert bright.tolist() == expected
    first, last = planes_of(block.truth[0])
    assert slices[first] >= 12
    assert slices[last] <= 28


def test_ends_that_the_object_reaches_do_not_go_on(rng, whole, monkeypatch):
    source = source_of(ellipsoid_case((RADIUS_MM,) * 3, (1.0, 1.0, 1.0), (40, 100, 100), (8, 50, 50)))
    monkeypatch.setattr(sample_module, "_GOES_ON", 1)
    monkeypatch.setattr(blocks_module, "draw_pose", lambda *_: Pose(0, 8, np.eye(3), np.array([50.5, 50.5]), 64.0))
    (block,) = draw(rng, source, 1)
    slices = 8 + 2 * (np.arange(DEPTH) - BLOCK_ANCHOR)
    assert not block.known[0, slices < -1].any()
    assert block.known[0, slices > 0].all()


def test_too_small_an_object_gives_no_block(rng):
    source = source_of(ellipsoid_case((12, 1.4, 1.4), (1.0, 1.0, 1.0), (40, 24, 24)))
    assert None in [draw_block(rng, source) for _ in range(20)]
