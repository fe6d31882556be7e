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
    half_axis, widest = 30.0, 20.0
    radius = {d: widest * np.sqrt(1 - (d / half_axis) ** 2) for d in (12, 20, 26)}
    for further in (20, 26):
        expected = (radius[further] / radius[12]) ** 2
        assert shrunk_further(widest, radius[12], 12, further - 12) == pytest.approx(expected)
    assert shrunk_further(widest, radius[12], 12, 0) == 1
    assert shrunk_further(widest, radius[12], 12, 19) < 0
    # Two slices far apart and hardly different: longer than any proportion foresees, yet it goes on from there.
    assert 0 < shrunk_further(10, 9.9, 60, 1) < 1


def test_a_box_holds_its_ellipse():
    sections = box_sections(torch.tensor([[[20.0, 40.0], [80.0, 60.0]], [[3.0, 3.0], [3.0, 3.0]]]), 128)
    assert sections.shape == (2, 1, 32, 32)
    y, x = np.mgrid[:32, :32] * 4 + 1.5
    inside = ((x - 50) / 31) ** 2 + ((y - 50) / 11) ** 2 < 1
    np.testing.assert_array_equal(sections[0, 0] > 0, inside)
    assert torch.isfinite(sections).all()
