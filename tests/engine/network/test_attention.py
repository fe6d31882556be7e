"""Memory attention, rearranged, against upstream's own module."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.attention import attend_to_memory, attend_within
from volsweep.engine.network.build import build
from volsweep.engine.network.inference import encode
from volsweep.errors import ModelError
from volsweep.models import find_model


@pytest.mark.parametrize("pointers", [0, 8])
@pytest.mark.parametrize("memories", [1, 3])
@pytest.mark.parametrize("name", ["nano", "random_tiny"])
def test_equals_upstreams_module(name, memories, pointers, request):
    network = request.getfixturevalue(name)
    model, (places, channels) = network.sam2, network.positions.image.shape
    generator = torch.Generator().manual_seed(4)
    side = round(places**0.5)
    coarse = torch.randn(2, channels, side, side, generator=generator)
    memory, position = torch.randn(2, 2, memories * places + pointers, model.mem_dim, generator=generator)
    with network.running():
        attended = attend_within(model, coarse, network.positions.image)
        ours = attend_to_memory(model, attended, memory, position, pointers)
        theirs = model.memory_attention(
            curr=coarse.flatten(2).permute(2, 0, 1),
            curr_pos=network.positions.image[:, None].expand(-1, 2, -1),
            memory=memory.transpose(0, 1),
            memory_pos=position.transpose(0, 1),
            num_obj_ptr_tokens=pointers,
        )
    torch.testing.assert_close(ours, theirs.transpose(0, 1), atol=2e-5, rtol=2e-4)
    assert theirs.std() > 0.1


def test_a_network_built_otherwise_is_refused(tmp_path):
    yaml = find_model("volsweep-nano").config_path.read_text()
    assert yaml.count("pos_enc_at_cross_attn_keys: true") == 1
    path = tmp_path / "other.yaml"
    path.write_text(yaml.replace("pos_enc_at_cross_attn_keys: true", "pos_enc_at_cross_attn_keys: false"))
    with pytest.raises(ModelError, match="memory attention"):
        build(path)


def test_a_loaded_network_encodes_as_a_built_one(nano):
    """Kept positional embeddings and oneDNN's products change nothing but the last digits."""
    plain = build(find_model("volsweep-nano").config_path)
    plain.load_state_dict(nano.state_dict())
    grey = torch.rand(2, 1, nano.image_size, nano.image_size, generator=torch.Generator().manual_seed(1))
    usual = encode(plain, grey)
    for _ in range(2):
        torch.testing.assert_close(encode(nano, grey).attended, usual.attended, atol=1e-4, rtol=1e-3)
