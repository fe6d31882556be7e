"""The finder's network: shapes, and that each cell answers for the points that lie in it."""

from __future__ import annotations

import pytest
import torch

from volsweep.finder.net import FinderNet, channels_of


@pytest.mark.parametrize("widths", [(8, 16), (8, 8, 16)])
def test_every_point_has_an_answer_for_every_name(widths):
    net = FinderNet(3, widths).eval()
    side = net.whole
    seen = channels_of(torch.zeros(2, side, 2 * side, 3 * side))
    with torch.no_grad():
        assert net(seen).shape == (2, 3, side, 2 * side, 3 * side)


def test_answers_lie_where_their_cells_do():
    """The last layer's eight channels a name are the points of a cell, last axis fastest."""
    net = FinderNet(1, (8, 8)).eval()
    with torch.no_grad():
        net.out.weight.zero_()
        net.out.bias.copy_(torch.arange(8.0))
        found = net(channels_of(torch.zeros(1, 8, 8, 8)))[0, 0]
    z, y, x = torch.meshgrid(*[torch.arange(8)] * 3, indexing="ij")
    assert torch.equal(found, (4 * (z % 2) + 2 * (y % 2) + x % 2).float())


def test_channels_are_soft_tissue_and_everything():
    soft, wide = channels_of(torch.tensor([[[[-1000.0, 40.0, 240.0, 1200.0]]]]))[0]
    assert soft.flatten().tolist() == [-1, 0, 1, 1]
    assert wide.flatten().tolist() == pytest.approx([-1, -0.0545, 0.1273, 1], abs=1e-3)
