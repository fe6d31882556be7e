"""Bodies that are clicked: whatever a network proposes, they do as they are told and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from volsweep.engine.body.obeyed import obeyed
from volsweep.engine.body.refiner_maps import away_from
from volsweep.engine.body.space import PIXELS_PER_PLANE, PLANES_ZOOM
from volsweep.engine.network.refiner import DEPTH, OUT, SIDE


def smooth(seed: int) -> torch.Tensor:
    """Random logits with parts of every size."""
    noise = np.random.default_rng(seed).normal(size=(DEPTH, OUT, OUT))
    field = sum(ndimage.gaussian_filter(noise, s) * s**1.5 for s in (1, 3, 6))
    return torch.from_numpy((4 * field / field.std() - seed % 3).astype(np.float32))


@settings(max_examples=40)
@given(st.integers(0, 999), st.floats(0, DEPTH - 1), st.floats(1, SIDE - 1), st.floats(1, SIDE - 1), st.booleans())
def test_only_what_hangs_together_with_the_click_changes_and_as_it_says(seed, plane, row, column, positive):
    before, proposed, at = smooth(seed), smooth(seed + 1000), (plane, row, column)
    found = obeyed(before, proposed, at, positive)
    old, new = (before > 0).numpy(), (found > 0).numpy()
    cell = round(plane), min(int(row / 2), OUT - 1), min(int(column / 2), OUT - 1)
    assert new[cell] == positive
    changed = old != new
    assert (new[changed] == positive).all()
    _, count = ndimage.label(changed | _told(at), np.ones((3, 3, 3)))
    assert count == 1
    z, y, x = np.nonzero(changed)
    away = np.sqrt(((z - plane) * PIXELS_PER_PLANE) ** 2 + (2 * y + 1 - row) ** 2 + (2 * x + 1 - column) ** 2)
    assert (away <= SIDE / PLANES_ZOOM + 1e-3).all()
    again = obeyed(found, proposed, at, positive)
    np.testing.assert_array_equal((again > 0).numpy(), new)
    assert ((found - before) * (1 if positive else -1) >= 0).all(), "not even a logit goes the other way"


def _told(at) -> np.ndarray:
    z, y, x = np.indices((DEPTH, OUT, OUT))
    near = (np.abs(y + 0.5 - at[1] / 2) <= 1.5) & (np.abs(x + 0.5 - at[2] / 2) <= 1.5)
    return near & (np.abs(z - at[0]) < 1)


def test_a_stroke_is_as_many_clicks_on_one_plane():
    before, proposed = smooth(3), smooth(1003)
    at = np.array([[12.4, 30.0 + i, 20.0 + 2 * i] for i in range(0, 20, 2)])
    away = torch.stack([away_from(place) for place in at]).amin(0)
    np.testing.assert_allclose(away_from(at), away, atol=1e-4)
    found = obeyed(before, proposed, at, positive=False)
    for plane, row, column in at:
        assert found[round(plane), int(row / 2), int(column / 2)] < 0
    assert (found <= before).all()
    assert ((found < 0) & (before > 0) & (away > SIDE / PLANES_ZOOM)).sum() == 0
