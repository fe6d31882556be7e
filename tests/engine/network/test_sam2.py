"""The parts of SAM 2, run one by one, against `SAM2Base` itself."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.sam2 import Asked, encode_levels, run_decoder


@pytest.fixture(scope="module")
def seen(nano, random_tiny):
    """What both networks' encoders make of two slices of noise."""
    found = {}
    for name, net in (("nano", nano), ("random_tiny", random_tiny)):
        grey = torch.rand(2, 1, net.image_size, net.image_size, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            found[name] = net.sam2, encode_levels(net.sam2, grey)
    return found


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("bias", [0.0, -40.0], ids=["as it is", "nothing there"])
@pytest.mark.parametrize("name", ["nano", "random_tiny"])
def test_the_decoder_is_upstreams(name, bias, several, seen):
    sam2, levels = seen[name]
    generator = torch.Generator().manual_seed(4)
    *finer, coarse = levels.maps()
    points = {
        "point_coords": sam2.image_size * torch.rand(2, 3, 2, generator=generator),
        "point_labels": torch.tensor([[2, 3, 1], [1, 0, 1]], dtype=torch.int32),
    }
    dense = torch.randn(2, 1, sam2.image_size // 4, sam2.image_size // 4, generator=generator)
    head = sam2.sam_mask_decoder.pred_obj_score_head.layers[-1].bias
    with torch.no_grad():
        head += bias
        try:
            for given in (points, None):
                ours = run_decoder(sam2, coarse, finer, Asked(given, dense, several))
                _, _, ious, logits, large, pointer, score = sam2._forward_sam_heads(
                    coarse, given, dense, finer, several
                )
                pairs = [(ours.ious, ious), (ours.logits, logits), (ours.input_logits, large)]
                for mine, upstreams in [*pairs, (ours.pointer, pointer), (ours.object_score, score)]:
                    torch.testing.assert_close(mine, upstreams, rtol=0, atol=0)
                assert bool(score.max() < 0) or not bias
        finally:
            head -= bias
