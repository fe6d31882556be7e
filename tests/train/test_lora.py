from __future__ import annotations

import copy

import pytest
import torch

from volsweep.engine.network.build import build, load_weights
from volsweep.errors import ModelError
from volsweep.models import find_model
from volsweep.train.loop import initial_model, train
from volsweep.train.lora import LoraLinear, add_lora, merged_state


@pytest.fixture
def plain(tiny):
    return initial_model(tiny)[0]


def test_adapters_change_nothing_at_first(plain):
    adapted = copy.deepcopy(plain)
    count = add_lora(adapted, 4)
    assert count > 20
    x = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(
            adapted.sam2.image_encoder(x)["vision_features"], plain.sam2.image_encoder(x)["vision_features"]
        )


def test_few_weights_learn(plain):
    total = sum(p.numel() for p in plain.parameters())
    add_lora(plain, 4)
    learning = sum(p.numel() for p in plain.parameters() if p.requires_grad)
    assert learning < 0.15 * total
    assert all(not m.base.weight.requires_grad for m in plain.modules() if isinstance(m, LoraLinear))


def test_merged_equals_unmerged(plain):
    adapted = copy.deepcopy(plain)
    add_lora(adapted, 4)
    for module in adapted.modules():
        if isinstance(module, LoraLinear):
            torch.nn.init.normal_(module.lora_up, std=0.02)
    merged = copy.deepcopy(plain)
    merged.load_state_dict(merged_state(adapted.state_dict()), strict=True)
    x = torch.randn(2, 3, 128, 128)
    tokens = torch.randn(2, 6, 128)
    with torch.no_grad():
        for a, b in zip(
            merged.sam2.forward_image(x)["backbone_fpn"], adapted.sam2.forward_image(x)["backbone_fpn"], strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
        image, pe = torch.randn(2, 128, 8, 8), torch.randn(2, 128, 8, 8)
        one = merged.sam2.sam_mask_decoder.transformer(image, pe, tokens)
        two = adapted.sam2.sam_mask_decoder.transformer(image, pe, tokens)
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
        before = plain.sam2.sam_mask_decoder.transformer(image, pe, tokens)
        assert not torch.allclose(before[0], two[0], atol=1e-3)


def test_a_lora_run_exports_a_plain_model(tiny, tmp_path):
    config = tiny.model_copy(update={"lora": 2, "steps": 2, "output": tmp_path / "lora"})
    path = train(config)
    spec = find_model(path)
    model = build(spec.config_path)
    load_weights(model, path)  # strict: no adapters are left in the file
    assert not any(isinstance(module, LoraLinear) for module in model.modules())


def test_a_rank_larger_than_every_layer_is_refused(plain):
    with pytest.raises(ModelError, match="rank"):
        add_lora(plain, 5000)
