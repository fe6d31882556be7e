"""Grids, planes and coordinates, against nibabel and SimpleITK."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from volsweep.errors import GeometryError
from volsweep.geometry import LPS_TO_RAS, Grid, Plane, affine_from_dicom, reverse_index_order, slice_normal

AXIAL = (1, 0, 0, 0, 1, 0)


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Oblique, sheared and mirrored ones, far enough from flat."""
    axes = draw(arrays(np.float64, (3, 3), elements=st.floats(-1, 1)))
    lengths = np.linalg.norm(axes, axis=0)
    assume(lengths.min() > 0.2)
    assume(abs(np.linalg.det(axes / lengths)) > 0.2)
    affine = np.eye(4)
    affine[:3, :3] = axes / lengths * draw(arrays(np.float64, 3, elements=st.floats(0.3, 6)))
    affine[:3, 3] = draw(arrays(np.float64, 3, elements=st.floats(-500, 500)))
    return affine


@given(affines(), arrays(np.float64, (5, 3), elements=st.floats(-50, 300)))
def test_there_and_back(affine: np.ndarray, points: np.ndarray) -> None:
    grid = Grid((4, 5, 6), affine)
    np.testing.assert_allclose(grid.to_index_zyx(grid.to_lps_mm(points)), points, atol=1e-6)


@given(
    st.permutations(range(3)),
    arrays(np.float64, 3, elements=st.sampled_from([-1.0, 1.0])),
    arrays(np.float64, (3, 3), elements=st.floats(-0.25, 0.25)),
    arrays(np.float64, 3, elements=st.floats(0.3, 6)),
)
def test_orientation_is_nibabels(order: list[int], signs: np.ndarray, tilt: np.ndarray, spacing: np.ndarray) -> None:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3)[:, order] * signs + tilt) * spacing
    grid = Grid((4, 5, 6), affine)
    ras = "".join(nibabel.aff2axcodes(LPS_TO_RAS @ affine))
    assert grid.orientation == ras
    for plane, letters in ((Plane.AXIAL, "SI"), (Plane.CORONAL, "AP"), (Plane.SAGITTAL, "LR")):
        axis = grid.plane_axis(plane)
        assert ras[axis] in letters
        assert grid.plane_of_axis(axis) is plane


def test_simpleitk_agrees_on_spacing_and_place() -> None:
    image = SimpleITK.Image(6, 5, 4, SimpleITK.sitkUInt8)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((1, -2, 3))
    image.SetDirection(SimpleITK.Euler3DTransform((0, 0, 0), 0.4, 0.1, -0.7).GetMatrix())
    affine_xyz = np.eye(4)
    affine_xyz[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine_xyz[:3, 3] = image.GetOrigin()
    grid = Grid((4, 5, 6), reverse_index_order(affine_xyz))
    np.testing.assert_allclose(grid.spacing_zyx_mm, [2.5, 0.8, 0.7])
    there = image.TransformContinuousIndexToPhysicalPoint((4.5, 3.25, 1.0))
    np.testing.assert_allclose(grid.to_lps_mm([1.0, 3.25, 4.5]), there, atol=1e-9)
    assert grid.voxel_volume_mm3 == pytest.approx(0.7 * 0.8 * 2.5)
    assert grid.shear_degrees == pytest.approx(0, abs=1e-5)


def test_affine_from_dicom_is_the_standards_equation() -> None:
    """PS3.3 C.7.6.2.1-1: columns go along the first cosine by the second spacing."""
    orientation = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    grid = Grid((3, 4, 5), affine_from_dicom(orientation, (0.5, 0.9), (10, 20, 30), (2, 0, 0)))
    np.testing.assert_allclose(grid.to_lps_mm([0, 0, 0]), [10, 20, 30])
    np.testing.assert_allclose(grid.to_lps_mm([0, 0, 1]), [10, 20.9, 30])
    np.testing.assert_allclose(grid.to_lps_mm([0, 1, 0]), [10, 20, 29.5])
    np.testing.assert_allclose(grid.to_lps_mm([1, 0, 0]), [12, 20, 30])


def test_slice_normal() -> None:
    np.testing.assert_allclose(slice_normal(AXIAL), [0, 0, 1])
    np.testing.assert_allclose(slice_normal((0, 1, 0, 0, 0, -1)), [-1, 0, 0])
    for damaged in ((1, 0, 0, 1, 0, 0), (0,) * 6, (np.nan,) * 6):
        with pytest.raises(GeometryError, match="does not describe a plane"):
            slice_normal(damaged)


def test_index_order_is_its_own_inverse(rng: np.random.Generator) -> None:
    affine = rng.normal(size=(4, 4))
    np.testing.assert_array_equal(reverse_index_order(reverse_index_order(affine)), affine)
    np.testing.assert_allclose(affine @ [1, 2, 3, 1], reverse_index_order(affine) @ [3, 2, 1, 1])


@pytest.mark.parametrize(
    ("affine", "shape", "reason"),
    [
        (np.eye(3), (2, 3, 4), "4x4"),
        (np.full((4, 4), np.nan), (2, 3, 4), "finite"),
        (np.ones((4, 4)), (2, 3, 4), "last row"),
        (np.diag([1.0, 1, 0, 1]), (2, 3, 4), "flat"),
        (np.array([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), (2, 3, 4), "flat"),
        (np.eye(4), (2, 0, 4), "at least one voxel"),
        (np.eye(4), (3, 4), "three axes"),
    ],
)
def test_what_is_no_grid(affine: np.ndarray, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        Grid(shape, affine)  # type: ignore[arg-type]


def test_planes_of_a_coronal_acquisition() -> None:
    affine = affine_from_dicom((1, 0, 0, 0, 0, -1), (0.8, 0.7), (0, 0, 0), (0, 3, 0))
    grid = Grid((10, 20, 30), affine)
    assert grid.orientation == "PIL"
    assert [grid.plane_axis(p) for p in ("axial", "coronal", "sagittal")] == [1, 0, 2]
    assert grid.plane_shape("axial") == (20, 10, 30)
    assert grid.plane_spacing_mm("axial") == pytest.approx((0.8, 3, 0.7))
    assert grid.plane_shape("sagittal") == (30, 10, 20)
    assert grid.plane_spacing_mm(Plane.CORONAL) == pytest.approx((3, 0.8, 0.7))
    with pytest.raises(ValueError, match="diagonal"):
        grid.plane_axis("diagonal")


def test_shear_is_the_gantry_tilt() -> None:
    lean = np.radians(18.5)
    affine = affine_from_dicom((1, 0, 0, 0, np.cos(lean), -np.sin(lean)), (0.5, 0.5), (0, 0, 0), (0, 0, 4))
    grid = Grid((3, 4, 5), affine)
    assert grid.shear_degrees == pytest.approx(18.5)
    assert grid.voxel_volume_mm3 == pytest.approx(0.25 * 4 * np.cos(lean))


def uneven(step: tuple[float, float, float] = (0, 0.4, 3)) -> Grid:
    origins = np.array([1.0, 2, 3]) + np.array([0, 1, 2.5, 2.7, 6])[:, None] * step
    affine = affine_from_dicom(AXIAL, (0.8, 0.7), origins[0].tolist(), ((origins[-1] - origins[0]) / 4).tolist())
    return Grid((5, 6, 7), affine, origins)


@pytest.mark.parametrize("step", [(0, 0.4, 3), (0, 0.4, -3)])
def test_uneven_slices_lie_at_their_own_origins(step: tuple[float, float, float], rng: np.random.Generator) -> None:
    grid = uneven(step)
    assert not grid.is_regular
    assert grid.slice_origins_mm is not None
    for index, origin in enumerate(grid.slice_origins_mm):
        np.testing.assert_allclose(grid.to_lps_mm([index, 2, 3]), origin + np.array([3 * 0.7, 2 * 0.8, 0]))
    points = rng.uniform(0, 4, size=(50, 3))
    np.testing.assert_allclose(grid.to_index_zyx(grid.to_lps_mm(points)), points, atol=1e-9)


def test_corners() -> None:
    for grid in (uneven(), Grid((5, 6, 7), np.diag([2.0, 3, 4, 1]))):
        expected = {tuple(np.round(grid.to_lps_mm([z, y, x]), 9)) for z in (0, 4) for y in (0, 5) for x in (0, 6)}
        assert {tuple(np.round(c, 9)) for c in grid.corners_lps_mm()} == expected


def test_matches() -> None:
    grid = uneven()
    assert grid.matches(Grid(grid.shape_zyx, grid.affine, grid.slice_origins_mm))
    assert not grid.matches(Grid(grid.shape_zyx, grid.affine))
    shifted = grid.affine.copy()
    shifted[2, 3] += 0.02
    regular = Grid(grid.shape_zyx, grid.affine)
    assert not regular.matches(Grid(grid.shape_zyx, shifted))
    assert regular.matches(Grid(grid.shape_zyx, shifted), tolerance_mm=0.03)
    assert not regular.matches(Grid((5, 6, 8), grid.affine))
    turned = grid.affine.copy()
    turned[0, 1] += 0.02  # half a degree, seen at the far rows only
    assert not regular.matches(Grid(grid.shape_zyx, turned))


def test_grids_do_not_change() -> None:
    affine = np.eye(4)
    grid = Grid((2, 3, 4), affine)
    affine[0, 0] = 9
    assert grid.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 5
    with pytest.raises(GeometryError, match="one position for each of the 2 slices"):
        Grid((2, 3, 4), np.eye(4), np.zeros((3, 3)))


@pytest.mark.parametrize("uneven", [False, True])
def test_a_block_keeps_its_place(uneven):
    affine = np.array([[0.1, 0, 0.8, -5], [0, 0.9, 0, 7], [3, 0, 0, 11], [0, 0, 0, 1]])
    origins = affine[:3, 3] + np.outer([0, 3, 7, 8, 12], affine[:3, 0] / 3) if uneven else None
    grid = Grid((5, 20, 30), affine, origins)
    block = grid.block((slice(1, 4), slice(3, 9), slice(10, 22)))
    assert block.shape_zyx == (3, 6, 12)
    inside = np.array([[0, 0, 0], [1, 2, 3], [2, 5, 11]])
    np.testing.assert_allclose(block.to_lps_mm(inside), grid.to_lps_mm(inside + np.array([1, 3, 10])))


def test_slice_positions_are_distances_along_the_normal():
    even = Grid.axis_aligned((5, 8, 9), (2.5, 0.7, 0.8))
    np.testing.assert_allclose(even.slice_positions_mm("axial"), 2.5 * np.arange(5))
    np.testing.assert_allclose(even.slice_positions_mm("coronal"), 0.7 * np.arange(8))
    np.testing.assert_allclose(even.slice_positions_mm("sagittal"), 0.8 * np.arange(9))
    # A tilted gantry: slices lie closer to each other than their origins do.
    affine = even.affine.copy()
    affine[1, 0] = 2.5 * np.tan(np.radians(20))
    np.testing.assert_allclose(Grid((5, 8, 9), affine).slice_positions_mm("axial"), 2.5 * np.arange(5))


@pytest.mark.parametrize("sign", [1, -1])
def test_uneven_slices_lie_where_they_lie(sign):
    heights = np.array([0.0, 1.5, 6.0, 7.5, 12.0])
    affine = np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]].astype(float)
    affine[2, 0] = sign * 3.0
    origins = np.zeros((5, 3))
    origins[:, 2] = sign * heights + 40
    grid = Grid((5, 8, 9), affine, origins)
    np.testing.assert_allclose(grid.slice_positions_mm("axial"), heights)
    np.testing.assert_allclose(grid.slice_positions_mm("coronal"), np.arange(8))
