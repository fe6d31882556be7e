"""Ellipses against their equation, sections of spheroids against the geometry of spheroids."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.body.spheroid import (
    ELONGATION,
    SHORT_AXIS,
    Ellipse,
    Outline,
    around_line,
    box_outline,
    line_outline,
)


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def radius_of(logits):
    return float(np.sqrt((np.asarray(logits) > 0).sum() / np.pi))


def ellipse(size, middle_xy, along, across, angle):
    """The pixels of a turned ellipse; places counted from the first pixel's edge."""
    y, x = np.mgrid[:size, :size] + 0.5
    turned = ((x - middle_xy[0]) + 1j * (y - middle_xy[1])) * np.exp(-1j * angle)
    return (turned.real / along) ** 2 + (turned.imag / across) ** 2 < 1


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
    assert outline.radius == 0
    assert not (outline.section(outline.shrunk_after(0.0)) > 0).any()


def test_a_box_holds_its_ellipse():
    outline = box_outline(np.array([4.6, 9.5, 26.2, 17.0]), 32)
    section = outline.section(1.0)
    np.testing.assert_array_equal(section > 0, ellipse(32, (15.4, 13.25), 10.8, 3.75, 0.0))
    assert outline.radius == pytest.approx(np.sqrt(10.8 * 3.75))
    # The ellipse shrinks with the distance as a disc of its area does, and keeps its proportions.
    half_way = outline.section(outline.shrunk_after(ELONGATION * outline.radius * np.sqrt(0.75)))
    np.testing.assert_array_equal(half_way > 0, ellipse(32, (15.4, 13.25), 5.4, 1.875, 0.0))


@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_a_line_lies_along_its_ellipse(degrees):
    angle = np.radians(degrees)
    reach = 12.3 * np.array([np.cos(angle), np.sin(angle)])
    outline = line_outline(np.concatenate([16.2 - reach, 16.2 + reach]), 32)
    expected = ellipse(32, (16.2, 16.2), 12.3, SHORT_AXIS * 12.3, angle)
    np.testing.assert_array_equal(outline.section(1.0) > 0, expected)
    assert np.pi * outline.radius**2 == pytest.approx(expected.sum(), rel=0.03)


@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_around_a_line_lies_the_box_of_its_ellipse(degrees):
    angle = np.radians(degrees)
    reach = 80 * np.array([np.cos(angle), np.sin(angle)])
    rows, columns = np.nonzero(ellipse(256, (120, 130), 80, SHORT_AXIS * 80, angle))
    found = around_line(np.array([120 - reach[0], 130 - reach[1], 120 + reach[0], 130 + reach[1]]))
    np.testing.assert_allclose(found, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1)


@pytest.mark.parametrize(("outlined", "length"), [(box_outline, 0.0), (box_outline, 0.4), (line_outline, 0.4)])
def test_what_is_smaller_than_a_pixel_is_about_one(outlined, length):
    outline = outlined(np.array([8.5, 8.5, 8.5 + length, 8.5]), 16)
    section = outline.section(outline.shrunk_after(0.0))
    assert section.isfinite().all()
    shown = (section > 0).nonzero().tolist()
    assert [8, 8] in shown
    assert all(abs(row - 8) <= 1 and abs(column - 8) <= 1 for row, column in shown)
    assert 0 < outline.radius <= 0.5


def inside(ellipse: Ellipse, side: int, step: float = 1.0) -> np.ndarray:
    return np.asarray(ellipse.squared_radius(side, step) < 1)


def test_a_box_holds_it_and_it_touches_every_edge():
    found = inside(Ellipse.in_box(np.array([8.0, 20.0, 52.0, 32.0])), 64)
    rows, columns = np.nonzero(found)
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (8, 52, 20, 32)
    assert found.sum() == pytest.approx(np.pi * 22 * 6, rel=0.02)
    np.testing.assert_array_equal(found[:, :60], found[:, 59::-1])


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 200])
def test_it_lies_along_its_diameter(degrees):
    turn = np.exp(1j * np.radians(degrees))
    ends = [30.5 + 31.0j + sign * 22 * turn for sign in (-1, 1)]
    ellipse = Ellipse.along(np.array([part for end in ends for part in (end.real, end.imag)]), 0.4)
    assert (ellipse.half[0], ellipse.half[1]) == (pytest.approx(22), pytest.approx(8.8))
    y, x = np.mgrid[:64, :64] + 0.5
    own = ((x - 30.5) + 1j * (y - 31.0)) / turn
    expected = (own.real / 22) ** 2 + (own.imag / 8.8) ** 2
    np.testing.assert_allclose(ellipse.squared_radius(64), expected, atol=1e-4)
    along, across = ellipse.places(64)
    np.testing.assert_allclose(along, own.real, atol=1e-4)
    np.testing.assert_allclose(across, own.imag, atol=1e-4)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
@pytest.mark.parametrize("off", [0.0, 3.0])
def test_two_axes_span_it(degrees, off):
    turn = np.exp(1j * np.radians(degrees))
    ends = [30.5 + 31.0j + at * turn for at in (-22, 22, (off - 9) * 1j, (off + 9) * 1j)]
    ellipse = Ellipse.spanned(np.array([part for end in ends for part in (end.real, end.imag)]))
    y, x = np.mgrid[:64, :64] + 0.5
    own = ((x - 30.5) + 1j * (y - 31.0)) / turn - off * 1j
    np.testing.assert_allclose(ellipse.squared_radius(64), (own.real / 22) ** 2 + (own.imag / 9) ** 2, atol=1e-4)
    drawn = inside(ellipse, 640, 0.1)
    rows, columns = np.nonzero(drawn)
    edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 10
    np.testing.assert_allclose(ellipse.edges, edges, atol=0.1)


def test_coarser_cells_see_the_same_ellipse():
    ellipse = Ellipse((20.0, 28.0), (12.0, 7.0), (0.6, 0.8))
    fine, coarse = ellipse.squared_radius(64).numpy(), ellipse.squared_radius(16, 4.0).numpy()
    middles = fine.reshape(16, 4, 16, 4)[:, 1:3, :, 1:3].mean(axis=(1, 3))
    curvature = 0.25 * (1 / 7**2 + 1 / 12**2)  # of four pixels half a pixel off the cell's middle
    np.testing.assert_allclose(middles - coarse, curvature, atol=1e-4)


@pytest.mark.parametrize("ends", [(5.5, 5.5, 5.5, 5.5), (5.4, 5.5, 5.6, 5.5)])
def test_an_ellipse_smaller_than_a_pixel_is_one(ends):
    for ellipse in (Ellipse.in_box(np.array(ends)), Ellipse.along(np.array(ends), 0.4)):
        assert ellipse.half == (0.5, 0.5)
        np.testing.assert_array_equal(np.argwhere(inside(ellipse, 12)), [[5, 5]])
