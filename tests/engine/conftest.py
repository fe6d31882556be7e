"""Networks and a volume whose truth is known, small enough for every test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from volsweep.engine.network.build import build, load_network, load_weights
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices.view import FeatureCache, Frames, View
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.models import checkpoint_path, find_model
from volsweep.volume import Volume


@pytest.fixture(scope="session")
def nano() -> VolsweepNet:
    """The bundled network, on the CPU, in float32."""
    spec = find_model("volsweep-nano")
    return load_network(spec.config_path, checkpoint_path(spec), "cpu")


@pytest.fixture(scope="session")
def unrefined(nano) -> VolsweepNet:
    """The bundled network without its refiner, which takes two thirds of a preview's time."""
    return VolsweepNet(nano.sam2, nano.body_net)


@pytest.fixture(scope="session")
def plain_nano() -> VolsweepNet:
    """The bundled weights run as upstream runs them, expecting nothing, and sure to see an object everywhere."""
    spec = find_model("volsweep-nano")
    net = build(spec.config_path)
    load_weights(net, checkpoint_path(spec))
    with torch.no_grad():
        net.sam2.sam_mask_decoder.pred_obj_score_head.layers[-1].bias += 30.0
    return VolsweepNet(net.sam2)


@pytest.fixture(scope="session")
def random_tiny() -> VolsweepNet:
    """SAM 2.1 tiny at 128 pixels with random weights that claim to see an object everywhere."""
    torch.manual_seed(7)
    net = build(find_model("sam2.1-tiny").config_path, image_size=128)
    torch.nn.init.constant_(net.sam2.sam_mask_decoder.pred_obj_score_head.layers[-1].bias, 8.0)
    return net


def blob_volume(size: int, slices: int = 14, first: int = 0, last: int | None = None) -> tuple[Volume, np.ndarray]:
    """A bright ball that drifts and breathes from `first` to `last` over a textured background, and its truth."""
    rng = np.random.default_rng(3)
    last = slices - 1 if last is None else last
    rows, columns = np.mgrid[:size, :size]
    volume = np.empty((slices, size, size), dtype=np.float32)
    truth = np.zeros((slices, size, size), dtype=bool)
    background = 60 * np.sin(columns / 9) * np.cos(rows / 13)
    for z in range(slices):
        volume[z] = background + rng.normal(0, 12, (size, size))
        if first <= z <= last:
            y, x = size * 0.45 + z, size * 0.5 - z
            radius = size * (0.14 + 0.02 * np.sin(z / 2))
            truth[z] = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
            volume[z][truth[z]] += 220
    return Volume(volume, Grid.axis_aligned(volume.shape, (3, 1, 1)), modality="CT"), truth


def view_of(network: VolsweepNet, volume: Volume, zoom: float | None = None) -> View:
    """A view of a volume's axial slices in a plain window."""
    return View(network, Frames(volume, "axial", Window(100, 500)), zoom, FeatureCache(2**28))


def empty_frames(
    shape_yx: tuple[int, int],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    heights: Sequence[float] | None = None,
) -> Frames:
    """Twenty axial slices of nothing, of a spacing (slices, rows, columns) in mm, or at heights of their own."""
    grid = Grid.axis_aligned((20, *shape_yx), spacing)
    if heights is not None:
        origins = np.zeros((20, 3))
        origins[:, 2] = heights
        affine = grid.affine.copy()
        affine[2, 0] = (heights[-1] - heights[0]) / 19
        grid = Grid(grid.shape_zyx, affine, origins)
    return Frames(Volume(np.zeros(grid.shape_zyx, np.float32), grid, modality="CT"), "axial", Window(0, 1))
