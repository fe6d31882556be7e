from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from volsweep.cases.manifest import read_cases
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.build import build, load_weights
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import encode_levels
from volsweep.models import checkpoint_path, find_model
from volsweep.train.activations import BRANCH_LIMIT, ActivationWatch, feature_spread, residual_branches, spread_penalty
from volsweep.train.clips import network_pass
from volsweep.train.clips.rollout import Corrections, run_batch
from volsweep.train.clips.slices import ClipShape
from volsweep.train.data.case import load_case
from volsweep.train.losses import LossWeights, Tally
from volsweep.train.stream import StepStream


@pytest.fixture(scope="module")
def model():
    spec = find_model("volsweep-nano")
    network = build(spec.config_path)
    load_weights(network, checkpoint_path(spec))
    return network


@pytest.fixture(scope="module")
def plain(model):
    """The same without a 3D network, as networks made elsewhere are."""
    return VolsweepNet(copy.deepcopy(model.sam2))


@pytest.fixture
def stream(tiny):
    cases = [load_case(entry) for entry in read_cases(tiny.data)]
    config = tiny.model_copy(update={"blocks": 0})
    return lambda shape, n=2: _batch(StepStream(config, cases, 128), shape, n)


def _batch(stream, shape, n):
    from volsweep.train.clips.clips import Batch

    rng = np.random.default_rng(9)
    return Batch.stack(shape, [stream._clip(rng, shape) for _ in range(n)])


def test_a_clip_is_tracked_as_upstream_tracks_a_video(plain, stream, monkeypatch):
    """Same slices, same prompt: the masks that our losses see are those of `SAM2Base.track_step`."""
    batch = stream(ClipShape((0, 1, 2, 3)), 2)
    seen = []

    def noted(_tally, masks, ious, score, _truth, *, scored):
        seen.append((masks, ious, score))

    monkeypatch.setattr("volsweep.train.clips.rollout.add_slice", noted)
    with torch.no_grad():
        run_batch(plain, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
        bank = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        for t in range(4):
            levels = encode_levels(plain.sam2, batch.grey[t])
            points = {"point_coords": batch.points_xy, "point_labels": batch.kinds} if t == 0 else None
            given = (levels.features, levels.positions, levels.sizes, points, None, bank, 64)
            out = plain.sam2.track_step(t, t == 0, *given)
            bank["cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"][t] = out
            masks, ious, score = seen[t]
            best = masks[torch.arange(2), ious.argmax(1)][:, None]
            expected = out["pred_masks"]
            torch.testing.assert_close(score, out["object_score_logits"], rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(
                torch.where(score[:, :, None, None] > 0, best, -1024.0), expected, rtol=1e-3, atol=1e-2
            )


@pytest.mark.parametrize(
    ("shape", "corrections"),
    [
        (ClipShape((0,)), Corrections(on_prompted=3)),
        (ClipShape((0, 1, 2), kind="line"), Corrections(on_prompted=1, later_slice=1, on_later=2)),
        (ClipShape((0, 7, 8, 9), given=1, kind="mask", jumps=True), Corrections()),
        (ClipShape((0, 1), kind="point"), Corrections(1)),
    ],
)
def test_every_kind_of_step_gives_gradients(model, stream, shape, corrections):
    batch = stream(shape)
    tally = Tally(LossWeights())
    found = run_batch(model, batch, corrections, tally, np.random.default_rng(0))
    total = tally.total()
    assert torch.isfinite(total)
    model.zero_grad()
    total.backward()
    assert model.sam2.image_encoder.trunk.patch_embed.proj.weight.grad.abs().sum() > 0
    if len(shape.times) > 2:
        assert model.sam2.memory_encoder.out_proj.weight.grad.abs().sum() > 0
    assert set(found) == {"spread_0", "spread_1", "spread_2", "largest_branch", "smallest_spread"}
    decoded = tally.counts["iou"] + tally.counts.get("absent_mask", 0)
    expected = len(batch.grey) - shape.given - (shape.kind == "mask") + corrections.on_prompted
    assert decoded >= 2 * expected - 1e-6


def _starting(monkeypatch):
    """What the decoder starts from, call by call."""
    shown, run = [], network_pass.run_decoder
    monkeypatch.setattr(network_pass, "run_decoder", lambda *args: shown.append(args[4]) or run(*args))
    return shown


def _guessing(model):
    """The network with a 3D network that has learned nothing."""
    return VolsweepNet(copy.deepcopy(model.sam2), BodyNet().eval())


@pytest.mark.parametrize("clicks", [0, 2])
@pytest.mark.parametrize("kind", ["box", "line"])
def test_training_starts_from_what_the_engine_starts_from(model, stream, monkeypatch, kind, clicks):
    """The decoder is shown the prompt's ellipse, then sections that shrink with the distance; nothing with a click."""
    network, shown = _guessing(model), _starting(monkeypatch)
    batch = stream(ClipShape((0, 1, 2, 3), kind=kind), 2)
    tally = Tally(LossWeights())
    run_batch(network, batch, Corrections(on_prompted=clicks), tally, np.random.default_rng(0))
    ellipse, corrections, sections = shown[0], shown[1 : 1 + clicks], shown[1 + clicks :]
    assert all(s is None for s in corrections)
    assert [tuple(s.shape) for s in (ellipse, *sections)] == [(2, 1, 32, 32)] * 4
    if kind == "box":
        # Corners lie in pixels' middles, what they hold reaches to their edges; four pixels a logit.
        middle = (batch.points_xy[:, 0] + batch.points_xy[:, 1] + 1) / 2
        half = (batch.points_xy[:, 1] - batch.points_xy[:, 0] + 1) / 2
        places = torch.arange(32) * 4 + 2
        for drawn, (x, y), (width, height) in zip(ellipse[:, 0], middle, half, strict=True):
            level = ((places - x) / width)[None].square() + ((places - y) / height)[:, None].square()
            assert ((drawn > 0) != (level < 1)).float().mean() < 0.02
    sizes = torch.stack([(s > 0).flatten(1).sum(1) for s in sections])
    assert (sizes[1:] <= sizes[:-1]).all()
    assert (sizes[0] <= (ellipse > 0).flatten(1).sum(1) * (1 if not clicks else 3)).all()
    assert 0 < float(tally.means()["volume"].detach()) <= 1


@pytest.mark.parametrize("kind", ["mask", "point"])
def test_without_a_box_bodies_are_predicted_from_the_first_mask(model, stream, monkeypatch, kind):
    network, shown = _guessing(model), _starting(monkeypatch)
    batch = stream(ClipShape((0, 1, 2), kind=kind), 2)
    run_batch(network, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    # A mask is taken as it is; a click starts from nothing.
    assert kind == "mask" or shown.pop(0) is None
    assert [tuple(s.shape) for s in shown] == [(2, 1, 32, 32)] * 2
    if kind == "mask":
        wide = torch.nn.functional.interpolate(shown[0], scale_factor=4, mode="bilinear", align_corners=False)[:, 0] > 0
        assert ((wide & batch.masks[0]).flatten(1).sum(1) > 0.6 * batch.masks[0].flatten(1).sum(1)).all()


def test_a_corrected_slice_is_told_to_the_3d_network(model, stream):
    network = _guessing(model)
    told = []
    network.body_net.register_forward_hook(
        lambda _net, inputs, _out: told.append(inputs[1][:, 1].flatten(2).any(2).sum(1))
    )
    batch = stream(ClipShape((0, 1, 2, 3)), 1)
    assert batch.masks[2].any()
    run_batch(network, batch, Corrections(later_slice=2, on_later=1), Tally(LossWeights()), np.random.default_rng(0))
    # Planes on which a mask is known: none beside the box, then that of the corrected slice.
    assert [planes.tolist() for planes in told] == [[0], [1]]


def test_networks_without_a_body_net_are_shown_nothing(plain, stream, monkeypatch):
    shown = _starting(monkeypatch)
    run_batch(plain, stream(ClipShape((0, 1))), Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    assert shown == [None, None]


def test_clips_teach_the_3d_network_nothing(model, stream):
    network = _guessing(model)
    tally = Tally(LossWeights())
    run_batch(network, stream(ClipShape((0, 1, 2))), Corrections(), tally, np.random.default_rng(0))
    tally.total().backward()
    assert all(p.grad is None for p in network.body_net.parameters())
    assert network.sam2.sam_mask_decoder.iou_prediction_head.layers[0].weight.grad is not None


def test_spread_is_about_the_mean_of_each_channel(rng):
    level = torch.from_numpy(rng.normal(5, 2, (16, 8, 4)).astype(np.float32))
    rms, spread = feature_spread([level])
    assert rms.item() == pytest.approx(np.hypot(5, 2), rel=0.1)
    assert spread.item() == pytest.approx(2, rel=0.15)
    assert spread_penalty(torch.ones(2), torch.ones(2)) == 0
    assert spread_penalty(torch.tensor([1.0]), torch.tensor([0.01])) > 5


def test_a_branch_that_outgrows_its_stream_is_punished(model, stream):
    batch = stream(ClipShape((0, 1)))
    with ActivationWatch().watching(model.sam2) as calm, torch.no_grad():
        run_batch(model, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    branch = residual_branches(model.sam2)[0].out_proj
    bias = branch.bias.detach().clone()
    try:
        branch.bias.data += 50 * BRANCH_LIMIT
        with ActivationWatch().watching(model.sam2) as loud, torch.no_grad():
            run_batch(model, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    finally:
        branch.bias.data.copy_(bias)
    assert loud.branch_penalty() > calm.branch_penalty()
    assert 0 < calm.smallest_spread() < 3
    assert calm.spread_penalty() >= 0
    assert loud.largest_branch() > 40 * BRANCH_LIMIT
