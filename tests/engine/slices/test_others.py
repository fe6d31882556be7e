"""What other objects hold: counted cell by cell, and one key for one thing."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.others import Others


@pytest.fixture
def held() -> np.ndarray:
    held = np.zeros((9, 40, 50), dtype=bool)
    held[3:6, 10:20, 12:30] = True
    held[4, 12, 14] = False
    return held


def test_a_cell_holds_as_much_as_its_voxels(held):
    others = Others.of(held)
    crop = Crop(8, 4, 32, 32, 128)
    for index in range(9):
        shares = others.shares(index, crop, 32)
        if not held[index].any():
            assert shares is None
        else:
            np.testing.assert_allclose(shares, held[index, 4:36, 8:40], atol=1e-5)
    coarse = others.shares(4, crop, 8).numpy()
    assert coarse.mean() == pytest.approx(held[4, 4:36, 8:40].mean(), abs=0.02)
    assert others.shares(4, Crop(40, 30, 16, 16, 128), 16) is None


def test_a_window_over_the_edge_holds_nothing_beyond(held):
    shares = Others.of(held).shares(4, Crop(-6, -6, 32, 32, 128), 32).numpy()
    assert not shares[:6].any()
    np.testing.assert_allclose(shares[6:, 6:], held[4, :26, :26], atol=1e-5)


def test_the_same_voxels_are_the_same_key(held):
    one, same = Others.of(held), Others.of(held.copy())
    assert one == same
    assert hash(one) == hash(same)
    held[4, 12, 15] = False
    assert Others.of(held) != one
    assert Others.of(np.roll(held, 1, axis=0)) != Others.of(held)
    assert Others.of(np.zeros((3, 4, 5), dtype=bool)) is None
