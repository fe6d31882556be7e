"""Objects carried to studies in which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from support.followed_patient import grid_around, imaged

from volsweep.follow.carry import carry
from volsweep.registration.register import Registration
from volsweep.volume import Volume


def dice(one, other) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("scale", [0.75, 1.0, 1.3])
def test_an_object_is_carried_with_its_growth(patient, baseline, move, scale):
    volume, labels = baseline
    radii = tuple(r * scale for r in patient.radii)
    later, truth = imaged(patient, grid_around(), move, radii)
    found = carry(labels.mask_zyx(3), volume, later, Registration(move, "rigid"))
    assert found.seen == 1
    assert dice(found.mask_zyx, truth) > 0.85
    if scale != 1:  # better than where the body alone would have put it
        moved_only, _ = imaged(patient, grid_around(), move, patient.radii)
        unchanged = carry(labels.mask_zyx(3), volume, moved_only, Registration(move, "rigid"))
        assert dice(found.mask_zyx, truth) > dice(unchanged.mask_zyx, truth) + 0.05


def test_what_the_follow_up_does_not_show_is_told(patient, baseline):
    volume, labels = baseline
    away = grid_around((-59.25, -53.25, 45.0))
    later, _ = imaged(patient, away, np.eye(4), patient.radii)
    found = carry(labels.mask_zyx(3), volume, later, Registration(np.eye(4), "rigid"))
    assert found.seen == 0
    assert not found.mask_zyx.any()


def test_half_of_it_beyond_the_border_is_half_seen(patient, baseline):
    volume, labels = baseline
    later, truth = imaged(patient, grid_around((-59.25, -53.25, 4.0)), np.eye(4), patient.radii)
    found = carry(labels.mask_zyx(3), volume, later, Registration(np.eye(4), "rigid"))
    assert 0.4 < found.seen < 0.65
    assert dice(found.mask_zyx, truth) > 0.85


@pytest.mark.parametrize("slices", [(0, 13), (13, 14)])
def test_an_object_that_the_baseline_shows_a_part_of_is_carried_as_far_as_that_shows_it(patient, baseline, slices):
    volume, labels = baseline
    part = slice(*slices), slice(0, 72), slice(0, 80)
    mask = labels.mask_zyx(3)[part]
    assert mask[-1].any(), "it goes on beyond the last slice"
    cut = Volume(volume.array_zyx[part], volume.grid.block(part), volume.modality)
    later, truth = imaged(patient, grid_around(), np.eye(4), patient.radii)
    found = carry(mask, cut, later, Registration(np.eye(4), "rigid"))
    assert truth[slices[1] :].any()
    assert not found.mask_zyx[slices[1] :].any()
    assert dice(found.mask_zyx[part], truth[part]) > 0.85
    assert found.alike is not None
    assert min(found.alike[:2]) > 0.9, "what the baseline does not show is not held against the later study"
