"""Ten sweeps and resets of a long volume leave no more behind than the first one did."""

from __future__ import annotations

import gc

import numpy as np
import psutil
import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.geometry import Grid
from volsweep.napari.canvas.layers import image_layer
from volsweep.volume import Volume

SLICES = 300


@pytest.fixture(scope="module")
def long_volume() -> Volume:
    """The phantom, each slice repeated, with noise of its own."""
    array = volsweep.read_volume(sample().series).array_zyx
    repeated = np.repeat(array, -(-SLICES // len(array)), axis=0)[:SLICES]
    noise = np.random.default_rng(0).normal(0, 4, repeated.shape).astype(np.int16)
    return Volume(repeated + noise, Grid.axis_aligned(repeated.shape, (0.6, 1.4, 1.4)), "CT")


def resident_mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


@pytest.mark.slow
@pytest.mark.gui
@pytest.mark.timeout(900)
def test_ten_sweeps_and_resets(window, long_volume, record_property):
    from napari.layers import Layer

    controller = window.controller
    window.viewer.add_layer(Layer.create(*image_layer(long_volume, "long")))
    window.until(lambda: controller.volume is not None)
    used = []
    for i in range(10):
        # Another box each time, so that nothing is answered from memory.
        box = (50 - 2 * i, 95 - i, 90 + 2 * i, 130 + 3 * i)
        controller.tools.drawn(volsweep.Box(label=1, slice=160, box_xyxy=box))
        controller.sweep(patience=0)
        window.until(lambda: controller.is_idle, 300)
        assert len(window.slices_with) > 10
        controller.objects.delete(1)
        window.until(lambda: controller.is_idle)
        window.idle()
        used.append(resident_mb())
        print(f"after {i + 1} sweeps and resets: {used[-1]:.0f} MB", flush=True)
    record_property("resident_mb", [round(v) for v in used])
    assert used[-1] < 1.1 * used[0]
