"""What of a study is taken for patient."""

from __future__ import annotations

import numpy as np

from volsweep.geometry import Grid
from volsweep.registration.body import body_of
from volsweep.volume import Volume

SHAPE = (4, 30, 30)
GRID = Grid.axis_aligned(SHAPE, (3, 3, 3))


def scan(inside: float, air: float, modality: str) -> Volume:
    values = np.full(SHAPE, air, np.float32)
    values[:, 5:25, 5:25] = inside
    values[:, 12:16, 12:16] = air  # a lung
    values[:, 0, 0] = inside  # a speck beside
    return Volume(values, GRID, modality)


def body(volume: Volume) -> np.ndarray:
    return body_of(volume.array_zyx, np.ones(SHAPE, bool), volume)


def test_it_is_one_piece_without_holes_in_ct_and_in_mr():
    expected = np.zeros(SHAPE, bool)
    expected[:, 5:25, 5:25] = True
    corners = [(y, x) for y in (5, 24) for x in (5, 24)]  # an opening by one point rounds them
    for volume in (scan(40, -1000, "CT"), scan(500, 0, "MR")):
        found = body(volume)
        differs = np.argwhere((found != expected)[1:3].any(axis=0))  # and the first slice and the last
        assert {tuple(one) for one in differs.tolist()} <= set(corners)


def test_where_there_is_no_air_all_that_is_shown_is_patient():
    volume = Volume(np.zeros(SHAPE, np.float32), GRID, "MR")
    assert body(volume).all()
    assert not body_of(volume.array_zyx, np.zeros(SHAPE, bool), volume).any()
