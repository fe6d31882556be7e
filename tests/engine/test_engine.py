"""An engine as a session asks it: masks, sweeps, what it is, and what it lets go of."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume
from safetensors.torch import load_file, save_file

from volsweep.engine.engine import Engine
from volsweep.engine.network.inference import encode_each
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices import view
from volsweep.engine.slices.crop import Crop
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.geometry import Plane, mask_box_xyxy
from volsweep.intensity import Window
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts.kinds import Box

FEATURES = ("fine", "medium", "coarse", "attended")
BALL, TRUTH = blob_volume(96, 10)
PROMPTS = {5: (Box(label=1, slice=5, box_xyxy=mask_box_xyxy(TRUTH[5])),)}


@pytest.fixture
def engine(nano):
    return Engine(nano, BALL, Window(100, 500), 2.2)


def test_letting_go_of_features_keeps_masks(engine):
    mask = engine.preview(PROMPTS, 5)
    list(engine.sweep(Plane.AXIAL, {1: PROMPTS}, SweepOptions()))
    visited = engine.visited
    assert visited > 0
    engine.release()
    assert engine.preview(PROMPTS, 5) is mask
    list(engine.sweep(Plane.AXIAL, {1: PROMPTS}, SweepOptions()))
    assert engine.visited == visited, "legs are answered from memory"
    assert len(engine._cache) <= 1, "and encode the prompted slice at most"


def test_features_of_a_slice_that_is_seen_whole_are_those_on_demand_and_are_made_once(random_tiny, monkeypatch):
    window, encoded = Window(100, 500), []

    def count(net, grey):
        encoded.append(len(grey))
        return encode_each(net, grey)

    monkeypatch.setattr(view, "encode_each", count)
    ahead, on_demand = Engine(random_tiny, BALL, window, None), Engine(random_tiny, BALL, window, None)
    taken = ahead.encode(Plane.AXIAL, 5)
    whole = Crop.whole((96, 96), random_tiny.image_size)
    one, other = (each.sweeper(Plane.AXIAL).view.features([(5, whole)])[0] for each in (ahead, on_demand))
    assert taken == one.nbytes > 0
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in FEATURES)
    assert len(encoded) == 2, "one of each"
    masks = [each.preview(PROMPTS, 5) for each in (ahead, on_demand)]
    assert np.array_equal(masks[0].logits, masks[1].logits)
    assert len(encoded) == 2, "the first mask finds what was encoded"


def test_nothing_is_encoded_where_the_crop_hangs_on_the_prompt(engine, monkeypatch):
    monkeypatch.setattr(view, "encode_each", None)
    assert engine.encode(Plane.AXIAL, 5) == 0


@pytest.mark.parametrize("asked", ["0", "1"])
def test_both_networks_precisions_are_told(nano, monkeypatch, asked):
    monkeypatch.setenv("VOLSWEEP_BF16", asked)
    told = Engine(nano, BALL, Window(100, 500), 2.2).describe()
    assert told["dtype"] == str(nano.dtype).removeprefix("torch.")
    assert told["body_dtype"] == ("bfloat16" if asked == "1" else "float32")
    rounded = VolsweepNet(nano.sam2, dtype=torch.bfloat16)
    plain = Engine(rounded, BALL, Window(100, 500), 2.2).describe()
    assert plain["dtype"] == "bfloat16"
    assert "body_dtype" not in plain, "a network without a 3D network has no such precision"


def test_weights_that_were_replaced_at_their_place_are_loaded_again(tmp_path):
    """A network that was tuned again under its name was the one of before, as long as the process lived."""
    nano, mine = find_model("volsweep-nano"), tmp_path / "mine.safetensors"
    shutil.copy(checkpoint_path(nano), mine)
    shutil.copy(nano.config_path, tmp_path / "mine.yaml")

    def loaded():
        return Engine.load(find_model(mine), "cpu", BALL, Window(100, 500), 2.2).net

    first = loaded()
    assert loaded() is first, "once a process"
    save_file({n: t * 2 if t.is_floating_point() else t for n, t in load_file(mine).items()}, mine)
    again = loaded()
    assert again is not first
    assert again.fingerprint != first.fingerprint
