"""Slices of a volume as grey frames, and as the model's input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames, model_input
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.volume import Volume


@pytest.mark.parametrize(
    ("plane", "axis", "spacing"),
    [("axial", 0, (3.0, 2.0, 0.5)), ("coronal", 1, (2.0, 3.0, 0.5)), ("sagittal", 2, (0.5, 3.0, 2.0))],
)
def test_frames_are_slices_in_the_window(rng, plane, axis, spacing):
    stored = rng.integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    volume = Volume(stored, Grid.axis_aligned(stored.shape, (3.0, 2.0, 0.5)), modality="CT")
    frames = Frames(volume, plane, Window(50, 400))
    assert len(frames) == frames.count == stored.shape[axis]
    assert (frames.spacing_mm, *frames.spacing_yx_mm) == spacing
    for index in range(len(frames)):
        taken = stored.take(index, axis)
        assert frames[index].shape == frames.shape_yx == taken.shape
        np.testing.assert_allclose(frames[index], ((taken - (50 - 200)) / 400.0).clip(0, 1), atol=1e-6)


def test_a_crop_of_the_models_size_is_not_resampled(rng):
    frame = rng.random((40, 40)).astype(np.float32)
    made = model_input(frame, Crop(left=5, top=8, width=32, height=32, size=32))
    np.testing.assert_array_equal(made[0, 0].numpy(), frame[8:40, 5:37])


def test_merged_pixels_are_averaged_not_sampled(rng):
    """Noise over four times four pixels falls to about a quarter; sampled it would stay."""
    frame = rng.normal(0.5, 0.1, (128, 128)).astype(np.float32)
    made = model_input(frame, Crop.whole(frame.shape, 32))
    assert made.shape == (1, 1, 32, 32)
    assert made.dtype == torch.float32
    assert float(made.mean()) == pytest.approx(frame.mean(), abs=0.002)
    assert float(made.std()) < 0.035
