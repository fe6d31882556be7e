"""Maps: as the network alone makes them, in tiles where a volume is larger, and back on voxels."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit
from support.lit_finder import head

from volsweep.finder.heat import AIR_HU, heat_of, sampled_on
from volsweep.finder.net import FinderNet, channels_of
from volsweep.geometry import Grid
from volsweep.lattice import Lattice
from volsweep.volume import Volume


def test_a_small_volume_is_seen_as_one():
    torch.manual_seed(0)
    net, volume = FinderNet(3, (8, 16)).eval(), head()
    heat = heat_of(net, volume, 6.0, [2, 0])
    values, inside = heat.lattice.sample(volume)
    padded = np.pad(np.where(inside, values, AIR_HU), [(0, -n % 4) for n in values.shape], constant_values=AIR_HU)
    with torch.no_grad():
        logits = net(channels_of(torch.from_numpy(padded.astype(np.float32))[None]))[0].numpy()
    z, y, x = values.shape
    assert np.allclose(heat.maps, expit(logits[[2, 0], :z, :y, :x]), atol=1e-5)


class _Local(torch.nn.Module):
    """Answers with what it is shown."""

    whole = 16

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return seen[:, 1:]


def test_tiles_of_a_large_volume_fit_together():
    array = np.random.default_rng(0).integers(-900, 900, (230, 20, 130)).astype(np.int16)
    volume = Volume(array, Grid(array.shape, np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]]), modality="CT")
    heat = heat_of(_Local(), volume, 1.0, [0])
    values, _ = heat.lattice.sample(volume)
    assert np.allclose(heat.maps[0], expit((values - 100) / 1100), atol=1e-5)


def test_threads_are_as_they_were():
    before = torch.get_num_threads()
    heat_of(_Local(), head(), 6.0, [0])
    assert torch.get_num_threads() == before


def test_a_map_is_sampled_at_voxels():
    volume = head()
    lattice = Lattice.over(volume.grid, 3.0)
    ramp = lattice.points_lps_mm()[..., 0].astype(np.float32)  # a map that is linear is met exactly
    found = sampled_on(ramp, lattice, volume.grid, ([4, 5, 6], [8, 9, 20]))
    assert found.shape == (5, 5, 15)
    assert np.allclose(found, volume.grid.to_lps_mm((0, 0, 6))[0] + 2 * np.arange(15), atol=1e-3)
