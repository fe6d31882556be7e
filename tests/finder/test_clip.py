"""Ranking regions by words, with arithmetic in CLIP's place: plumbing, not what a CLIP knows."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from volsweep.errors import ModelError, PromptError
from volsweep.finder.clip import ClipFinder
from volsweep.geometry import Grid, Plane
from volsweep.models import sha256_of
from volsweep.volume import Volume

SHAPE = (24, 36, 48)
BALLS = {"bright": ((12, 16, 12), 6, 250), "dark": ((11, 18, 34), 6, -250)}


class Brightness:
    """Pictures and texts as two directions: bright, and dark."""

    logit_scale = torch.tensor(2.0)

    def eval(self):
        return self

    def encode_image(self, pictures):
        side = pictures.shape[-1] // 2
        middle = pictures[:, 0, side - 3 : side + 3, side - 3 : side + 3].mean((1, 2))
        return torch.stack([middle - 0.2, 0.2 - middle], 1)

    def encode_text(self, texts):
        known = {"bright": [1.0, 0.2], "dark": [0.2, 1.0], "left parotid gland": [1.0, 0.0]}
        return torch.tensor([next((v for k, v in known.items() if k in text), [-1.0, -1.0]) for text in texts])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = SimpleNamespace(create_model=lambda name: Brightness(), get_tokenizer=lambda name: list)
    monkeypatch.setitem(sys.modules, "open_clip", made)
    config = {"model_cfg": {"vision_cfg": {"image_size": 32}, "text_cfg": {}},
              "preprocess_cfg": {"mean": [0.0] * 3, "std": [1.0] * 3}}  # fmt: skip
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.fixture(scope="module")
def volume():
    array = np.random.default_rng(0).normal(30, 5, SHAPE)
    at = np.indices(SHAPE)
    for middle, radius, value in BALLS.values():
        array[sum((a - m) ** 2 for a, m in zip(at, middle, strict=True)) <= radius**2] += value
    return Volume(array.astype(np.int16), Grid.axis_aligned(SHAPE, (2.0, 2.0, 2.0)), "CT")


def test_the_region_that_the_words_fit_best_is_proposed(folder, volume):
    found = ClipFinder(folder).find(volume, ["bright", "dark"])
    for one, (middle, radius, _) in zip(found, BALLS.values(), strict=True):
        np.testing.assert_allclose(one.center_zyx, middle, atol=1)
        extent = np.subtract(one.high_zyx, one.low_zyx) + 1
        np.testing.assert_allclose(extent, 2 * radius + 1, atol=3)
        assert 0 < one.score <= 1
        assert one.section(Plane.AXIAL, volume.grid).slice == pytest.approx(middle[0], abs=4)
    assert found[0].finder == f"CLIP {sha256_of(folder / 'open_clip_model.safetensors')[:12]}"


def test_words_of_any_language_are_asked_in_english(folder, volume):
    (found,) = ClipFinder(folder).find(volume, ["linke Ohrspeicheldrüse"])
    assert (found.words, found.name) == ("linke Ohrspeicheldrüse", "left parotid gland")


def test_what_looks_like_nothing_more_than_like_anything_is_refused(folder, volume):
    with pytest.raises(PromptError, match="no region of this volume looks like 'zebra'"):
        ClipFinder(folder).find(volume, ["zebra"])
    flat = Volume(np.zeros((12, 12, 12), np.int16), Grid.axis_aligned((12, 12, 12)), "CT")
    with pytest.raises(PromptError, match="nothing stands out"):
        ClipFinder(folder).find(flat, ["bright"])


def test_weights_are_known_by_their_hash(folder):
    found = sha256_of(folder / "open_clip_model.safetensors")
    ClipFinder(folder, sha256=found.upper())
    with pytest.raises(ModelError, match="is not what it should be: SHA-256"):
        ClipFinder(folder, sha256="0" * 64)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "not the description of a CLIP"),
        ("[]", "not the description of a CLIP"),
        ('{"model_cfg": {"vision_cfg": {}, "text_cfg": {"hf_model_name": "x/y"}}}', "would be fetched from a hub"),
    ],
)
def test_folders_that_are_none_are_told(folder, config, words):
    (folder / "open_clip_config.json").write_text(config)
    with pytest.raises(ModelError, match=words):
        ClipFinder(folder)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"holds no open_clip_model\.safetensors"):
        ClipFinder(folder)


def test_without_open_clip_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ModelError, match=r'pip install "napari-volsweep\[clip\]"'):
        ClipFinder(folder)
