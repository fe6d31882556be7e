"""The refiner's decoder taken apart gives what the whole gives."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.refiner import DEPTH, MAPS, OUT, SIDE, Refiner, RefinerDecoder


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(11)
    return Refiner().eval()


@torch.no_grad()
def test_sums_in_another_order_are_the_same(net):
    generator = torch.Generator().manual_seed(2)
    features = net.encode(torch.rand(1, DEPTH, SIDE, SIDE, generator=generator))
    maps = torch.randn(1, MAPS, DEPTH, OUT, OUT, generator=generator).repeat(3, 1, 1, 1, 1)
    maps[2, 8, 4:9, 10:30, 10:20] += 1
    start = torch.randn(1, 1, DEPTH, OUT, OUT, generator=generator)
    decoder = RefinerDecoder(net)
    prepared = decoder.prepare(features)
    whole = net.decode([f.expand(3, -1, -1, -1, -1) for f in features], maps, start.expand(3, -1, -1, -1, -1))
    assert not torch.allclose(whole[0], whole[2], atol=1e-2)
    torch.testing.assert_close(decoder.decode(prepared, maps, start), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decoder.decode(prepared, maps[:1], start), whole[:1], rtol=1e-4, atol=1e-4)
    assert prepared.nbytes == sum(t.numel() * 4 for t in (*prepared.first, *prepared.beside))
