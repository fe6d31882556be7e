"""Our yamls against those that sam2 ships: the same network, key by key and shape by shape."""

from __future__ import annotations

import functools
from importlib.resources import files
from unittest.mock import patch

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import ListConfig, OmegaConf
from sam2.modeling.sam2_base import SAM2Base

from volsweep.models import MODELS, find_model

UPSTREAM = {
    "sam2.1-tiny": "sam2.1_hiera_t.yaml",
    "sam2.1-small": "sam2.1_hiera_s.yaml",
    "sam2.1-base-plus": "sam2.1_hiera_b+.yaml",
    "sam2.1-large": "sam2.1_hiera_l.yaml",
    "medsam2-latest": "sam2.1_hiera_t.yaml",
}


def build_without_memory(model_config) -> SAM2Base:
    """A network on the meta device; Hiera reads numbers off a linspace, which needs a real one."""
    with torch.device("meta"), patch("torch.linspace", functools.partial(torch.linspace, device="cpu")):
        return instantiate(model_config)


def upstream_config(name):
    return OmegaConf.load(str(files("sam2") / "configs" / "sam2.1" / name)).model


def shapes(model):
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def scalars(model):
    """Plain settings of the network and of every part of it."""
    return {
        f"{path}.{name}": tuple(value) if isinstance(value, list | ListConfig) else value
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if not name.startswith("_") and isinstance(value, int | float | str | tuple | list | ListConfig | None)
    }


@pytest.mark.parametrize(("model_id", "upstream"), UPSTREAM.items())
def test_same_network_as_upstream(model_id, upstream):
    ours = build_without_memory(OmegaConf.load(find_model(model_id).config_path).model)
    theirs = build_without_memory(upstream_config(upstream))
    assert shapes(ours) == shapes(theirs)
    settings, upstream_settings = scalars(ours), scalars(theirs)
    differing = {name for name, value in settings.items() if value != upstream_settings.get(name, "absent")}
    differing |= upstream_settings.keys() - settings.keys()
    # What build_sam2_video_predictor switches on for inference, and the size of MedSAM2's input.
    inference = {
        ".binarize_mask_from_pts_for_mem_enc",
        ".sam_mask_decoder_extra_args",
        "sam_mask_decoder.dynamic_multimask_via_stability",
    }
    size = {".image_size", ".sam_image_embedding_size", "sam_prompt_encoder.image_embedding_size",
            "sam_prompt_encoder.input_image_size", "sam_prompt_encoder.mask_input_size"}  # fmt: skip
    assert differing - inference == (size if model_id.startswith("medsam2") else set())
    assert inference <= differing


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_registered_image_size_and_rope_are_the_yamls(spec):
    config = OmegaConf.load(spec.config_path).model
    assert config.image_size == spec.image_size
    for attention in (config.memory_attention.layer.self_attention, config.memory_attention.layer.cross_attention):
        assert list(attention.feat_sizes) == [spec.image_size // 16] * 2


def test_inference_settings_are_those_upstream_composes():
    """Read from sam2's own builder, so that a new sam2 with other settings is noticed."""
    import sam2.build_sam

    composed = {}

    def record(config_name, overrides):
        composed.update(o.removeprefix("++model.").split("=") for o in overrides)
        return OmegaConf.create({"model": {}})

    with patch.object(sam2.build_sam, "compose", record), patch.object(sam2.build_sam, "instantiate"):
        sam2.build_sam.build_sam2_video_predictor("x", device="cpu")
    # Handled by the engine: it is its own predictor, and fills holes outside the network.
    del composed["_target_"], composed["fill_hole_area"]
    for model_id in UPSTREAM:
        config = OmegaConf.load(find_model(model_id).config_path).model
        assert {key: str(OmegaConf.select(config, key)).lower() for key in composed} == composed


@pytest.mark.parametrize("image_size", [1024, 256])
def test_tiny_is_really_built_and_takes_any_image_size(image_size):
    config = OmegaConf.load(find_model("sam2.1-tiny").config_path).model
    config.image_size = image_size
    model = instantiate(config)
    assert isinstance(model, SAM2Base)
    assert shapes(model) == shapes(build_without_memory(upstream_config("sam2.1_hiera_t.yaml")))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(38.9e6, rel=0.01)
    if image_size == 256:
        with torch.no_grad():
            features = model.forward_image(torch.zeros(1, 3, image_size, image_size))
        assert features["vision_features"].shape == (1, 256, 16, 16)
