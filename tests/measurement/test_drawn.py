"""Rulers and angles against SimpleITK's physical points and Python's own trigonometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK
from pydantic import ValidationError

from volsweep.geometry import Grid, Plane
from volsweep.measurement import DrawnMeasure


def tilted() -> tuple[Grid, SimpleITK.Image]:
    """An oblique grid, and the same as SimpleITK has it."""
    turn = SimpleITK.Euler3DTransform()
    turn.SetRotation(0.3, -0.2, 0.5)
    image = SimpleITK.Image([30, 24, 12], SimpleITK.sitkUInt8)
    image.SetSpacing((0.7, 1.1, 4.0))
    image.SetDirection(turn.GetMatrix())
    image.SetOrigin((10.0, -20.0, 30.0))
    affine = np.eye(4)
    matrix = np.array(turn.GetMatrix()).reshape(3, 3) * np.array([0.7, 1.1, 4.0])
    affine[:3, :3], affine[:3, 3] = matrix[:, ::-1], image.GetOrigin()
    return Grid((12, 24, 30), affine), image


def place(image: SimpleITK.Image, point_zyx) -> np.ndarray:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(v) for v in point_zyx[::-1]]))


@pytest.mark.parametrize("plane", Plane)
def test_lengths_and_angles_are_the_patients(plane):
    grid, image = tilted()
    points = ((3.0, 4.5), (11.25, 8.0), (6.0, 10.0))
    ruler = DrawnMeasure(kind="ruler", plane=plane, slice=5, points_xy=points[:2])
    a, b, c = (
        place(image, p) for p in DrawnMeasure(kind="angle", plane=plane, slice=5, points_xy=points).points_zyx(grid)
    )
    assert ruler.value(grid) == pytest.approx(math.dist(a, b))
    expected = math.degrees(math.acos(((a - b) @ (c - b)) / (math.dist(a, b) * math.dist(c, b))))
    angle = DrawnMeasure(kind="angle", plane=plane, slice=5, points_xy=points)
    assert angle.value(grid) == pytest.approx(expected)
    assert angle.words(grid) == f"{expected:.1f}°"
    assert ruler.words(grid) == f"{math.dist(a, b):.1f} mm"


def test_a_straight_angle_and_a_right_one():
    grid = Grid.axis_aligned((4, 20, 20), (3, 2, 1))
    flat = DrawnMeasure(kind="angle", slice=1, points_xy=((1, 5), (5, 5), (9, 5)))
    right = DrawnMeasure(kind="angle", slice=1, points_xy=((1, 5), (5, 5), (5, 9)))
    half = DrawnMeasure(kind="angle", slice=1, points_xy=((5, 1), (1, 1), (5, 3)))  # 4 mm along x, 4 mm along y
    assert [round(one.value(grid), 3) for one in (flat, right, half)] == [180, 90, 45]


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("ruler", ((1, 1),)),
        ("ruler", ((1, 1), (1, 1))),
        ("angle", ((1, 1), (2, 2))),
        ("angle", ((1, 1), (2, 2), (2, 2))),
    ],
)
def test_what_has_no_sides_is_refused(kind, points):
    with pytest.raises(ValidationError, match=f"a measured {kind}"):
        DrawnMeasure(kind=kind, slice=0, points_xy=points)
