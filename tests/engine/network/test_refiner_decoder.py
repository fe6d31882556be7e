"""The refiner's decoder taken apart gives what the whole gives."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.refiner import BEFORE, DEPTH, MAPS, NEGATIVE, OUT, SIDE, Refiner, RefinerDecoder


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(11)
    return Refiner().eval()


@torch.no_grad()
def test_sums_in_another_order_are_the_same(net):
    generator = torch.Generator().manual_seed(2)
    features = net.encode(torch.rand(1, DEPTH, SIDE, SIDE, generator=generator))
    maps = torch.randn(2, MAPS, DEPTH, OUT, OUT, generator=generator)
    start = torch.randn(2, 1, DEPTH, OUT, OUT, generator=generator)
    decoder = RefinerDecoder(net)
    prepared = decoder.prepare(features)
    for one in ([0], [1]):
        whole = net.decode(features, maps[one], start[one])
        told = decoder.told(prepared, maps[one])
        torch.testing.assert_close(decoder.decode(told, start[one]), whole, rtol=1e-4, atol=1e-4)
    assert prepared.nbytes == sum(t.numel() * 4 for t in (*prepared.first, *prepared.beside))


@torch.no_grad()
def test_a_map_that_changes_is_told_by_its_difference_and_what_was_told_stays(net):
    generator = torch.Generator().manual_seed(3)
    side = 32
    features = net.encode(torch.rand(1, DEPTH, side, side, generator=generator))
    maps = torch.randn(1, MAPS, DEPTH, side // 2, side // 2, generator=generator)
    start, change = (torch.randn(1, 1, DEPTH, side // 2, side // 2, generator=generator) for _ in range(2))
    decoder = RefinerDecoder(net)
    told = decoder.told(decoder.prepare(features), maps)
    before = decoder.decode(told, start)
    for which in (BEFORE, NEGATIVE):
        other = maps.clone()
        other[:, which] += change[:, 0]
        found = decoder.decode(decoder.told(told, change, which), start)
        torch.testing.assert_close(found, net.decode(features, other, start), rtol=1e-4, atol=1e-4)
    assert torch.equal(decoder.decode(told, start), before)
