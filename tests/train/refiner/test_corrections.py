"""Where a reader clicks."""

from __future__ import annotations

import numpy as np
import torch

from volsweep.train.refiner.corrections import Correction, next_correction

SHAPE = (32, 48, 48)


def boxed(*ranges):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*r) for r in ranges)] = True
    return mask


TRUTH = boxed((10, 20), (10, 30), (10, 30))
KNOWN = np.ones(SHAPE, bool)


def test_what_is_missing_is_clicked_positive_and_what_is_too_much_negative():
    rng = np.random.default_rng(0)
    half, more = boxed((10, 20), (10, 30), (10, 18)), TRUTH | boxed((10, 20), (32, 44), (10, 30))
    for _ in range(20):
        missing = next_correction(rng, half, TRUTH, KNOWN)
        assert missing.positive
        assert TRUTH[missing.cell_zyx]
        assert not half[missing.cell_zyx]
        extra = next_correction(rng, more, TRUTH, KNOWN)
        assert not extra.positive
        assert more[extra.cell_zyx]
        assert not TRUTH[extra.cell_zyx]


def test_the_largest_region_is_clicked_most_often_near_its_middle():
    rng = np.random.default_rng(1)
    found = TRUTH | boxed((10, 20), (34, 46), (10, 40)) | boxed((26, 28), (2, 5), (2, 5))
    clicks = [next_correction(rng, found, TRUTH, KNOWN).cell_zyx for _ in range(60)]
    large = [c for c in clicks if c[1] >= 34]
    assert len(large) > 50
    assert all(36 <= y <= 43 for _, y, _ in large)


def test_nobody_clicks_on_nothing_nor_where_nothing_is_known():
    rng = np.random.default_rng(2)
    assert next_correction(rng, TRUTH, TRUTH, KNOWN) is None
    one = TRUTH.copy()
    one[15, 15, 15] = False
    assert next_correction(rng, one, TRUTH, KNOWN) is None
    assert next_correction(rng, ~KNOWN, TRUTH, ~KNOWN) is None


def test_nearness_falls_with_the_distance_in_space():
    near = Correction((16, 24, 24), True).nearness()
    assert near[16, 24, 24] == 1
    # A plane is 4.8 pixels, a cell 2.
    assert near[17, 24, 24] < near[16, 24, 26] < near[16, 24, 25]
    assert near[20].max() == 0


def test_a_click_lies_in_its_cell():
    rng = np.random.default_rng(3)
    for _ in range(20):
        plane, row, column = Correction((4, 7, 40), False).pixel_zyx(rng)
        assert plane == 4
        assert 14 <= row < 16
        assert 80 <= column < 82


def test_after_a_click_a_slice_is_right_near_it_and_as_it_was_found_elsewhere():
    truth, found = (torch.zeros(32, 48, 48, dtype=torch.bool) for _ in range(2))
    truth[10, 10:20, 10:20] = True
    found[10, 10:20, 10:15] = True  # half of it
    found[10, 30:34, 30:34] = True  # and a part far away that is wrong
    click, logits = Correction((10, 15, 17), True), torch.where(found, 4.0, -4.0)
    shown = np.mean([click.shown_after(np.random.default_rng(seed), logits, truth) for seed in range(40)], axis=0)
    assert shown.shape == (96, 96)
    assert shown[31, 35] == 1, "where it was clicked"
    assert (shown[62:66, 62:66] == 1).all(), "a click says nothing of what is far away"
    assert (shown[24:36, 22:28] > 0.8).all(), "what was right stays"
    assert 0.2 < shown[22, 38] < 0.95, "a corner of the wrong part: put right more often than not"
    assert (shown[:10] == 0).all()
