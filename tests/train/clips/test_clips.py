from __future__ import annotations

import numpy as np
import pytest
import torch
from support.clips import ball, draw_clips

from volsweep.cases.manifest import read_cases
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import model_input
from volsweep.geometry import mask_box_xyxy
from volsweep.train.clips import clips
from volsweep.train.clips.clips import Batch, _thickened, draw_clip
from volsweep.train.clips.slices import ClipShape, Run
from volsweep.train.data.augment import Warp, default_window
from volsweep.train.data.case import Case, load_case
from volsweep.train.data.prompts import jittered_box
from volsweep.train.stream import StepStream, plan_step


@pytest.mark.parametrize("kind", ["box", "line", "point", "mask"])
@pytest.mark.parametrize("times", [(0,), (0, 1, 2, 3, 4), (0, 9, 10, 11, 12)])
def test_clips_are_what_the_engine_takes(rng, kind, times):
    shape = ClipShape(times, given=0, kind=kind, size=64, jumps=len(times) > 1 and times[1] > 1)
    drawn = draw_clips(rng, ball(), shape, 12)
    batch = Batch.stack(shape, drawn)
    assert batch.grey.shape == (len(times), 12, 1, 64, 64)
    assert batch.masks.shape == (len(times), 12, 64, 64)
    assert batch.grey.min() >= 0
    assert batch.grey.max() <= 1
    # The prompted slice shows the object, and the prompt lies around or in it.
    assert batch.masks[0].flatten(1).any(1).all()
    for clip in drawn:
        box = mask_box_xyxy(clip.masks[0].numpy())
        for (x, y), label in zip(clip.points_xy.tolist(), clip.kinds.tolist(), strict=True):
            margin = 0.45 * (box[2] - box[0] + box[3] - box[1])
            assert box[0] - margin <= x <= box[2] + margin
            assert box[1] - margin <= y <= box[3] + margin
            if kind == "point":
                assert label == 1
                assert clip.masks[0, round(y), round(x)]


def test_arbitrary_ends_teach_nothing(rng):
    case = ball(open_ended=[1])
    for clip in draw_clips(rng, case, ClipShape(tuple(range(6)), size=64)):
        present = clip.masks.flatten(1).any(1)
        assert clip.scored[present].all()
    axial_only = [c for c in draw_clips(rng, case, ClipShape(tuple(range(8)), size=64)) if not c.scored.all()]
    assert all((~c.masks[~c.scored].any()).item() for c in axial_only)


def test_a_plain_clip_is_cut_exactly_as_the_engine_cuts(rng, monkeypatch):
    case = ball()
    mask = case.labels_zyx[12] == 1
    crop = Crop.around(mask_box_xyxy(mask), (1.0, 1.0), 2.2, 64)
    monkeypatch.setattr(clips, "choose_run", lambda *_: clips.Run(0, (12, 13, 14)))
    monkeypatch.setattr(clips, "_choose_crop", lambda *_: crop)
    monkeypatch.setattr(clips, "_drift", lambda *_: np.zeros((3, 2), dtype=np.int64))
    monkeypatch.setattr(clips, "_thickened", lambda _r, _c, _run, slices: slices)
    monkeypatch.setattr(clips, "random_window", lambda _rng, c: default_window(c))
    monkeypatch.setattr(clips, "vary_grey", lambda _rng, grey: grey)
    monkeypatch.setattr(Warp, "draw", staticmethod(lambda _rng, size: Warp(size, False, False, False)))
    monkeypatch.setattr(
        clips, "draw_prompt", lambda _r, m, _s, _k: clips.SlicePrompt(
            mask_box_xyxy(m), np.reshape(mask_box_xyxy(m), (2, 2)).astype(float), np.array([2, 3], np.int32))
    )  # fmt: skip
    monkeypatch.setattr(clips, "ANTIALIASED", 1.0)
    clip = draw_clip(rng, case, case.targets[0], ClipShape((0, 1, 2), size=64))
    frames = default_window(case).frame(case.image_zyx[12:15])
    expected = torch.cat([model_input(frame, crop) for frame in frames])
    torch.testing.assert_close(clip.grey, expected)
    np.testing.assert_allclose(
        clip.points_xy.numpy(), crop.to_model_xy(np.reshape(mask_box_xyxy(mask), (2, 2))), rtol=1e-6
    )


def test_a_batch_follows_from_its_step_alone(tiny):
    cases = [load_case(entry) for entry in read_cases(tiny.data)]
    whole, later = StepStream(tiny, cases, 64), StepStream(tiny, cases, 64, start=2)
    assert (len(whole), len(later)) == (4, 2)
    again, resumed = whole[3], later[1]
    torch.testing.assert_close(again.clips.grey, resumed.clips.grey, rtol=0, atol=0)
    torch.testing.assert_close(again.clips.points_xy, resumed.clips.points_xy, rtol=0, atol=0)
    torch.testing.assert_close(again.blocks.grey, resumed.blocks.grey, rtol=0, atol=0)
    torch.testing.assert_close(again.blocks.maps, resumed.blocks.maps, rtol=0, atol=0)
    assert plan_step(tiny, 3, 64) == plan_step(tiny, 3, 64)


def test_boxes_stay_boxes(rng):
    for _ in range(100):
        x0, y0, x1, y1 = jittered_box(rng, (3, 4, 5, 6), 0.8)
        assert x0 <= x1
        assert y0 <= y1


def test_thickened_slices_stay_where_they_are():
    """Averaged with both beside them: an object's ends and its middle do not move against its mask."""
    image = np.zeros((12, 8, 8), np.int16)
    image[6] = 400
    case = Case(image, (image > 0).astype(np.uint8), (1.0, 1.0, 1.0), "CT", ())
    run = Run(0, tuple(range(12)))
    plain = image.astype(np.float32)
    rng = np.random.default_rng(0)
    drawn = [_thickened(rng, case, run, plain)[:, 0, 0] for _ in range(200)]
    thick = [profile for profile in drawn if not np.array_equal(profile, plain[:, 0, 0])]
    assert 5 < len(thick) < 60
    for profile in thick:
        assert profile @ np.arange(12) / profile.sum() == 6
        assert profile.sum() == 400
