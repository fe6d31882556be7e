from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from train.conftest import few_channels

from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.net import VolsweepNet
from volsweep.train.clips import network_pass
from volsweep.train.clips.rollout import Corrections, run_batch
from volsweep.train.clips.slices import ClipShape
from volsweep.train.losses import LossWeights, Tally


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
    with few_channels():
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
