"""Bodies of two networks: what is told of prompts, and that clicks are obeyed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from volsweep.engine.body import refine as refine_module
from volsweep.engine.body.predict import BodyPredictor, KnownSlice
from volsweep.engine.body.refine import BodyRefiner
from volsweep.engine.body.refiner_maps import OnPlane
from volsweep.engine.body.space import PLANES_ZOOM, Body, Planes
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.refiner import (
    DEPTH,
    OUT,
    Refiner,
)
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import Frames
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.masks import trim
from volsweep.prompts.kinds import Box, Point
from volsweep.volume import Volume

EDGES = np.array([28.0, 38.0, 68.0, 58.0])
"""A box 40 x 20 pixels around the middle of a window of 96."""
BOX_XYXY = (45.0, 35.0, 74.0, 44.0)


@pytest.fixture(scope="module")
def frames():
    array = np.random.default_rng(4).random((40, 80, 120)).astype(np.float32)
    return Frames(
        Volume(array, Grid.axis_aligned(array.shape, (5.0, 1.5, 1.0)), modality="MR"), "axial", Window(0.5, 1)
    )


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(5)
    return BodyNet().eval(), Refiner().eval()


@pytest.fixture(scope="module")
def refiner(nets, frames):
    """Remembers what it saw from test to test: looking takes seconds."""
    return BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames)


def box_known(clicks=()):
    return KnownSlice(20, Box(label=1, slice=20, box_xyxy=BOX_XYXY), clicks)


def click_at(index, point_xy, positive):
    return KnownSlice(index, None, (Point(label=1, slice=index, point_xy=point_xy, positive=positive),))


@torch.no_grad()
def test_the_first_body_is_the_mean_of_both(refiner, nets, frames):
    found = refiner.predict([box_known()])
    assert isinstance(found.block, Planes)
    assert found.logits.shape == (DEPTH, OUT, OUT)
    assert not found.corrected
    planes = Planes.around(BOX_XYXY, 20, frames)
    _, inside = planes.shown(frames)
    maps = OnPlane.box(planes.pixels((45, 35, 75, 45))).first_maps(torch.nn.functional.avg_pool2d(inside, 2))
    seen = refiner._look(planes)
    torch.testing.assert_close(seen.inside, torch.nn.functional.avg_pool2d(inside, 2))
    own = nets[1].decode(nets[1].encode(planes.shown(frames)[0][None]), maps[None], nets[1].first_start(maps[None]))[
        0, 0
    ]
    window = Crop(planes.crop.left, planes.crop.top, planes.crop.width, planes.crop.height, 4 * OUT)
    # With a body network that has learned nothing, its spheroid.
    spheroid = BodyPredictor(nets[0], frames).predict([box_known()])
    for index in (20, 22):
        parts = spheroid.section(index, window), Body(planes, own).section(index, window)
        expected = torch.lerp(*parts, refine_module._SHARE)
        torch.testing.assert_close(found.section(index, window), expected, rtol=0, atol=0.25)


@torch.no_grad()
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("index", "point_xy"), [(20, (60, 40)), (22, (76, 47)), (15, (50, 33))])
def test_a_clicked_voxel_is_as_the_click_says(refiner, positive, index, point_xy):
    before = refiner.predict([box_known()])
    after = refiner.predict([box_known(), click_at(index, point_xy, positive)])
    assert after.corrected
    assert not torch.equal(before.logits, after.logits)
    crop = after.block.crop
    window = Crop(crop.left, crop.top, crop.width, crop.height, 4 * OUT)
    x, y = (
        int((at + 0.5 - start) / length * OUT)
        for at, start, length in zip(point_xy, (crop.left, crop.top), (crop.width, crop.height), strict=True)
    )
    assert (after.section(index, window)[y, x] > 0) == positive


@torch.no_grad()
def test_a_click_costs_the_decoder_alone_and_one_far_away_nothing(nets, frames):
    refiner, runs = BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames), []
    handle = nets[1].trunk.register_forward_hook(lambda *_: runs.append(1))
    first = refiner.predict([box_known()])
    clicks = [click_at(22, (70, 40), True), click_at(18, (50, 38), False)]
    found = refiner.predict([box_known(), *clicks])
    assert refiner.predict([box_known(), *clicks]) is found
    assert refiner.predict([box_known()]) is first
    assert len(runs) == 1
    assert refiner.predict([box_known(), click_at(39, (60, 40), True)]) is first
    handle.remove()


@torch.no_grad()
def test_made_ready_a_click_costs_one_decode_and_says_the_same(nets, frames, monkeypatch):
    click, ready, usual = (
        click_at(22, (70, 40), True),
        *(BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames) for _ in range(2)),
    )
    ready.get_ready()  # nothing was asked yet
    decodes = []
    decode = refine_module.RefinerDecoder.decode
    monkeypatch.setattr(refine_module.RefinerDecoder, "decode", lambda *told: decodes.append(told[0]) or decode(*told))
    for refiner in (ready, usual):
        refiner.predict([box_known()])
    ready.get_ready()
    ready.get_ready()
    decodes.clear()
    found = [refiner.predict([box_known(), click]) for refiner in (ready, usual)]
    assert [decodes.count(refiner._decoder) for refiner in (ready, usual)] == [1, 2]
    assert torch.equal(found[0].logits, found[1].logits), "to the last bit: a replay gets nothing ready"


@torch.no_grad()
def test_a_mask_known_on_another_slice_counts(refiner):
    mask = np.zeros((80, 120), bool)
    mask[36:44, 50:70] = True
    logits = np.where(mask, 5, -5).astype(np.float32)
    other = KnownSlice(24, trim(logits, slice=24, shape_yx=mask.shape, iou=1.0, object_score=5.0))
    assert not torch.equal(refiner.predict([box_known(), other]).logits, refiner.predict([box_known()]).logits)


@torch.no_grad()
def test_the_refiner_has_less_of_a_share_with_each_further_slice_that_was_drawn(nets, frames, monkeypatch):
    """The mask that a click on another slice corrects is known there, and nobody drew it."""
    refiner, shares = BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames), []
    lerp = torch.lerp
    monkeypatch.setattr(refine_module.torch, "lerp", lambda a, b, share: shares.append(share) or lerp(a, b, share))
    logits = np.full((80, 120), -4, np.float32)
    logits[35:45, 45:75] = 4
    mask = trim(logits, slice=24, shape_yx=(80, 120), iou=1.0, object_score=9.0)
    click = Point(label=1, slice=24, point_xy=(80, 40), positive=True)
    drawn, corrected = KnownSlice(24, mask), KnownSlice(24, mask, (click,))
    usual = refine_module._SHARE
    refiner.predict([box_known()])
    refiner.predict([box_known(), corrected])
    assert shares == [usual, usual]
    of_both = refiner.predict([box_known(), drawn])
    assert shares[:2] == [usual, usual], "nor is the body of one taken for the other's"
    refiner.predict([box_known(), drawn, *(replace(drawn, slice=z) for z in range(25, 33))])
    assert usual > shares[2] > shares[3] > 0
    assert of_both.of_several
    assert not refiner.predict([box_known()]).of_several


@torch.no_grad()
def test_the_mask_that_a_click_corrects_is_told_with_the_click_and_stays_told(refiner):
    logits = np.full((80, 120), -4, np.float32)
    logits[35:45, 45:75] = 4
    mask = trim(logits, slice=24, shape_yx=(80, 120), iou=1.0, object_score=9.0)
    clicks = tuple(Point(label=1, slice=24, point_xy=(x, 40), positive=True) for x in (80, 40))
    plain, told = (KnownSlice(24, None, clicks[:1], found=found) for found in (None, mask))
    first = refiner.predict([box_known()])
    one, other = (refiner.predict([box_known(), known]) for known in (plain, told))
    assert not torch.equal(one.logits, other.logits)
    assert refiner.predict([box_known()]) is first, "without a click nothing is said of that slice"
    again = refiner.predict([box_known(), replace(told, clicks=clicks)])
    assert not torch.equal(again.logits, refiner.predict([box_known(), replace(plain, clicks=clicks)]).logits)


def disc(radius: float) -> torch.Tensor:
    """A section whose logits fall by one a cell from its middle."""
    rows, columns = np.mgrid[:OUT, :OUT] + 0.5
    return torch.from_numpy(radius - np.hypot(rows - OUT / 2, columns - OUT / 2)).float()


def test_a_body_gives_way_by_how_sure_its_section_is_beyond_its_box(frames):
    """A box of 40 mm has a side of 20.9 cells: a disc of as much touches it, a larger one is sure at its sides."""
    box_xyxy = (40.0, 26.0, 79.0, 52.0)
    planes = Planes.around(box_xyxy, 20, frames)
    half = OUT / PLANES_ZOOM / 2
    tight = [
        refine_module._loose(disc(radius), planes, box_xyxy) for radius in (half - 3, half, half + 2, half + 4, 90)
    ]
    assert tight[0] == 0, "one that falls short is left as it is"
    assert 0 <= tight[1] <= refine_module._FIT
    assert tight[2] == pytest.approx(tight[1] + 2 * refine_module._FIT)
    assert tight[3] == pytest.approx(tight[1] + 4 * refine_module._FIT)
    assert tight[4] == refine_module._FIT_AT_MOST


@torch.no_grad()
def test_a_box_that_is_too_tight_for_the_body_makes_all_of_it_smaller_and_outlines_do_not(nets, frames, monkeypatch):
    monkeypatch.setattr(refine_module, "_loose", lambda *_: 1.5)
    refiner = BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames)
    smaller = refiner.predict([box_known()]).logits
    mask = trim(np.full((80, 120), 5, np.float32), slice=24, shape_yx=(80, 120), iou=1.0, object_score=9.0)
    of_two = refiner.predict([box_known(), KnownSlice(24, mask)]).logits
    monkeypatch.setattr(refine_module, "_loose", lambda *_: 0.0)
    refiner = BodyRefiner(BodyPredictor(nets[0], frames), nets[1], frames)
    torch.testing.assert_close(smaller, refiner.predict([box_known()]).logits - 1.5)
    assert torch.equal(of_two, refiner.predict([box_known(), KnownSlice(24, mask)]).logits)


@torch.no_grad()
def test_what_a_click_changes_fades_with_the_distance_from_it(refiner):
    """Of two clicks the change at each is its own: far from a click, next to nothing of it is left."""
    body = refiner.predict([box_known()])
    clicked = refiner.predict([box_known(), click_at(20, (60, 40), True)])
    changed = (clicked.logits - body.logits).abs()
    away = refine_module.away_from(np.array([16, *body.block.pixels((60.5, 40.5))[::-1]]))
    assert changed[away < 5].max() > 0
    assert (
        changed[away > 5 * refine_module._FADES].numel() == 0 or changed[away > 5 * refine_module._FADES].max() < 1e-3
    )
