"""Sections of spheroids against the geometry of spheroids."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.engine.spheroid import ELONGATION, Outline, box_sections, shrunk_further


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def radius_of(logits):
    return float(np.sqrt((np.asarray(logits) > 0).sum() / np.pi))


@pytest.mark.parametrize("radius", [6, 14, 24])
def test_a_disc_goes_on_as_a_spheroid(radius):
    outline = Outline.of(disc(radius))
    assert outline.radius == pytest.approx(radius, rel=0.03)
    half_axis = ELONGATION * radius
    for distance in (0.0, 0.3 * half_axis, 0.7 * half_axis, 0.9 * half_axis):
        expected = radius * np.sqrt(1 - (distance / half_axis) ** 2)
        section = outline.section(outline.shrunk_after(distance))
        assert radius_of(section) == pytest.approx(expected, abs=0.7)
    assert not (outline.section(outline.shrunk_after(1.05 * half_axis)) > 0).any()
    beyond = [float(outline.section(outline.shrunk_after(d * half_axis)).max()) for d in (1.1, 1.4, 2)]
    assert beyond[0] > beyond[1] > beyond[2]  # further beyond the end, surer of it


def test_the_outline_itself_is_kept_whatever_its_shape():
    mask = disc(20) & ~disc(12, centre=(24, 38))
    section = Outline.of(mask).section(1.0)
    assert (np.asarray(section > 0) == mask).mean() > 0.99


def test_nothing_goes_on_as_nothing():
    outline = Outline.of(np.zeros((16, 16), dtype=bool))
    assert not (outline.section(outline.shrunk_after(0.0)) > 0).any()
    assert outline.towards(Outline.of(disc(4, 16)), 0.4).radius == 0


def test_half_way_between_two_outlines_lies_the_mean_one():
    between = Outline.of(disc(20)).towards(Outline.of(disc(10)), 0.5)
    assert radius_of(between.section(1.0)) == pytest.approx(15, abs=0.5)


def test_two_outlines_tell_how_long_the_body_is():
    widest, usual = 20.0, ELONGATION * 20
    for half_axis in (0.8 * usual, usual, 1.4 * usual):
        radius = {d: widest * np.sqrt(1 - (d / half_axis) ** 2) for d in (18, 21)}
        found = shrunk_further(widest, radius[18], 18, 3) * radius[18] ** 2
        assert np.sqrt(found) == pytest.approx(radius[21], abs=1.2)
        # Better than without the second one, where its proportions are unusual.
        alone = widest * np.sqrt(max(0, 1 - (21 / usual) ** 2))
        assert abs(np.sqrt(found) - radius[21]) <= abs(alone - radius[21]) + 0.3
    assert shrunk_further(widest, 12.0, 18, 0) == pytest.approx(1)
    assert shrunk_further(widest, 12.0, 18, 40) < 0
    # Two slices far apart and hardly different: longer than any proportion foresees, yet it goes on from there.
    assert 0 < shrunk_further(10, 9.9, 60, 1) < 1


def test_a_little_less_on_the_next_slice_does_not_end_a_body():
    """A click took a tenth off the outline one slice on: by geometry alone the body would end two slices later."""
    assert shrunk_further(20.0, 18.0, 1.0, 3.0) > 0.8


def test_a_box_holds_its_ellipse():
    sections = box_sections(torch.tensor([[[20.0, 40.0], [80.0, 60.0]], [[3.0, 3.0], [3.0, 3.0]]]), 128)
    assert sections.shape == (2, 1, 32, 32)
    y, x = np.mgrid[:32, :32] * 4 + 1.5
    inside = ((x - 50) / 31) ** 2 + ((y - 50) / 11) ** 2 < 1
    np.testing.assert_array_equal(sections[0, 0] > 0, inside)
    assert torch.isfinite(sections).all()
