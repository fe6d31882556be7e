"""Ellipses against their equation, as numpy and complex numbers have it."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.body.ellipse import Ellipse


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
def test_what_is_smaller_than_a_pixel_is_about_one(ends):
    for ellipse in (Ellipse.in_box(np.array(ends)), Ellipse.along(np.array(ends), 0.4)):
        assert ellipse.half == (0.5, 0.5)
        np.testing.assert_array_equal(np.argwhere(inside(ellipse, 12)), [[5, 5]])
