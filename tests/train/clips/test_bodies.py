"""The bodies in clips are those that the engine predicts from the same slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from train.conftest import few_channels

from volsweep.engine.body.predict import BodyPredictor, KnownSlice
from volsweep.engine.body.space import BLOCK_ANCHOR
from volsweep.engine.body.spheroid import ELONGATION
from volsweep.engine.network.body_net import DEPTH, SIDE, BodyNet
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import Frames
from volsweep.geometry import Grid, mask_box_xyxy
from volsweep.intensity import Window
from volsweep.masks import trim
from volsweep.prompts.kinds import Box, Line
from volsweep.train.clips.bodies import ClipBodies
from volsweep.train.clips.clips import Batch
from volsweep.train.clips.slices import ClipShape
from volsweep.train.data.prompts import longest_diameter
from volsweep.volume import Volume

SIZE = 128
GAP = 2.5
"""Model pixels, and mm, between slices."""
CENTRES, RADII = ((60.0, 64.0), (70.0, 52.0)), (20.0, 15.0)
"""Of two clips' discs, (x, y) from the image's edge."""
SLICES = 9


def disc(clip, shrunk=1.0):
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return np.hypot(x - CENTRES[clip][0], y - CENTRES[clip][1]) < RADII[clip] * shrunk


def batch_of(kind="box", slices=SLICES, gap=GAP, clips=2):
    """Clips of discs that shrink from slice to slice, over smooth grey values that differ between slices."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    masks = np.stack([[disc(i, 1 - 0.05 * t) for i in range(clips)] for t in range(slices)])
    grey = np.stack([[0.2 + 0.3 * (x + i * y) / 2 + 0.02 * t for i in range(clips)] for t in range(slices)])
    grey = (grey + 0.2 * masks).astype(np.float32)
    corners = np.array([np.reshape(mask_box_xyxy(masks[0, i]), (2, 2)) for i in range(clips)], dtype=np.float32)
    return Batch(
        ClipShape(tuple(range(slices)), kind=kind, size=SIZE),
        torch.from_numpy(grey)[:, :, None],
        torch.from_numpy(masks),
        torch.ones(slices, clips, dtype=torch.bool),
        (torch.arange(slices, dtype=torch.float32) * gap)[:, None].expand(slices, clips),
        torch.from_numpy(corners),
        torch.tensor([[2, 3]] * clips, dtype=torch.int32),
    )


def low(masks):
    """Masks (B, S, S) as a decoder would return them."""
    return torch.nn.functional.avg_pool2d(masks.float()[:, None], 4) * 20 - 10


def engine_of(net, batch, clip):
    """The engine over the clip's slices as a volume of its own, which begins at the prompted one."""
    volume = batch.grey[:, clip, 0].numpy()
    grid = Grid.axis_aligned(volume.shape, (GAP, 1.0, 1.0))
    return BodyPredictor(net, Frames(Volume(volume, grid, modality="MR"), "axial", Window(0.5, 1.0)))


class Listening(torch.nn.Module):
    """A network that keeps what it was asked and says that everything is object."""

    guess = staticmethod(BodyNet.guess)

    def __init__(self):
        super().__init__()
        self.asked = []
        self.register_parameter("weight", torch.nn.Parameter(torch.zeros(1)))

    def forward(self, grey, maps):
        self.asked.append((grey.clone(), maps.clone()))
        return torch.full_like(maps[:, :1], 7.0)


@pytest.fixture
def net():
    with few_channels():
        return BodyNet().eval()


def prompted(kind, batch, clip):
    if kind == "box":
        return Box(label=1, slice=0, box_xyxy=tuple(batch.points_xy[clip].flatten().tolist()))
    logits = np.where(batch.masks[0, clip].numpy(), 5, -5).astype(np.float32)
    return trim(logits, slice=0, shape_yx=(SIZE, SIZE), iou=1, object_score=5)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_sections_are_those_of_the_engine(rng, net, kind):
    batch = batch_of(kind)
    clips = ClipBodies(net, batch, rng)
    if kind == "box":
        clips.from_prompts()
    else:
        clips.from_masks(low(batch.masks[0]))
    whole = Crop.whole((SIZE, SIZE), SIZE)
    for clip in range(2):
        body = engine_of(net, batch, clip).predict([KnownSlice(0, prompted(kind, batch, clip))])
        for t in (0, 1, 4, 8):
            ours, theirs = clips.section(t)[clip, 0], body.section(t, whole)
            assert ours.shape == theirs.shape == (32, 32)
            # The engine's windows hold whole voxels: the last half of one is all that may differ.
            assert ((ours > 0) != (theirs > 0)).float().mean() < 0.02
            assert (ours - theirs).abs().mean() < 0.1


@torch.no_grad()
def test_the_spheroid_shrinks_with_the_place_of_the_slice(rng, net):
    batch = batch_of("box")
    clips = ClipBodies(net, batch, rng)
    clips.from_prompts()
    for t in range(SLICES):
        fine = torch.nn.functional.interpolate(clips.section(t), scale_factor=4, mode="bilinear", align_corners=False)
        for clip, radius in enumerate(RADII):
            shrunk = radius * np.sqrt(1 - (t * GAP / (ELONGATION * radius)) ** 2)
            assert np.sqrt(float((fine[clip] > 0).sum()) / np.pi) == pytest.approx(shrunk, abs=1.2)


def test_the_network_is_shown_what_the_engine_shows_it(rng):
    """Of a volume that begins at the prompted slice: the block's other side is outside."""
    batch, ours, theirs = batch_of("box"), Listening(), Listening()
    clips = ClipBodies(ours, batch, rng)
    clips.from_prompts()
    ((grey, maps),) = ours.asked
    for clip in range(2):
        engine_of(theirs, batch, clip).predict([KnownSlice(0, prompted("box", batch, clip))])
        (their_grey, their_maps), theirs.asked = theirs.asked[0], []
        assert not grey[clip, :, :BLOCK_ANCHOR].any()
        # Up to half a slice beyond the last one.
        last = int(BLOCK_ANCHOR + (SLICES - 1) * GAP * SIDE / (2.2 * 2 * RADII[clip]))
        for mine, other in ((grey[clip, 0], their_grey[0, 0]), (grey[clip, 1], their_grey[0, 1])):
            assert (mine[BLOCK_ANCHOR : last + 1] - other[BLOCK_ANCHOR : last + 1]).abs().mean() < 0.01
            assert not mine[last + 3 :].any()
        assert (maps[clip] - their_maps[0]).abs().mean() < 0.05
        assert (maps[clip, 2] != their_maps[0, 2]).float().sum() < 60
        assert grey[clip, 1, BLOCK_ANCHOR].mean() > 0.5


def test_jumps_show_the_prompted_slice_and_the_window_far_from_it(rng):
    batch, net = batch_of("box", slices=3), Listening()
    places = torch.tensor([[0.0, 0.0], [30.0, 24.0], [32.5, 26.5]])
    clips = ClipBodies(net, replace(batch, places=places), rng)
    clips.from_prompts()
    for clip, radius in enumerate(RADII):
        planes = BLOCK_ANCHOR + places[:, clip] * SIDE / (2.2 * 2 * radius)
        there = net.asked[0][0][clip, 1].flatten(1).any(1)
        assert there[BLOCK_ANCHOR]
        assert there[round(float(planes[1])) : int(planes[2]) + 1].all()
        assert not there[BLOCK_ANCHOR + 3 : int(planes[1]) - 2].any()


def test_later_masks_are_told_on_their_planes(rng):
    batch, net = batch_of("mask"), Listening()
    clips = ClipBodies(net, batch, rng)
    clips.from_masks(low(batch.masks[0]))
    clips.add_masks(4, low(batch.masks[4]))
    (_, before), (_, after) = net.asked
    assert not before[:, 2].any()
    for clip, radius in enumerate(RADII):
        side = 2.2 * 2 * radius
        plane = BLOCK_ANCHOR + round(4 * GAP * SIDE / side)
        told = [p for p in range(DEPTH) if after[clip, 1, p].any()]
        assert told == [BLOCK_ANCHOR, plane]
        assert set(after[clip, 1, plane].unique().tolist()) == {-1, 1}
        for p, shrunk in ((BLOCK_ANCHOR, 1.0), (plane, 0.8)):
            area = np.pi * (radius * shrunk * SIDE / side) ** 2
            # Generous: masks come at a quarter of the image's side.
            assert float((after[clip, 1, p] > 0).sum()) == pytest.approx(area, rel=0.2)
        torch.testing.assert_close(after[clip, 0], before[clip, 0])


def test_masks_beyond_the_block_say_nothing_and_lost_ones_do_no_harm(rng):
    batch, net = batch_of("mask", gap=40.0), Listening()
    clips = ClipBodies(net, batch, rng)
    nothing = torch.full((2, 1, 32, 32), -10.0)
    clips.from_masks(low(batch.masks[0]))
    clips.add_masks(5, low(batch.masks[5]))
    torch.testing.assert_close(net.asked[1][1], net.asked[0][1], rtol=0, atol=0)
    clips.from_masks(nothing)
    assert (net.asked[2][1][:, 1, BLOCK_ANCHOR] == -1).all()
    assert (net.asked[2][1][:, 0] < 0).all()
    assert clips.section(3).isfinite().all()


def test_a_line_is_continued_from_the_longest_diameter(rng):
    batch, net = batch_of("line"), Listening()
    ClipBodies(net, batch, rng).from_prompts()
    ((_, maps),) = net.asked
    for clip in range(2):
        on = maps[clip, 2, BLOCK_ANCHOR]
        assert set(on.unique().tolist()) == {0, 1}
        rows, columns = np.nonzero(on.numpy())
        length = np.hypot(np.ptp(rows), np.ptp(columns)) + 1
        # The block is put around the line's ellipse, which is less wide than its length if it lies aslant.
        assert 0.85 * SIDE / 2.2 < length < 1.35 * SIDE / 2.2


def test_some_clips_get_the_first_guess_alone(rng):
    shares = []
    batch, net = batch_of("box", slices=1, clips=2), Listening()
    for _ in range(100):
        clips = ClipBodies(net, batch, rng)
        clips.from_prompts()
        sections = clips.section(0)
        guessed = sections.flatten(1).amin(1) < 6
        shares += guessed.tolist()
        # An object and what is beside it.
        assert (sections[guessed].flatten(1).amax(1) > 0).all()
        assert (sections[guessed].flatten(1).amin(1) < 0).all()
    assert 0.15 < np.mean(shares) < 0.36


def test_nothing_of_it_is_learned_from_clips(rng, net):
    clips = ClipBodies(net, batch_of("box"), rng)
    clips.from_prompts()
    assert not clips.section(2).requires_grad


@torch.no_grad()
def test_a_line_in_use_and_in_clips_gives_the_same_body(rng, net):
    batch = batch_of("line")
    clips = ClipBodies(net, batch, rng)
    clips.from_prompts()
    for clip in range(2):
        ends = longest_diameter(batch.masks[0, clip].numpy(), (1.0, 1.0))
        body = engine_of(net, batch, clip).predict([KnownSlice(0, Line(label=1, slice=0, line_xyxy=ends))])
        for t in (0, 4):
            theirs = body.section(t, Crop.whole((SIZE, SIZE), SIZE))
            assert ((clips.section(t)[clip, 0] > 0) != (theirs > 0)).float().mean() < 0.02
