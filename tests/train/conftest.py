from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from volsweep.cases.manifest import read_cases
from volsweep.engine.network import body_net, refiner
from volsweep.engine.network.build import build, load_weights, names_in_file
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.trunk import CHANNELS
from volsweep.models import checkpoint_path, find_model
from volsweep.train.blocks import pose, sample
from volsweep.train.clips.clips import Batch
from volsweep.train.config import TrainConfig
from volsweep.train.data.case import Case, find_targets, load_case
from volsweep.train.state import export
from volsweep.train.stream import StepStream


def ellipsoid_case(
    half_mm=(14.0, 14.0, 14.0), spacing=(2.0, 1.0, 1.0), shape=(56, 110, 112), centre=None, open_ended=()
) -> Case:
    """An ellipsoid of known half-axes, 100 brighter than its surroundings; `centre` in voxels."""
    centre = [n // 2 for n in shape] if centre is None else centre
    parts = zip(np.ogrid[tuple(slice(n) for n in shape)], centre, spacing, half_mm, strict=True)
    labels = (sum(((at - c) * mm / half) ** 2 for at, c, mm, half in parts) <= 1).astype(np.uint8)
    image = np.random.default_rng(5).normal(0, 10, shape).astype(np.int16) + 100 * labels
    return Case(image.astype(np.int16), labels, spacing, "CT", find_targets(labels, [1], open_ended))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_two_cases(folder: Path) -> Path:
    """A manifest of two small volumes with a bright ball each."""
    rng = np.random.default_rng(1)
    z, y, x = np.mgrid[:20, :40, :40]
    entries = []
    for i, (centre, radius) in enumerate([((10, 18, 20), 7), ((9, 22, 17), 6)]):
        ball = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
        image = (rng.normal(20, 8, ball.shape) + 120 * ball).astype(np.int16)
        for name, array in (("image", image), ("label", ball.astype(np.uint8))):
            nib.save(nib.Nifti1Image(array.T, np.diag([1.0, 1.0, 2.0, 1.0])), folder / f"{name}{i}.nii.gz")
        entries.append({"image": f"image{i}.nii.gz", "label": f"label{i}.nii.gz", "modality": "CT"})
    path = folder / "manifest.json"
    path.write_text(json.dumps(entries))
    return path


def tiny_config(output: Path, data: Path) -> TrainConfig:
    """A run of four small steps."""
    return TrainConfig(
        output=output, data=data, steps=4, batch=1, frames=2, blocks=1, planes=0, warmup=1, workers=0,
        threads=1, save_every=2, device="cpu", bf16=False,
    )  # fmt: skip


@pytest.fixture
def two_cases(tmp_path) -> Path:
    return write_two_cases(tmp_path)


@pytest.fixture
def tiny(tmp_path, two_cases) -> TrainConfig:
    return tiny_config(tmp_path / "run", two_cases)


@contextmanager
def few_channels() -> Iterator[None]:
    """3D networks made in here have few channels: a fifth of the work, where it is not about what they learn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body_net, "_WIDTHS", (8, 8, 8, 8))
        patch.setattr(refiner, "_WIDTHS", (4, 4, 4, 4, CHANNELS[-1]))
        yield


@pytest.fixture(scope="module")
def narrow():
    """All 3D networks of a module's tests have few channels."""
    with few_channels():
        yield


@pytest.fixture(scope="module")
def narrow_nano(narrow, tmp_path_factory) -> Path:
    """The bundled SAM 2 with narrow 3D networks that have learned nothing, as a checkpoint with its yaml."""
    path = tmp_path_factory.mktemp("narrow") / "narrow.safetensors"
    spec = find_model("volsweep-nano")
    torch.manual_seed(11)
    state = names_in_file(build(spec.config_path).state_dict())
    bundled = load_file(checkpoint_path(spec))
    export({name: bundled[name] if bundled[name].shape == own.shape else own for name, own in state.items()}, path)
    path.with_suffix(".yaml").write_text(f"licence: {spec.licence}\n{spec.config_path.read_text()}")
    return path


@pytest.fixture(scope="module")
def one_layer():
    """Blocks are sampled once a plane instead of twice and averaged, where it is not about how fine they are."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (pose, sample):
            patch.setattr(module, "PER_PLANE", 1)
        yield


@pytest.fixture(scope="session")
def model() -> VolsweepNet:
    """The bundled network as training takes it; whoever changes it changes it back."""
    spec = find_model("volsweep-nano")
    network = build(spec.config_path)
    load_weights(network, checkpoint_path(spec))
    return network


@pytest.fixture(scope="session")
def plain(model):
    """The same without a 3D network, as networks made elsewhere are."""
    return VolsweepNet(copy.deepcopy(model.sam2))


@pytest.fixture
def stream(tiny):
    cases = [load_case(entry) for entry in read_cases(tiny.data)]
    config = tiny.model_copy(update={"blocks": 0})
    return lambda shape, n=2: _batch(StepStream(config, cases, 128), shape, n)


def _batch(stream, shape, n):
    rng = np.random.default_rng(9)
    return Batch.stack(shape, [stream._clip(rng, shape) for _ in range(n)])
