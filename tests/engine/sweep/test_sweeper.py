"""Sweeps of the bundled network over a volume whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engine.conftest import blob_volume, view_of

import volsweep.engine.sweep.sweeper as sweep_module
from volsweep.engine.body.refine import BodyRefiner
from volsweep.engine.slices.crop import CropLogits
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.view import FeatureCache, View
from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.engine.sweep.prompted import Previewer
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.geometry import mask_box_xyxy
from volsweep.masks import trim
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box, ObjectPrompts, Point
from volsweep.prompts.mask import Mask
from volsweep.volume import Volume

START = 9


@pytest.fixture(scope="module")
def ball():
    """A ball from slice 4 to 14 of 22, in a volume larger than the network's input."""
    return blob_volume(200, 22, 4, 14)


@pytest.fixture(scope="module")
def refined(nano, ball) -> View:
    """The ball as the whole network sees it; what is encoded of a slice is kept from one test to the next."""
    return view_of(nano, ball[0], 2.2)


@pytest.fixture(scope="module")
def view(unrefined, ball) -> View:
    """The same without the refiner: how a sweep goes does not depend on it, and it takes most of the time."""
    return view_of(unrefined, ball[0], 2.2)


def box_at(truth: np.ndarray, index: int, label: int = 1) -> Box:
    return Box(label=label, slice=index, box_xyxy=mask_box_xyxy(truth[index]))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def run(sweeper: Sweeper, prompts: dict, options: SweepOptions) -> dict[tuple[int, int], np.ndarray]:
    return {(t.label, t.mask.slice): t.mask.mask_yx() for t in sweeper.sweep(prompts, options)}


def test_the_ball_is_followed_both_ways(refined, ball):
    truth = ball[1]
    options = SweepOptions(4, 14, patience=0)
    found = run(Sweeper(refined), {1: {START: (box_at(truth, START),)}}, options)
    assert {z for _, z in found} == set(range(4, 15))
    assert np.mean([dice(found[1, z], truth[z]) for z in range(6, 13)]) > 0.75


def test_what_others_hold_is_not_found_and_a_leg_remembers_what_it_knew(refined, ball):
    truth = ball[1]
    held = np.zeros(truth.shape, dtype=bool)
    middle = int(np.argwhere(truth)[:, 1].mean())
    held[:, middle:] = truth[:, middle:]
    sweeper, options = Sweeper(refined), SweepOptions(6, 12, patience=0)
    prompts = {1: {START: (box_at(truth, START),)}}
    alone = run(sweeper, prompts, options)
    beside = {t.mask.slice: t.mask.mask_yx() for t in sweeper.sweep(prompts, options, None, Others.of(held))}
    np.testing.assert_array_equal(beside[START], alone[1, START], "what was drawn says itself what it is")
    for z in set(beside) - {START}:
        before, now = alone[1, z] & held[z], beside[z] & held[z]
        assert before.sum() > 50
        assert now.sum() < 0.15 * before.sum()
        assert dice(beside[z] & ~held[z], truth[z] & ~held[z]) > 0.6
    again = run(sweeper, prompts, options)
    assert all(np.array_equal(again[key], alone[key]) for key in alone)


def test_range_and_direction_are_kept(view, ball):
    truth = ball[1]
    options = SweepOptions(7, 12, Direction.FORWARD)
    found = run(Sweeper(view), {1: {START: (box_at(truth, START),)}}, options)
    assert {z for _, z in found} == {9, 10, 11, 12}


def test_a_pass_ends_where_the_object_does(view, ball, monkeypatch):
    """Patience counts slices without the object; the network's own sense of the end is measured elsewhere."""
    truth = ball[1]
    decide = type(view).to_mask

    def blind_outside(self, logits, slice_index, decoded, index=0, *, corrected=False):
        gone = replace(logits, logits=logits.logits * 0 - 5) if not truth[slice_index].any() else logits
        return decide(self, gone, slice_index, decoded, index)

    monkeypatch.setattr(type(view), "to_mask", blind_outside)
    for patience, expected in ((1, range(3, 16)), (3, range(1, 18)), (0, range(22))):
        sweeper = Sweeper(view)
        found = run(sweeper, {1: {START: (box_at(truth, START),)}}, SweepOptions(0, 21, patience=patience))
        assert {z for _, z in found} == set(expected)
        assert sweeper.visited == len(expected) - 1, "the prompted slice is decoded, not tracked"


def test_stride_visits_fewer_slices_and_fills_between(view, ball):
    truth = ball[1]
    sweeper = Sweeper(view)
    tracked = list(sweeper.sweep({1: {START: (box_at(truth, START),)}}, SweepOptions(5, 13, stride=2, patience=0)))
    assert {t.mask.slice for t in tracked} == set(range(5, 14))
    assert {t.mask.slice for t in tracked if t.interpolated} == {6, 8, 10, 12}
    assert sweeper.visited == 4
    assert all(dice(t.mask.mask_yx(), truth[t.mask.slice]) > 0.7 for t in tracked if t.mask.slice in (8, 10))


def test_objects_together_equal_objects_alone(view, ball):
    """Batching must not let one object see another's memory."""
    truth = ball[1]
    other = Box(label=2, slice=6, box_xyxy=(20, 130, 60, 170))
    options = SweepOptions(2, 16, patience=0)
    both = run(Sweeper(view), {1: {START: (box_at(truth, START),)}, 2: {6: (other,)}}, options)
    for label, prompts in ((1, {START: (box_at(truth, START),)}), (2, {6: (other,)})):
        alone = run(Sweeper(view), {label: prompts}, options)
        for key, mask in alone.items():
            assert dice(both[key], mask) > 0.999 or not (mask.any() or both[key].any())


def test_a_correction_reruns_only_what_it_touches(view, ball):
    truth = ball[1]
    sweeper = Sweeper(view)
    options = SweepOptions(4, 14, patience=0)
    first = {1: {START: (box_at(truth, START),)}}
    before = run(sweeper, first, options)
    visited = sweeper.visited
    run(sweeper, first, options)
    assert sweeper.visited == visited, "the same sweep again costs nothing"

    drawn = Mask.from_array(truth[12], label=1, slice=12)
    after = run(sweeper, {1: {START: (box_at(truth, START),), 12: (drawn,)}}, options)
    assert sweeper.visited - visited == 2 * 2 + 2, "10 and 11 from both sides, 13 and 14 from the new slice"
    np.testing.assert_array_equal(after[1, 12], truth[12])
    for z in range(4, START):
        np.testing.assert_array_equal(after[1, z], before[1, z])


def test_clicks_correct_the_body_around_them_and_are_obeyed(refined, ball):
    """After preview and sweep the clicked voxels are as the clicks say, whatever the image shows there."""
    truth = ball[1]
    options = SweepOptions(4, 14, patience=0)
    y, x = (round(float(np.mean(v))) for v in np.nonzero(truth[12]))
    top = int(np.nonzero(truth[7])[0].min())
    x_top = int(np.nonzero(truth[7][top + 3])[0].mean())
    prompts = {
        START: (box_at(truth, START),),
        12: (Point(label=1, slice=12, point_xy=(x, y), positive=False),),
        7: (Point(label=1, slice=7, point_xy=(x_top, top - 3)),),
    }
    sweeper = Sweeper(refined)
    found = run(sweeper, {1: prompts}, options)
    assert not found[1, 12][y, x]
    assert found[1, 7][top - 3, x_top]
    previewer = sweeper.previewer
    for index in (7, 12):
        np.testing.assert_array_equal(previewer.mask(previewer.given(prompts, index)).mask_yx(), found[1, index])
    alone = run(sweeper, {1: {START: prompts[START]}}, options)
    assert not np.array_equal(found[1, 6], alone[1, 6]), "the slice beside a clicked one"


def test_the_next_click_costs_one_correction_wherever_the_others_were(refined, ball, monkeypatch):
    """Clicks on three slices in turn: none makes what was shown on another slice anew, nor the body before it."""
    truth, corrected, looked = ball[1], [], []
    correct, look = BodyRefiner._corrected, Previewer._look
    monkeypatch.setattr(
        BodyRefiner, "_corrected", lambda self, *given: corrected.append(given) or correct(self, *given)
    )
    monkeypatch.setattr(Previewer, "_look", lambda self, given: looked.append(given) or look(self, given))
    sweeper, rng = Sweeper(refined), np.random.default_rng(3)
    previewer, said = sweeper.previewer, [box_at(truth, START)]
    shown = {START: previewer.mask(previewer.given(ObjectPrompts(said), START)).mask_yx()}
    for number in range(9):
        index = (START, START + 2, START - 3)[number % 3]
        x, y = rng.integers(80, 110, 2).tolist()
        said.append(Point(label=1, slice=index, point_xy=(x, y), positive=bool(rng.random() < 0.5)))
        corrected.clear(), looked.clear()
        prompts = ObjectPrompts(said)
        for other, mask_yx in shown.items():
            if other != index:
                np.testing.assert_array_equal(previewer.mask(previewer.given(prompts, other)).mask_yx(), mask_yx)
        shown[index] = previewer.mask(previewer.given(prompts, index)).mask_yx()
        assert (len(corrected), len(looked)) == (1, 1)
        assert shown[index][y, x] == said[-1].positive
    corrected.clear()
    swept = run(sweeper, {1: ObjectPrompts(said)}, SweepOptions(5, 15))
    assert not corrected, "a sweep starts from the body that the last click made"
    for index, mask_yx in shown.items():
        np.testing.assert_array_equal(swept[1, index], mask_yx)


def test_hundreds_of_clicks_on_a_slice_are_made_anew_without_going_deep(refined, monkeypatch):
    """As when a session is opened again: Python allows a thousand calls within calls."""
    made: list[int] = []
    empty = trim(np.full((200, 200), -9.0, np.float32), slice=START, shape_yx=(200, 200), iou=0.9, object_score=5.0)
    monkeypatch.setattr(Previewer, "_mask_in", lambda _self, prompts, _crop, _known: made.append(len(prompts)) or empty)
    places = [(x, y) for x in range(70, 110, 2) for y in range(70, 96, 2)]
    clicks = [Point(label=1, slice=START, point_xy=at, positive=at[0] % 4 == 0) for at in places]
    box = Box(label=1, slice=START, box_xyxy=(60, 60, 120, 120))
    previewer = Previewer(refined)
    mask_yx = previewer.mask(previewer.given({START: (box, *clicks)}, START)).mask_yx()
    assert made == list(range(1, len(clicks) + 2)), "each once, the oldest first"
    assert all(mask_yx[y, x] == (x % 4 == 0) for x, y in places)


def test_what_is_remembered_of_legs_is_bounded(view, ball, monkeypatch):
    """A day of corrections must not fill the memory; what is forgotten is run again."""
    monkeypatch.setattr(sweep_module, "_REMEMBERED_BYTES", 400_000)
    truth = ball[1]
    sweeper = Sweeper(view)
    options = SweepOptions(4, 14, patience=0)
    first = {1: {START: (box_at(truth, START),)}}
    before = run(sweeper, first, options)
    assert sweeper._finished.nbytes > 0
    for z in (6, 12, 13):
        drawn = Mask.from_array(truth[z], label=1, slice=z)
        run(sweeper, {1: {START: (box_at(truth, START),), z: (drawn,)}}, options)
        assert sweeper._finished.nbytes <= 400_000
    visited = sweeper.visited
    again = run(sweeper, first, options)
    assert sweeper.visited > visited
    for key, mask in before.items():
        np.testing.assert_array_equal(again[key], mask)


def test_fused_slices_say_how_far_both_passes_agree(view, ball):
    truth = ball[1]
    prompts = {1: {6: (box_at(truth, 6),), 12: (box_at(truth, 12),)}}
    tracked = list(Sweeper(view).sweep(prompts, SweepOptions(6, 12)))
    last = {t.mask.slice: t.mask for t in tracked}
    for z in range(7, 12):
        assert 0 <= last[z].agreement <= 1
        assert dice(last[z].mask_yx(), truth[z]) > 0.8
    assert last[6].agreement is None


def test_the_window_follows_an_object_that_leaves_it(unrefined, monkeypatch):
    """A ball that crosses the slice sideways; a perfect network sees just what its window shows."""
    volume, truth = blob_volume(300, 20)
    moved, moved_truth = np.empty_like(volume.array_zyx), np.empty_like(truth)
    for z in range(20):
        moved[z] = np.roll(volume.array_zyx[z], 8 * (z - 4), axis=1)
        moved_truth[z] = np.roll(truth[z], 8 * (z - 4), axis=1)
    view = view_of(unrefined, Volume(moved, volume.grid, modality="CT"), 2.2)
    shape = view.frames.shape_yx

    def see(self, logits, slice_index, decoded, index=0, *, corrected=False):
        crop = logits.crop
        seen = np.where(crop.cut(moved_truth[slice_index].astype(np.float32)) > 0, 5, -5).astype(np.float32)
        part, top, left = CropLogits(crop, seen).on_slice(shape)
        return trim(part, slice=slice_index, shape_yx=shape, origin_yx=(top, left), iou=1, object_score=5)

    monkeypatch.setattr(View, "to_mask", see)
    crops = set()
    features = View.features
    monkeypatch.setattr(
        View, "features", lambda self, wanted: crops.update(c for _, c in wanted) or features(self, wanted)
    )
    found = run(Sweeper(view), {1: {1: (box_at(moved_truth, 1),)}}, SweepOptions(1, 19, patience=0))
    for z in range(1, 20):
        np.testing.assert_array_equal(found[1, z], moved_truth[z])
    assert 3 <= len(crops) <= 7, "it moves when it must, not at every slice"


def test_a_slice_lost_between_good_ones_is_filled(view, ball, monkeypatch):
    """A network that is right everywhere, but blind on slice 12."""
    truth = ball[1]

    def see(self, logits, slice_index, decoded, index=0, *, corrected=False):
        seen = np.where(truth[slice_index] & (slice_index != 12), 5, -5).astype(np.float32)
        return trim(seen, slice=slice_index, shape_yx=view.frames.shape_yx, iou=1, object_score=5)

    monkeypatch.setattr(View, "to_mask", see)
    prompts = {1: {START: (box_at(truth, START),)}}
    last = {t.mask.slice: t for t in Sweeper(view).sweep(prompts, SweepOptions(4, 14, patience=2))}
    assert {z for z, t in last.items() if t.interpolated} == {12}
    assert dice(last[12].mask.mask_yx(), truth[12]) > 0.9
    kept = {t.mask.slice: t.mask for t in Sweeper(view).sweep(prompts, SweepOptions(4, 14, patience=0))}
    assert kept[12].is_empty, "a sweep that never ends takes the network at its word"


def test_clicks_alone_look_at_a_window_as_large_as_the_object(view, ball):
    truth = ball[1]
    # Where nothing is predicted of the slice; else it is the window around that.
    sweeper = Sweeper(view)
    y, x = (float(np.mean(v)) for v in np.nonzero(truth[12]))
    click = Point(label=1, slice=12, point_xy=(x, y))
    for side in (30, 90):
        box = Box(label=1, slice=START, box_xyxy=(40, 50, 39 + side, 49 + side))
        previewer = sweeper.previewer
        crop = previewer.preview(previewer.given({12: (click,), START: (box,)}, 12)).crop
        assert crop.width == pytest.approx(2.2 * side, abs=1)
        assert crop.left + crop.width / 2 == pytest.approx(x, abs=1)


def test_stopping_in_the_middle_leaves_the_sweeper_usable(view, ball):
    truth = ball[1]
    sweeper = Sweeper(view)
    prompts = {1: {START: (box_at(truth, START),)}}
    half = sweeper.sweep(prompts, SweepOptions(4, 14))
    for _ in range(3):
        next(half)
    half.close()
    whole = run(sweeper, prompts, SweepOptions(4, 14))
    fresh = run(Sweeper(view), prompts, SweepOptions(4, 14))
    assert whole.keys() == fresh.keys()
    for key, mask in fresh.items():
        np.testing.assert_array_equal(whole[key], mask)


def test_cache_is_bounded_and_encodes_each_slice_once(unrefined, ball, monkeypatch):
    import volsweep.engine.network.inference as features_module

    volume, truth = ball
    encoded = []
    encode = features_module.encode
    monkeypatch.setattr(features_module, "encode", lambda net, grey: encoded.append(len(grey)) or encode(net, grey))
    view = view_of(unrefined, volume)
    run(Sweeper(view), {1: {START: (box_at(truth, START),)}}, SweepOptions(4, 14, patience=0))
    run(Sweeper(view), {2: {7: (box_at(truth, 7, 2),)}}, SweepOptions(4, 14, patience=0))
    assert sum(encoded) == 11, "another object on the same slices encodes nothing"

    one = view.features([(START, view.crop_around((0, 0, 9, 9)))])[0]
    few = FeatureCache(2**30, max_items=2)
    for key in "abc":
        few.put(key, one)
    assert len(few) == 2
    assert few.get("a") is None
    assert few.nbytes == 2 * one.nbytes
    cache = FeatureCache(3 * one.nbytes)
    for key in range(5):
        cache.put(key, one)
    assert (len(cache), cache.nbytes) == (3, 3 * one.nbytes)
    assert cache.get(1) is None
    assert cache.get(4) is one


def test_a_gap_longer_than_the_bank_is_filled_from_its_neighbours(unrefined, monkeypatch):
    """Patience beyond the sixteen slices that a pass remembers."""
    volume, truth = blob_volume(120, 32)
    view = view_of(unrefined, volume, 2.2)

    def see(self, logits, slice_index, decoded, index=0, *, corrected=False):
        seen = np.where(truth[slice_index] & (not 9 <= slice_index < 27), 5, -5).astype(np.float32)
        return trim(seen, slice=slice_index, shape_yx=view.frames.shape_yx, iou=1, object_score=5)

    monkeypatch.setattr(View, "to_mask", see)
    prompts = {1: {3: (box_at(truth, 3),)}}
    last = {t.mask.slice: t for t in Sweeper(view).sweep(prompts, SweepOptions(3, 31, patience=20))}
    assert {z for z, t in last.items() if t.interpolated} == set(range(9, 27))
    for z in range(4, 9):
        np.testing.assert_array_equal(last[z].mask.mask_yx(), truth[z])
    assert not any(last[z].mask.is_empty for z in range(9, 27))


def steps_of(tracked) -> list[tuple]:
    return [(t.label, t.mask.slice, t.before, t.interpolated, t.mask.iou, int(t.mask.inner.sum())) for t in tracked]


@pytest.mark.parametrize("stride", [1, 3])
def test_a_sweep_answered_from_memory_takes_the_same_steps(view, ball, stride):
    """The order of steps, and what each says, is that of prompts and options: a stopped sweep is a count of them."""
    truth = ball[1]
    prompts = {
        1: {6: (box_at(truth, 6),), 12: (box_at(truth, 12),)},
        2: {START: (box_at(truth, START, 2),)},
    }
    options = SweepOptions(4, 15, stride=stride)
    sweeper = Sweeper(view)
    fresh = steps_of(sweeper.sweep(prompts, options))
    assert steps_of(sweeper.sweep(prompts, options)) == fresh
    partly = Sweeper(view)
    run(partly, {2: prompts[2]}, options)
    again = steps_of(partly.sweep(prompts, options))
    assert [step[:4] for step in again] == [step[:4] for step in fresh]


def test_prompts_closer_than_the_stride_are_filled_between(view, ball):
    """No slice of the stride lies between them: there is no pass to run, before an IndexError."""
    truth = ball[1]
    prompts = {1: {8: (box_at(truth, 8),), 10: (box_at(truth, 10),)}}
    found = list(Sweeper(view).sweep(prompts, SweepOptions(8, 10, stride=3)))
    assert [(t.mask.slice, t.interpolated) for t in found] == [(8, False), (10, False), (9, True)]


def test_steps_name_the_slice_visited_before(view, ball):
    truth = ball[1]
    prompts = {1: {9: (box_at(truth, 9),)}}
    found = list(Sweeper(view).sweep(prompts, SweepOptions(6, 12, stride=3, patience=0)))
    before = {t.mask.slice: t.before for t in found if not t.interpolated}
    assert before == {9: None, 12: 9, 6: 9}
    assert all(t.before is None for t in found if t.interpolated)


def test_nothing_is_looked_for_beyond_a_told_end_and_the_network_knows_of_it(refined, ball):
    truth = ball[1]
    prompts = {1: {START: (box_at(truth, START),)}}
    options = SweepOptions(0, 21)
    sweeper = Sweeper(refined)
    free = run(sweeper, prompts, options)
    extent = Extent(label=1, first=6, last=10)
    told = {(t.label, t.mask.slice): t.mask for t in sweeper.sweep(prompts, options, {1: extent})}
    assert {z for _, z in told} == set(range(6, 11))
    assert not any(mask.is_empty for mask in told.values())
    assert not np.array_equal(told[1, 10].mask_yx(), free[1, 10]), "an end is near: it is drawn smaller"
    one_sided = {t.mask.slice for t in sweeper.sweep(prompts, options, {1: Extent(label=1, last=10)})}
    assert (max(one_sided), min(one_sided) < 6) == (10, True)
    again = run(sweeper, prompts, options)
    for key, mask in free.items():
        np.testing.assert_array_equal(again[key], mask, "legs with and without ends are remembered apart")


def test_clicks_on_a_slice_are_obeyed_one_by_one_and_said_again_change_nothing(view, ball):
    truth = ball[1]
    previewer = Previewer(view)
    by_slice = {START: (box_at(truth, START),)}
    rng = np.random.default_rng(8)
    before = previewer.mask(previewer.given(by_slice, START)).mask_yx()
    given = [((x, y), bool(rng.random() < 0.5)) for x, y in rng.integers(60, 130, (4, 2)).tolist()]
    given += [((5, 190), True), ((5, 190), True)]
    for point_xy, positive in given:
        by_slice[START] += (Point(label=1, slice=START, point_xy=point_xy, positive=positive),)
        after = previewer.mask(previewer.given(by_slice, START)).mask_yx()
        changed = before != after
        assert after[point_xy[1], point_xy[0]] == positive
        assert (after[changed] == positive).all()
        before = after
    assert not changed.any(), "it was said before"
    by_slice[7] = (Point(label=1, slice=7, point_xy=(5, 190)),)
    assert run(Sweeper(view), {1: by_slice}, SweepOptions(7, 9))[1, 7][190, 5]
