"""The prompts of a slice to its mask, what the decoder starts from, and what the 3D network is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

import volsweep.engine.sweep.sweeper as sweep_module
from volsweep.engine.body.predict import KnownSlice
from volsweep.engine.body.spheroid import ELONGATION
from volsweep.engine.network import inference
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.sweep.decoder import SliceDecoder
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.engine.sweep.prompted import Given, Previewer
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.geometry import mask_box_xyxy
from volsweep.prompts.kinds import Box, Line, ObjectPrompts, Point
from volsweep.prompts.mask import Mask


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def radius_of(logits):
    return float(np.sqrt((np.asarray(logits) > 0).sum() / np.pi))


def dice(a, b):
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


@pytest.fixture(scope="module")
def guessing(nano):
    """The bundled network with a 3D network that has not learned anything: what it predicts is the spheroid."""
    return VolsweepNet(nano.sam2, BodyNet().eval(), dtype=nano.dtype, threads=nano.threads)


def starting(monkeypatch, module):
    """What the decoder starts from, where a module asks it."""
    seen, decode = [], inference.decode
    monkeypatch.setattr(
        module, "decode", lambda *args, **kwargs: seen.append(kwargs["start"]) or decode(*args, **kwargs)
    )
    return seen


@pytest.fixture
def shown(monkeypatch):
    """What sweeps show to the decoder, batch by batch."""
    return starting(monkeypatch, sweep_module)


@pytest.fixture
def clicked(monkeypatch):
    """What prompts show to the decoder, one by one."""
    return starting(monkeypatch, inference)


@pytest.fixture
def told(monkeypatch):
    """What the 3D network is told, call by call."""
    seen, predict = [], SliceDecoder.predict_body

    def listening(self, known):
        seen.append(list(known))
        return predict(self, known)

    monkeypatch.setattr(SliceDecoder, "predict_body", listening)
    return seen


def preview(view_or_sweeper, by_slice, index):
    sweeper = view_or_sweeper if isinstance(view_or_sweeper, Sweeper) else Sweeper(view_or_sweeper)
    return sweeper.previewer.preview(sweeper.previewer.given(by_slice, index))


def boxed(truth, index):
    return Box(label=1, slice=index, box_xyxy=mask_box_xyxy(truth[index]))


def drawn(mask_yx, index):
    return Mask.from_array(mask_yx, label=1, slice=index)


def sweep(view_or_sweeper, prompts, options):
    sweeper = view_or_sweeper if isinstance(view_or_sweeper, Sweeper) else Sweeper(view_or_sweeper)
    return list(sweeper.sweep({1: prompts}, options))


def test_a_sweep_shows_sections_by_distance_in_mm(guessing, shown):
    """Slices 3 mm apart and pixels of 1 mm: the section shrinks with the distance in the unit of the outline."""
    volume, truth = blob_volume(200, 14)
    view = view_of(guessing, volume, 2.2)
    sweep(view, {7: (drawn(truth[7], 7),)}, SweepOptions(5, 9, patience=0))
    pixel_mm = view.crop_around(mask_box_xyxy(truth[7])).width / 32
    radius_mm = np.sqrt(truth[7].sum() / np.pi)
    for sections, distance_mm in zip(shown, (3.0, 6.0), strict=True):
        expected = radius_mm * np.sqrt(1 - (distance_mm / (ELONGATION * radius_mm)) ** 2)
        assert sections.shape == (2, 1, 32, 32)
        for section in sections[:, 0]:
            assert radius_of(section) * pixel_mm == pytest.approx(expected, rel=0.05)


def test_what_is_shown_lies_where_the_window_looks(guessing, shown):
    """The pass's window need not be the block's: seen whole, the ball's section lies at the ball."""
    volume, truth = blob_volume(200, 14)
    sweep(view_of(guessing, volume, None), {7: (drawn(truth[7], 7),)}, SweepOptions(6, 8, patience=0))
    (sections,) = shown
    whole = torch.nn.functional.interpolate(sections, size=(200, 200), mode="bilinear", align_corners=False)[:, 0] > 0
    assert all(dice(found.numpy(), truth[7]) > 0.93 for found in whole)


def test_networks_that_do_not_ask_for_it_see_nothing(nano, shown):
    volume, truth = blob_volume(200, 14)
    plain = view_of(VolsweepNet(nano.sam2), volume, 2.2)
    sweep(plain, {7: (boxed(truth, 7),)}, SweepOptions(6, 8, patience=0))
    assert shown
    assert all(sections is None for sections in shown)
    assert SliceDecoder(plain).predict_body([]) is None


def test_a_box_starts_from_its_ellipse_and_a_correcting_click_from_nothing(guessing, clicked):
    volume, truth = blob_volume(200, 8)
    box = boxed(truth, 4)
    click = Point(label=1, slice=4, point_xy=(box.box_xyxy[0] + 2, box.box_xyxy[1] + 2), positive=False)
    view = view_of(guessing, volume, 2.2)
    preview(view, {4: (box, click)}, 4)
    ellipse, nothing = clicked
    assert nothing is None
    sides = np.array(box.box_xyxy[2:]) - box.box_xyxy[:2] + 1
    expected = np.sqrt(sides.prod()) / 2 * 32 / view.crop_around(box.box_xyxy).width
    assert radius_of(ellipse) == pytest.approx(expected, rel=0.05)


def test_a_click_deep_in_a_wrong_mask_starts_from_the_predicted_body(guessing, told):
    """Near the outline a click says how far that is off; deep within, only that the mask is wrong."""
    volume, truth = blob_volume(200, 8)
    sweeper = Sweeper(view_of(guessing, volume, 2.2))
    box = boxed(truth, 3)
    wrong = Mask.from_array(disc(20, 200, (100, 95)), label=1, slice=5, verbatim=False)
    near, deep = (Point(label=1, slice=5, point_xy=(95 + x, 100), positive=False) for x in (17, 0))
    preview(sweeper, {3: (box,), 5: (wrong, near)}, 5)
    assert told == []
    preview(sweeper, {3: (box,), 5: (wrong, deep)}, 5)
    assert told == [[KnownSlice(3, box), KnownSlice(5, None, (deep,))]]
    # What is drawn later is not told: the slice was corrected without it.
    preview(sweeper, {5: (wrong, deep), 3: (box,)}, 5)
    assert len(told) == 1


def test_a_predicted_body_that_ignores_the_click_is_not_shown(guessing, clicked):
    """The spheroid covers the click in its middle: a reader who says no there must not be answered with it."""
    volume, truth = blob_volume(200, 8)
    wrong = Mask.from_array(truth[4], label=1, slice=4, verbatim=False)
    x0, y0, x1, y1 = mask_box_xyxy(truth[4])
    for positive in (False, True):
        middle = Point(label=1, slice=4, point_xy=((x0 + x1) / 2, (y0 + y1) / 2), positive=positive)
        preview(view_of(guessing, volume, 2.2), {3: (boxed(truth, 3),), 4: (wrong, middle)}, 4)
    refused, confirmed = clicked
    assert refused is None
    assert confirmed is not None


@pytest.mark.parametrize("network", ["guessing", "plain_nano"])
def test_negative_clicks_alone_say_that_the_object_is_not_there(network, request):
    volume, truth = blob_volume(200, 10)
    view = view_of(request.getfixturevalue(network), volume, 2.2)
    no = Point(label=1, slice=7, point_xy=(93, 97), positive=False)
    assert preview(view, {7: (no,)}, 7).mask.is_empty
    found = sweep(view, {4: (boxed(truth, 4),), 7: (no,)}, SweepOptions(2, 9, patience=0))
    assert max(t.mask.slice for t in found if not t.mask.is_empty) < 7


def test_a_leg_is_told_of_the_wall_it_runs_into(guessing, told):
    volume, truth = blob_volume(200, 14)
    prompts = {7: (boxed(truth, 7),), 10: (drawn(np.zeros((200, 200), bool), 10),)}
    sweep(view_of(guessing, volume, 2.2), prompts, SweepOptions(5, 13, patience=0))
    legs = [[one.slice for one in known] for known in told[1:]]  # the first is the box's own slice
    assert sorted(legs) == [[7], [7, 10]]


def test_the_first_guess_roughly_follows_the_ball(guessing, shown):
    """Told the middle slice alone, on slices at which the ball still is about as wide."""
    volume, truth = blob_volume(200, 14)
    view = view_of(guessing, volume, None)
    # The ellipse along a line is narrower than the ball.
    line = Line(label=1, slice=7, line_xyxy=(93 - 26, 97, 93 + 26, 97))
    for prompt, least in ((boxed(truth, 7), 0.88), (line, 0.65)):
        shown.clear()
        sweep(view, {7: (prompt,)}, SweepOptions(6, 8, patience=0))
        whole = torch.nn.functional.interpolate(shown[0], size=(200, 200), mode="bilinear", align_corners=False)[:, 0]
        for section, index in zip(whole > 0, (8, 6), strict=True):
            assert dice(section.numpy(), truth[index]) > least


def test_a_leg_is_predicted_from_both_its_ends_and_from_what_is_behind_it(guessing, told):
    volume, _ = blob_volume(200, 20)
    small, middle, large = (drawn(disc(r, 200, (100, 95)), z) for r, z in ((12, 4), (16, 9), (24, 14)))
    # In the order they were first prompted: the largest slice, then corrections on both sides.
    sweep(view_of(guessing, volume, 2.2), {14: (large,), 9: (middle,), 4: (small,)}, SweepOptions(2, 16, patience=0))
    slices = [[one.slice for one in known] for known in told]
    # Each leg: where it starts, what was prompted before it behind it, and its bound; the widest first.
    assert sorted(slices) == sorted(
        [
            [14],  # 14 -> 16: 9 and 4 lie behind it, but they came later
            [14, 9],  # 14 -> 9
            [14, 9],  # 9 -> 14: 4 lies behind it, but it came later
            [14, 9, 4],  # 9 -> 4, with 14 behind it
            [9, 4],  # 4 -> 9
            [14, 9, 4],  # 4 -> 2, with both behind it
        ]
    )


def test_the_block_is_put_around_the_widest(guessing, told):
    volume, _ = blob_volume(200, 14)
    wide, narrow = drawn(disc(30, 200, (100, 95)), 9), drawn(disc(8, 200, (100, 95)), 5)
    sweep(view_of(guessing, volume, 2.2), {5: (narrow,), 9: (wide,)}, SweepOptions(4, 10, patience=0))
    assert [known[0].slice for known in told if len(known) > 1] == [9, 9, 9]


def test_a_slice_without_the_object_is_told_and_never_the_middle(guessing, told):
    """Marked first, it lies behind the leg that leaves the box away from it."""
    volume, truth = blob_volume(200, 14)
    prompts = {10: (drawn(np.zeros((200, 200), bool), 10),), 7: (boxed(truth, 7),)}
    found = sweep(view_of(guessing, volume, 2.2), prompts, SweepOptions(5, 13, patience=0))
    assert {t.mask.slice for t in found} == {5, 6, 7, 8, 9, 10}
    assert [7, 10] in [[one.slice for one in known] for known in told]
    assert all(known[0].extent_xyxy((1.0, 1.0)) is not None for known in told)


def test_a_correction_on_one_side_leaves_the_other_as_it_was(guessing):
    volume, truth = blob_volume(200, 18)
    sweeper = Sweeper(view_of(guessing, volume, 2.2))
    options = SweepOptions(3, 14, patience=0)
    first = {9: (boxed(truth, 9),)}
    before = {t.mask.slice: t.mask for t in sweep(sweeper, first, options)}
    visited = sweeper.visited
    corrected = {**first, 12: (drawn(truth[12], 12),)}
    after = {t.mask.slice: t.mask for t in sweep(sweeper, corrected, options)}
    assert sweeper.visited - visited == 2 * 2 + 2, "10 and 11 from both sides, 13 and 14 from the new slice"
    assert all(after[z] is before[z] for z in range(3, 9))
    # A second correction there runs what lies beyond it, and the leg between; not the side it knows nothing of.
    visited = sweeper.visited
    moved = np.roll(truth[12], 3, axis=1)
    sweep(sweeper, {**first, 12: (drawn(moved, 12),)}, options)
    assert sweeper.visited - visited == 2 * 2 + 2


def test_beyond_a_corrected_slice_the_widest_one_is_remembered(guessing, monkeypatch):
    """A smaller mask on a later slice is not the middle of a body of its own."""
    volume, _ = blob_volume(200, 14)
    wanted = {}
    starts = SliceDecoder.starts

    def listening(self, each):
        wanted.update({index: (body, crop) for body, index, crop in each})
        return starts(self, each)

    monkeypatch.setattr(SliceDecoder, "starts", listening)
    wide, narrow = drawn(disc(30, 200, (100, 95)), 5), drawn(disc(24, 200, (100, 95)), 9)
    sweep(view_of(guessing, volume, 2.2), {5: (wide,), 9: (narrow,)}, SweepOptions(5, 12, patience=0))
    for index in (10, 11, 12):
        body, crop = wanted[index]
        assert body.block.anchor == 5
        radius = 30 * np.sqrt(1 - ((index - 5) * 3.0 / (ELONGATION * 30)) ** 2)
        assert radius_of(body.section(index, crop)) * crop.width / 32 == pytest.approx(radius, rel=0.06)


def test_a_mask_is_made_once_for_all_that_it_depends_on(nano, clicked):
    """Prompts, what was drawn before on other slices, and the object's size: another of these is another mask."""
    volume, truth = blob_volume(200, 10)
    previewer = Previewer(view_of(nano, volume, 2.2))
    box, moved = boxed(truth, 3), Box(label=1, slice=3, box_xyxy=(40, 40, 160, 160))
    click = Point(label=1, slice=6, point_xy=(93, 97))
    made = [previewer.mask(previewer.given({3: (b,), 6: (click,)}, 6)) for b in (box, moved, box)]
    assert made[0] is made[2]
    assert made[0] is not made[1]
    assert previewer.given({6: (click,), 3: (box,)}, 6) != previewer.given({3: (box,), 6: (click,)}, 6)
    assert len(clicked) == 2


def test_the_next_click_goes_on_from_the_mask_before_it(nano, clicked):
    """Clicks decode once each, not each with all before it, one said again not at all; and give what all anew give."""
    volume, truth = blob_volume(200, 8)
    box = boxed(truth, 4)
    rng = np.random.default_rng(4)
    clicks = [
        Point(label=1, slice=4, point_xy=(float(x), float(y)), positive=bool(truth[4][y, x]))
        for x, y in rng.integers(76, 112, (20, 2))
    ]
    previewer = Previewer(view_of(nano, volume, 2.2))
    for count in range(len(clicks) + 1):
        last = previewer.mask(Given((box, *clicks[:count])))
    decoded = 1 + len({click.point_xy for click in clicks})
    assert decoded == 20, "one of them was said before"
    assert len(clicked) == decoded
    anew = Previewer(view_of(nano, volume, 2.2)).mask(Given((box, *clicks)))
    np.testing.assert_array_equal(last.mask_yx(), anew.mask_yx())
    assert len(clicked) == 2 * decoded


def test_what_a_mask_depends_on_is_another_key_where_any_part_differs():
    box = Box(label=1, slice=5, box_xyxy=(10, 10, 13, 13))
    given, said = Given((box,), 20.0), ObjectPrompts((box,))
    assert given == Given((box,), 20.0)
    others = [Given((box, box), 20.0), Given((box,), 21.0), Given((box,)), Given((box,), 20.0, said=said)]
    assert len({given, *others}) == 5
