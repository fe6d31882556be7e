"""Synthetic series: where their slices lie, and what is wrong with those that are no volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dicom_files import AXIAL, CORONAL, OBLIQUE, SAGITTAL, along, pattern, write_enhanced, write_series

from volsweep.errors import GeometryError
from volsweep.io import read_volume


def expected_positions(shape: tuple[int, ...], positions: np.ndarray, orientation: tuple[float, ...]) -> np.ndarray:
    """LPS of every voxel, from DICOM's equation C.7.6.2.1-1, spacing (0.8, 0.7)."""
    z, y, x = np.indices(shape)
    columns, rows = np.reshape(orientation, (2, 3))
    return positions[z] + y[..., None] * rows * 0.8 + x[..., None] * columns * 0.7


@pytest.mark.parametrize(
    "orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE], ids=["axial", "coronal", "sagittal", "oblique"]
)
@pytest.mark.parametrize("step", [2.5, -2.5], ids=["ascending", "descending"])
def test_every_voxel_lies_where_dicom_says(tmp_path: Path, orientation: tuple[float, ...], step: float) -> None:
    stored, positions = pattern(), along(orientation, 6, step)
    write_series(tmp_path, stored, positions, orientation=orientation)
    volume = read_volume(tmp_path)
    if step < 0:  # stored against the normal: sorted along it
        stored, positions = stored[::-1], positions[::-1]
    np.testing.assert_array_equal(volume.array_zyx, stored)
    placed = volume.grid.to_lps_mm(np.moveaxis(np.indices(stored.shape), 0, -1))
    np.testing.assert_allclose(placed, expected_positions(stored.shape, positions, orientation), atol=1e-5)
    assert volume.warnings == ()
    assert np.linalg.det(volume.affine[:3, :3]) < 0  # z, y, x of a right-handed x, y, z


@pytest.mark.parametrize("orientation", [CORONAL, SAGITTAL, OBLIQUE], ids=["coronal", "sagittal", "oblique"])
def test_simpleitk_agrees(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    write_series(tmp_path, pattern(), along(orientation, 6, 2.5), orientation=orientation)
    volume = read_volume(tmp_path)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = SimpleITK.ReadImage(names)
    np.testing.assert_array_equal(volume.array_zyx, SimpleITK.GetArrayFromImage(image))
    for index in [(0, 0, 0), (5, 6, 8), (3, 0, 8)]:
        there = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.grid.to_lps_mm(index), there, atol=1e-3)


def test_orientation_words(tmp_path: Path) -> None:
    write_series(tmp_path / "c", pattern(), along(CORONAL, 6, 2.0), orientation=CORONAL)
    write_series(tmp_path / "s", pattern(), along(SAGITTAL, 6, 2.0), orientation=SAGITTAL)
    coronal, sagittal = read_volume(tmp_path / "c").grid, read_volume(tmp_path / "s").grid
    assert (coronal.plane_axis("coronal"), sagittal.plane_axis("sagittal")) == (0, 0)
    assert (coronal.orientation, sagittal.orientation) == ("PIL", "RIP")
    np.testing.assert_allclose(coronal.spacing_zyx_mm, [2, 0.8, 0.7])


def test_gantry_tilt(tmp_path: Path) -> None:
    """Slices leaning by 20 degrees, moved straight along the table."""
    lean = np.radians(20)
    orientation = (1, 0, 0, 0, np.cos(lean), -np.sin(lean))
    positions = np.array([[-20, 11, 50 + 3.0 * k] for k in range(6)])
    write_series(tmp_path, pattern(), positions, orientation=orientation)
    volume = read_volume(tmp_path)
    placed = volume.grid.to_lps_mm(np.moveaxis(np.indices(volume.shape_zyx), 0, -1))
    np.testing.assert_allclose(placed, expected_positions(volume.shape_zyx, positions, orientation), atol=1e-5)
    assert volume.grid.shear_degrees == pytest.approx(20, abs=1e-4)
    assert volume.grid.voxel_volume_mm3 == pytest.approx(3 * np.cos(lean) * 0.8 * 0.7, rel=1e-6)
    assert volume.warnings == (
        "the stack is sheared by 20.0 degrees (gantry tilt); its true, sheared geometry is kept",
    )


def test_missing_slices_are_counted_and_named(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(8), along(AXIAL, 8, 2.0))
    paths[3].unlink()
    paths[4].unlink()
    with pytest.raises(GeometryError, match=r"2 slices are missing: the spacing is 2.00 mm, but 6.00 mm") as caught:
        read_volume(tmp_path)
    assert f"between {paths[2].name} (instance 3) and {paths[5].name} (instance 6)" in str(caught.value)
    assert 'gaps="keep"' in str(caught.value)
    kept = read_volume(tmp_path, gaps="keep")
    np.testing.assert_allclose(kept.grid.slice_origins_mm, along(AXIAL, 8, 2.0)[[0, 1, 2, 5, 6, 7]])
    np.testing.assert_array_equal(kept.array_zyx, pattern(8)[[0, 1, 2, 5, 6, 7]])


def test_a_gap_among_three_slices(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(3), along(AXIAL, 4, 2.0)[[0, 1, 3]])
    with pytest.raises(GeometryError, match=r"1 slice is missing: the spacing is 2.00 mm, but 4.00 mm"):
        read_volume(tmp_path)


def test_uneven_spacing(tmp_path: Path) -> None:
    positions = along(AXIAL, 6, 2.0)
    positions[3:, 2] += 0.7
    write_series(tmp_path, pattern(), positions)
    with pytest.raises(GeometryError, match=r"not equally spaced \(2.00 to 2.70 mm\): 2.70 mm between"):
        read_volume(tmp_path)


def test_a_slice_out_of_line_sideways(tmp_path: Path) -> None:
    positions = along(AXIAL, 6, 2.0)
    positions[2, 0] += 1.5
    paths = write_series(tmp_path, pattern(), positions)
    with pytest.raises(GeometryError, match=r"lies 1.50 mm off") as caught:
        read_volume(tmp_path)
    assert paths[2].name in str(caught.value)


def test_rounded_headers_are_no_gap(tmp_path: Path) -> None:
    positions = np.round(along(AXIAL, 40, 0.625), 1)
    write_series(tmp_path, pattern(40, 2, 2), positions)
    volume = read_volume(tmp_path)
    assert volume.grid.is_regular
    assert volume.warnings[0].startswith("slices lie up to 0.0")


@settings(max_examples=25)
@given(noise=st.lists(st.floats(-4e-3, 4e-3), min_size=6, max_size=6))
def test_float_noise_says_nothing(tmp_path_factory: pytest.TempPathFactory, noise: list[float]) -> None:
    folder = tmp_path_factory.mktemp("noise")
    positions = along(OBLIQUE, 6, 2.5) + np.array(noise)[:, None]
    write_series(folder, pattern(6, 2, 2), positions, orientation=OBLIQUE)
    volume = read_volume(folder)
    assert not [w for w in volume.warnings if "sheared" not in w]
    np.testing.assert_allclose(volume.grid.to_lps_mm([[k, 0, 0] for k in range(6)]), positions, atol=0.02)


def test_two_slices_at_one_position(tmp_path: Path) -> None:
    positions = along(AXIAL, 6, 2.0)
    positions[3] = positions[2]
    paths = write_series(tmp_path, pattern(), positions)
    for gaps in ("refuse", "keep"):
        with pytest.raises(GeometryError, match="lie at the same position") as caught:
            read_volume(tmp_path, gaps=gaps)
    assert paths[2].name in str(caught.value)
    assert paths[3].name in str(caught.value)


def test_time_points(tmp_path: Path) -> None:
    positions = np.repeat(along(AXIAL, 3, 2.0), 2, axis=0)
    write_series(
        tmp_path, pattern(), positions, edit=lambda ds, k: setattr(ds, "TemporalPositionIdentifier", 1 + k % 2)
    )
    with pytest.raises(
        GeometryError, match=r"up to 2 images at each of 3 positions.*differ in TemporalPositionIdentifier"
    ):
        read_volume(tmp_path)


def test_mixed_orientations_and_matrices(tmp_path: Path) -> None:
    def turn(ds, index: int) -> None:
        ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.4"

    write_series(tmp_path / "a", pattern(3), along(AXIAL, 3, 2.0), edit=turn)
    write_series(tmp_path / "b", pattern(3), along(SAGITTAL, 3, 2.0), orientation=SAGITTAL, edit=turn)
    with pytest.raises(GeometryError, match=r"different orientations.*\[1, 0, 0, 0, 1, 0\]"):
        read_volume(tmp_path)
    write_series(tmp_path / "b", pattern(3, 5, 5), along(AXIAL, 3, 2.0, (0, 0, 90)), edit=turn)
    with pytest.raises(GeometryError, match=r"different matrix sizes \(rows, columns\).*\[7, 9\].*\[5, 5\]"):
        read_volume(tmp_path)
    write_series(tmp_path / "b", pattern(3), along(AXIAL, 3, 2.0, (0, 0, 90)), spacing=(0.8, 0.71), edit=turn)
    with pytest.raises(GeometryError, match=r"different pixel spacings.*0\.71"):
        read_volume(tmp_path)


def test_damaged_orientation(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(), along(AXIAL, 6, 2.0), orientation=(1, 0, 0, 1, 0, 0))
    with pytest.raises(GeometryError, match="not two perpendicular directions"):
        read_volume(tmp_path)


def test_single_slice(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(1), along(AXIAL, 1, 1.0), edit=lambda ds, _: setattr(ds, "SliceThickness", 4))
    volume = read_volume(tmp_path)
    assert volume.grid.spacing_zyx_mm[0] == pytest.approx(4)
    assert "single slice" in volume.warnings[0]


def test_enhanced_multiframe(tmp_path: Path) -> None:
    """Frames stored in any order, each with its own slope."""
    stored = pattern(5, dtype=np.uint16)
    places = along(OBLIQUE, 5, 1.5)
    order = [3, 0, 4, 1, 2]
    frames = [
        {"position": places[p], "orientation": OBLIQUE, "spacing": (0.8, 0.7), "slope": 1 + p, "intercept": -p}
        for p in order
    ]
    write_enhanced(tmp_path / "e", stored, frames)
    volume = read_volume(tmp_path / "e")
    expected = np.stack([stored[order.index(p)].astype(int) * (1 + p) - p for p in range(5)])
    np.testing.assert_array_equal(volume.array_zyx, expected)
    placed = volume.grid.to_lps_mm(np.moveaxis(np.indices(stored.shape), 0, -1))
    np.testing.assert_allclose(placed, expected_positions(stored.shape, places, OBLIQUE), atol=1e-5)
    assert volume.source is not None
    assert volume.source.frame_numbers == tuple(order.index(p) + 1 for p in range(5))
    assert volume.array_zyx.dtype == np.int16


def test_enhanced_time_points(tmp_path: Path) -> None:
    places = np.tile(along(AXIAL, 3, 1.5), (2, 1))
    frames = [
        {"position": p, "orientation": AXIAL, "spacing": (1, 1), "time": 1 + k // 3} for k, p in enumerate(places)
    ]
    write_enhanced(tmp_path / "e.dcm", pattern(), frames)
    with pytest.raises(GeometryError, match=r"2 images at each of 3 positions.*TemporalPositionIndex"):
        read_volume(tmp_path)
