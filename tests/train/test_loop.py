from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from train.conftest import tiny_config, write_two_cases

from volsweep.engine.network.build import build, load_weights
from volsweep.errors import InputError, ModelError
from volsweep.models import find_model
from volsweep.train.config import TrainConfig
from volsweep.train.loop import initial_model, learning_rate, make_optimizer, train
from volsweep.train.state import CHECKPOINT

pytestmark = pytest.mark.long


def _same(first, second):
    one, two = load_file(first), load_file(second)
    assert one.keys() == two.keys()
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture
def tiny(tmp_path, two_cases, narrow_nano) -> TrainConfig:
    """A run of four small steps of a network whose 3D parts are narrow."""
    return tiny_config(tmp_path / "run", two_cases).model_copy(update={"init": str(narrow_nano)})


@pytest.fixture(scope="module")
def whole(tmp_path_factory, narrow_nano):
    """The tiny run from its first step to its last, once for all tests that read it."""
    folder = tmp_path_factory.mktemp("whole")
    config = tiny_config(folder / "run", write_two_cases(folder))
    config = config.model_copy(update={"init": str(narrow_nano), "steps": 2})
    train(config)
    return config


@pytest.fixture
def without_bodies(tiny, tmp_path):
    """A tiny run of a network without a 3D network, which takes most of a step and does not change how runs go on."""
    return tiny.model_copy(update={"init": None, "init_config": _without_body_net(tmp_path), "blocks": 0})


def test_a_run_that_was_stopped_ends_where_it_would_have(without_bodies, tmp_path):

    class StopHere(Exception):  # noqa: N818
        pass

    def stop(progress):
        if progress.step == 3:  # one step past the checkpoint: it is done again
            raise StopHere

    whole = train(without_bodies)
    broken = without_bodies.model_copy(update={"output": tmp_path / "broken"})
    with pytest.raises(StopHere):
        train(broken, stop)
    assert not (broken.output / "model.safetensors").exists()
    seen = []
    resumed = train(broken, lambda progress: seen.append(progress.step))
    assert seen == [3, 4]
    assert _same(whole, resumed)
    steps = [line.split(",")[0] for line in (broken.output / "log.csv").read_text().splitlines()]
    assert steps == ["step", "1", "2", "3", "4"]


@pytest.mark.slow
def test_a_run_that_was_killed_ends_where_it_would_have(tiny, tmp_path):
    config = tiny.model_copy(update={"output": tmp_path / "killed", "steps": 8, "save_every": 1})
    code = "import sys; from volsweep.train.config import TrainConfig; from volsweep.train.loop import train; "
    code += "train(TrainConfig.model_validate_json(sys.argv[1]))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code, config.model_dump_json()], env=environment)
    deadline = time.monotonic() + 500
    while not (config.output / CHECKPOINT).exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (config.output / "model.safetensors").exists()
    resumed = train(config)
    whole = train(config.model_copy(update={"output": tmp_path / "whole"}))
    assert _same(whole, resumed)


def test_what_training_writes_loads_as_a_model(whole):
    path = whole.output / "model.safetensors"
    spec = find_model(path)
    assert spec.image_size == 128
    assert spec.zoom == 2.2
    assert "foresight: true" in spec.config_path.read_text()
    network = build(spec.config_path)
    load_weights(network, path)
    start, _ = initial_model(whole)
    moved = sum(
        float((a - b).detach().abs().sum()) for a, b in zip(network.parameters(), start.parameters(), strict=True)
    )
    assert moved > 0
    assert path.stat().st_size < 20e6
    assert json.loads((whole.output / "config.json").read_text())["steps"] == 2


def test_workers_change_nothing(without_bodies, tmp_path):
    two = without_bodies.model_copy(update={"steps": 2})
    alone = train(two)
    helped = train(two.model_copy(update={"workers": 1, "output": tmp_path / "helped"}))
    assert _same(alone, helped)


@pytest.mark.parametrize(
    ("settings", "moved", "kept"),
    [
        ({"freeze": ("image-encoder",)}, {"sam_mask_decoder", "body_net"}, {"image_encoder"}),
        ({"freeze": ("body",)}, {"sam_mask_decoder", "image_encoder"}, {"body_net"}),
        ({"blocks": 0}, {"sam_mask_decoder", "image_encoder"}, {"body_net"}),
        ({"batch": 0}, {"body_net"}, {"sam_mask_decoder", "image_encoder", "memory_attention", "refiner"}),
        ({"batch": 0, "blocks": 0, "planes": 1}, {"refiner"}, {"sam_mask_decoder", "body_net"}),
    ],
    ids=["image encoder", "body", "no blocks", "no clips", "planes alone"],
)
def test_frozen_parts_and_those_that_nothing_teaches_stay(tiny, settings, moved, kept):
    path = train(TrainConfig(**{**tiny.model_dump(), **settings, "steps": 1}))
    network = build(find_model(path).config_path)
    load_weights(network, path)
    start, _ = initial_model(tiny)
    changed = {
        name.removeprefix("sam2.").split(".")[0]
        for (name, a), b in zip(network.named_parameters(), start.parameters(), strict=True)
        if not torch.equal(a, b.half().float())
    }
    assert moved <= changed
    assert not kept & changed


def test_the_body_freezes_also_as_it_was_called(tiny):
    model, _ = initial_model(tiny.model_copy(update={"freeze": TrainConfig(output="o", freeze=("foresight",)).freeze}))
    assert model.body_net is not None
    assert not any(p.requires_grad for p in model.body_net.parameters())
    assert any(p.requires_grad for p in model.sam2.parameters())


def _log(config):
    names, *rows = (line.split(",") for line in (config.output / "log.csv").read_text().splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_blocks_are_logged_beside_clips(whole):
    for row in _log(whole):
        assert 0 < float(row["body_dsc"]) <= 1
        assert float(row["body_norm"]) > 0
        assert float(row["grad_norm"]) > 0
        assert int(row["slices"]) > 0


def test_a_run_without_clips_shows_no_slices(tiny):
    train(tiny.model_copy(update={"batch": 0, "steps": 2}))
    rows = _log(tiny)
    assert [row["slices"] for row in rows] == ["0", "0"]
    assert all(row["dice"] == row["dsc"] == "" for row in rows)
    assert all(float(row["grad_norm"]) == 0 < float(row["body_norm"]) for row in rows)


def _without_body_net(tmp_path):
    yaml = tmp_path / "plain.yaml"
    text = find_model("volsweep-nano").config_path.read_text()
    assert text.count("foresight: true") == 1
    yaml.write_text(text.replace("foresight: true", "foresight: false"))
    return yaml


def test_networks_without_body_net_are_shown_no_blocks(tiny, tmp_path):
    settings = {"init": None, "init_config": _without_body_net(tmp_path), "steps": 1}
    path = train(tiny.model_copy(update=settings))
    assert not any(name.startswith("foresight") for name in load_file(path))
    assert _log(tiny)[0]["body"] == ""
    with pytest.raises(ModelError, match="nothing to train"):
        train(tiny.model_copy(update={**settings, "batch": 0, "output": tmp_path / "other"}))


def test_each_network_has_its_rate_and_its_clipped_norm(tiny, monkeypatch):
    config = tiny.model_copy(update={"lr": 1e-3, "encoder_lr": 2e-4, "body_lr": 7e-4})
    model, _ = initial_model(config)
    peaks = {id(p): group["peak"] for group in make_optimizer(model, config).param_groups for p in group["params"]}
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = {name.removeprefix("sam2.").split(".")[0]: peaks[id(p)] for name, p in learning.items()}
    assert "refiner" not in found, "no planes teach it"
    assert found["body_net"] == 7e-4
    assert found["image_encoder"] == 2e-4
    assert found["sam_mask_decoder"] == 1e-3
    clipped = []
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda ps, norm: clipped.append(set(ps)) or clip(ps, norm))
    train(tiny.model_copy(update={"steps": 1}))
    first, second, third = clipped
    assert not third
    assert first
    assert second
    assert not first & second


def test_made_volumes_alone_are_enough(tmp_path, narrow_nano):
    config = TrainConfig(
        output=tmp_path,
        init=str(narrow_nano),
        steps=1,
        batch=1,
        blocks=1,
        frames=2,
        made=1.0,
        lesions=0.0,
        workers=0,
        device="cpu",
        bf16=True,
        threads=1,
    )
    assert train(config).is_file()


def test_without_cases_something_must_be_made(tiny):
    with pytest.raises(InputError, match="without data"):
        train(tiny.model_copy(update={"data": None, "made": 0.0}))


def test_random_weights_need_an_architecture(tiny):
    with pytest.raises(ModelError, match="yaml"):
        initial_model(tiny.model_copy(update={"init": None}))
    yaml = find_model("volsweep-nano").config_path
    model, _ = initial_model(tiny.model_copy(update={"init": None, "init_config": yaml}))
    assert any(p.requires_grad for p in model.parameters())


def test_unknown_parts_cannot_be_frozen(tiny):
    with pytest.raises(ModelError, match="image-encoder"):
        initial_model(tiny.model_copy(update={"freeze": ("encoder",)}))


def test_a_run_goes_on_with_its_own_settings_or_not_at_all(without_bodies):
    tiny = without_bodies
    train(tiny.model_copy(update={"steps": 2}))
    for changed, named in (
        ({"batch": 3}, "batch was 1, now 3"),
        ({"seed": 7, "freeze": ("memory",)}, "freeze was .* seed was 0, now 7"),
        ({"data": None, "made": 1.0}, "data was"),
    ):
        with pytest.raises(ModelError, match=f"other settings .*{named}.*another output"):
            train(tiny.model_copy(update=changed))
    steps = []
    later = tiny.model_copy(update={"steps": 3, "lr": 1e-5, "threads": 1, "save_every": 1})
    train(later, lambda progress: steps.append(progress.step))
    assert steps == [3], "how far, how fast and where may change"


def test_settings_are_known_by_their_names_of_before(tmp_path):
    before = {"output": str(tmp_path), "foresight_lr": 2e-4, "carried": 0.2, "freeze": ["foresight"], "no_longer": 1}
    now = TrainConfig(output=tmp_path / "moved", body_lr=2e-4, memory_shapes=0.2, freeze=("body",))
    now.check_resumes(before)
    with pytest.raises(ModelError, match=r"memory_shapes was 0\.2, now 0\.1"):
        now.model_copy(update={"memory_shapes": 0.1}).check_resumes(before)


def test_the_rate_rises_then_falls_to_nothing(tiny):
    config = tiny.model_copy(update={"steps": 100, "warmup": 10})
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[0] == 0.1
    assert max(rates) == rates[9] == 1
    assert rates[100] == pytest.approx(0)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_scales_of_foreign_networks_are_left_alone(tiny, whole):
    assert tiny.model_copy(update={"init": "volsweep-nano"}).holds_scales
    assert not tiny.holds_scales
    assert not tiny.model_copy(update={"init": "medsam2"}).holds_scales
    assert tiny.model_copy(update={"init": "medsam2", "hold_scales": True}).holds_scales
    assert float(_log(whole)[0]["features"]) > 0  # logged in any case


def test_the_refiner_and_its_trunk_have_rates_of_their_own_and_imagenets_first_layers_stay(tiny):
    config = tiny.model_copy(update={"batch": 0, "blocks": 0, "planes": 1, "refiner_lr": 3e-4, "trunk_lr": 1e-4})
    model, _ = initial_model(config)
    peaks = {id(p): group["peak"] for group in make_optimizer(model, config).param_groups for p in group["params"]}
    found = {name: peaks.get(id(p)) for name, p in model.named_parameters() if name.startswith("refiner.")}
    assert found["refiner.fine.weight"] == 3e-4
    assert found["refiner.trunk.blocks.9.project.conv.weight"] == 1e-4
    assert found["refiner.trunk.stem.conv.weight"] is None
    assert found["refiner.trunk.blocks.2.project.conv.weight"] is None


def test_planes_are_logged(tiny):
    train(tiny.model_copy(update={"batch": 0, "blocks": 0, "planes": 1, "steps": 1}))
    (row,) = _log(tiny)
    assert 0 < float(row["refined_dsc"]) <= 1
    assert float(row["refiner_norm"]) > 0
