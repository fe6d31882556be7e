"""A second series on the first one's voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from volsweep.errors import GeometryError
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.registration.register import Registration
from volsweep.session.second.series import SecondSeries
from volsweep.volume import Volume

FIRST = Volume(np.zeros((6, 20, 20), np.int16), Grid.axis_aligned((6, 20, 20), (3, 1, 1)), "CT")
LYING = Registration(np.eye(4), "as they lie")


def coarse(origin=(0.0, 0.0, 0.0), fill: float = 0.0) -> Volume:
    """A PET of 4 mm: a hot column."""
    array = np.full((6, 5, 5), fill, np.float32)
    array[:, 2, 2] = 10
    return Volume(array, Grid.axis_aligned((6, 5, 5), (3, 4, 4), origin), "PT")


def test_it_is_on_the_first_ones_voxels_and_seen_through_a_window_of_its_own():
    second = SecondSeries.beside(FIRST, coarse(), register=LYING)
    assert second.volume.grid is FIRST.grid
    assert second.volume.modality == "PT"
    assert second.volume.array_zyx[3, 8, 8] == 10
    assert second.volume.array_zyx[3, 8, 6] == pytest.approx(5)
    assert second.window.name == "percentile"
    assert SecondSeries.beside(FIRST, coarse(), register=LYING, window="10/5").window == Window(5, 10)


def test_where_it_shows_nothing_is_known():
    assert SecondSeries.beside(FIRST, coarse((1.5, 1.5, 0.0)), register=LYING).imaged_zyx is None
    part = SecondSeries.beside(FIRST, coarse((9.5, 1.5, 0.0)), register=LYING)
    assert not part.imaged_zyx[:, :, :7].any()
    assert part.imaged_zyx[:, :, 9:].all()
    with pytest.raises(GeometryError, match="shows 0% of the first"):
        SecondSeries.beside(FIRST, coarse((500.0, 0.0, 0.0)), register=LYING)


def test_its_key_is_of_voxels_place_and_window():
    moved = np.eye(4)
    moved[0, 3] = 1.0
    shifted = Registration(moved, "rigid")
    others = [
        SecondSeries.beside(FIRST, coarse(fill=1.0), register=LYING),
        SecondSeries.beside(FIRST, coarse(), register=shifted),
        SecondSeries.beside(FIRST, coarse(), register=LYING, window="10/5"),
        SecondSeries.beside(FIRST, coarse((0.5, 0.0, 0.0)), register=LYING),
    ]
    keys = {one.key for one in others}
    again = SecondSeries.beside(FIRST, coarse(), register=LYING).key
    assert again == SecondSeries.beside(replace(FIRST, modality=""), coarse(), register=LYING).key
    assert len(keys | {again}) == 5
    looks = Window(5, 10), Window(5.0, 10.0)  # a session file gives the numbers back as the latter
    whole, same = (SecondSeries.beside(FIRST, coarse(), register=LYING, window=look) for look in looks)
    assert whole.key == same.key
    assert "PT, 6 slices of 5 × 5 (as they lie)" in others[0].describe()
