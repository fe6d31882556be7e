"""Volumes and diameters against geometry, brute force and SimpleITK."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage
from skimage.draw import polygon2mask

from volsweep import Grid, LabelVolume, Volume, read_labels, read_volume
from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, trim
from volsweep.measurement import measure, measure_label, measure_masks, recist_diameters

DEV = ("sarcoma/sts_025_ct", "sarcoma/sts_023_pet", "hippocampus/hippocampus_001", "ctlesion/000015_01_01_103-115")


def ellipse_mask(shape_yx, spacing_yx, axes_mm, degrees=0.0):
    y, x = np.indices(shape_yx) - np.array(shape_yx).reshape(2, 1, 1) / 2
    y, x = y * spacing_yx[0], x * spacing_yx[1]
    turn = np.radians(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (along / (axes_mm[0] / 2)) ** 2 + (across / (axes_mm[1] / 2)) ** 2 <= 1


@pytest.mark.parametrize("degrees", [0, 30, 71, 90])
@pytest.mark.parametrize("spacing", [(0.5, 0.5), (0.4, 0.9)])
def test_an_ellipse_has_its_own_axes(degrees, spacing):
    mask = ellipse_mask((160, 160), spacing, (40.0, 22.0), degrees)
    found = recist_diameters(mask, spacing)
    assert found.long_mm == pytest.approx(40, abs=max(spacing))
    assert found.short_mm == pytest.approx(22, abs=2 * max(spacing))
    x0, y0, x1, y1 = found.long_xyxy
    ends = np.array([[x1 - x0, y1 - y0]]) * [spacing[1], spacing[0]]
    assert np.hypot(*ends[0]) == pytest.approx(found.long_mm)
    assert np.degrees(np.arctan2(ends[0, 1], ends[0, 0])) % 180 == pytest.approx(degrees, abs=4)


def test_a_row_of_voxels_is_as_long_as_its_voxels():
    mask = np.zeros((5, 20), dtype=bool)
    mask[2, 3:14] = True
    found = recist_diameters(mask, (1.0, 0.5))
    assert found.long_mm == pytest.approx(11 * 0.5)
    assert found.short_mm == pytest.approx(1.0)
    assert sorted(found.long_xyxy[::2]) == [2.5, 13.5]
    single = np.zeros((3, 3), dtype=bool)
    single[1, 1] = True
    assert recist_diameters(single, (2.0, 1.0)).long_mm == pytest.approx(2.0)
    assert recist_diameters(np.zeros((3, 3), dtype=bool), (1.0, 1.0)) is None


def test_both_axes_equal_brute_force_on_random_outlines(rng):
    for _ in range(12):
        spacing = rng.uniform(0.4, 2.0, 2)
        mask = ndimage.gaussian_filter(rng.normal(size=(32, 32)), 3) > 0.05
        parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
        if not count:
            continue
        mask = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        found = recist_diameters(mask, spacing)
        steps = np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])
        points = ((np.argwhere(mask)[:, None] + steps).reshape(-1, 2)) * spacing
        distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
        assert found.long_mm == pytest.approx(distances.max())
        x0, y0, x1, y1 = found.long_xyxy
        along = np.array([(y1 - y0) * spacing[0], (x1 - x0) * spacing[1]]) / found.long_mm
        assert found.short_mm == pytest.approx(tallest_column(points, along), abs=0.2)
        x0, y0, x1, y1 = found.short_xyxy
        short = np.array([(y1 - y0) * spacing[0], (x1 - x0) * spacing[1]])
        assert np.linalg.norm(short) == pytest.approx(found.short_mm)
        assert abs(short @ along) < 1e-6


def tallest_column(points, along, step=0.05):
    """Longest line across `along` in the convex hull of points, by drawing it on fine paper."""
    from scipy.spatial import ConvexHull

    turned = points @ np.array([along, [-along[1], along[0]]]).T
    hull = turned[ConvexHull(turned).vertices]
    hull = (hull - hull.min(axis=0)) / step
    drawn = polygon2mask(tuple(np.ceil(hull.max(axis=0)).astype(int) + 2), hull)
    return drawn.sum(axis=1).max() * step


def test_slanted_steps_are_measured_in_space_not_in_voxels():
    """A disc seen on a slice whose rows and columns are not at right angles."""
    in_plane = np.array([[0.3, 0.9], [0.7, 0.0], [0.1, 0.2]])  # LPS step of a row, of a column
    index = np.indices((140, 140)).reshape(2, -1) - 70
    mask = (np.linalg.norm(in_plane @ index, axis=0) <= 20).reshape(140, 140)
    found = recist_diameters(mask, in_plane)
    assert found.long_mm == pytest.approx(40, abs=1.2)
    assert found.short_mm == pytest.approx(40, abs=2)


def test_a_line_does_not_leave_the_lesion():
    mask = np.zeros((40, 40), dtype=bool)
    mask[2:8, 2:6] = True
    mask[30:33, 30:33] = True
    assert recist_diameters(mask, (1.0, 1.0)).long_mm < 8


def test_the_volume_of_a_ball_and_of_a_sheared_one():
    affine = np.array([[0.2, 0.1, 0.8, 3], [0.3, 0.9, 0, -5], [1.5, 0, 0.1, 7], [0, 0, 0, 1]])
    for grid in (Grid.axis_aligned((41, 61, 61), (1.5, 0.8, 1.0)), Grid((61, 91, 91), affine)):
        middle = grid.to_lps_mm(np.array(grid.shape_zyx) // 2)
        places = grid.to_lps_mm(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
        ball = np.linalg.norm(places - middle, axis=-1) <= 20
        found = measure_label(LabelVolume(ball.astype(np.uint8), grid), 1)
        assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=0.01)


def test_unequal_slices_count_with_their_own_thickness():
    affine = np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    origins = np.array([[0, 0, z] for z in (0.0, 1.0, 2.0, 5.0, 8.0)])
    grid = Grid((5, 4, 4), affine, origins)
    assert grid.slice_voxel_volumes_mm3() == pytest.approx([1, 1, 2, 3, 3])
    labels = np.zeros((5, 4, 4), dtype=np.uint8)
    labels[1:4, 1:3, 1:3] = 3
    assert measure(LabelVolume(labels, grid))[3].volume_ml == pytest.approx(4 * (1 + 2 + 3) / 1000)


@pytest.mark.cases
@pytest.mark.parametrize("name", DEV)
def test_real_labels_measure_as_simpleitk_measures_them(cases, name):
    folder = cases / "dev" / name
    volume, labels = read_volume(folder / "image.nii.gz"), read_labels(folder / "label.nii.gz")
    image, truth = (sitk.ReadImage(str(folder / f"{n}.nii.gz")) for n in ("image", "label"))
    shape, intensity = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelStatisticsImageFilter()
    shape.Execute(truth)
    intensity.Execute(image, truth)
    flat = sitk.LabelShapeStatisticsImageFilter()
    flat.ComputeFeretDiameterOn()
    for value, found in measure(labels, volume).items():
        assert found.voxels == shape.GetNumberOfPixels(value)
        assert found.volume_ml == pytest.approx(shape.GetPhysicalSize(value) / 1000)
        assert found.intensity.mean == pytest.approx(intensity.GetMean(value))
        assert found.intensity.sd == pytest.approx(intensity.GetSigma(value), rel=1e-3)
        assert (found.intensity.min, found.intensity.max) == (intensity.GetMinimum(value), intensity.GetMaximum(value))
        box = shape.GetBoundingBox(value)
        assert (found.first_slice, found.last_slice) == (box[2], box[2] + box[5] - 1)
        # Feret's diameter joins voxel centres, ours outlines: at most a voxel's diagonal longer.
        best = 0.0
        for z in range(found.first_slice, found.last_slice + 1):
            parts = sitk.ConnectedComponent(truth[:, :, z] == value, True)
            flat.Execute(parts)
            best = max([best, *(flat.GetFeretDiameter(i) for i in flat.GetLabels())])
        diagonal = float(np.hypot(*volume.grid.spacing_zyx_mm[1:]))
        assert best <= found.diameters.long_mm <= best + diagonal + 1e-6
        assert found.diameters.short_mm <= found.diameters.long_mm + 1e-9


def test_a_measurement_is_written_as_json():
    grid = Grid.axis_aligned((6, 20, 20), (2.0, 1.0, 1.0))
    array = np.zeros(grid.shape_zyx, dtype=np.uint8)
    array[2:4, 5:15, 8:12] = 1
    volume = Volume(np.full(grid.shape_zyx, 37, dtype=np.int16), grid, modality="CT")
    found = measure(LabelVolume(array, grid), volume)[1].to_dict()
    assert json.loads(json.dumps(found))["intensity"] == {"mean": 37, "sd": 0, "min": 37, "max": 37, "unit": "HU"}
    assert (found["plane"], found["slices"], found["diameter_slice"]) == ("axial", 2, 2)
    coronal = measure_label(LabelVolume(array, grid), 1, plane="coronal")
    assert (coronal.slices, coronal.first_slice, coronal.intensity) == (10, 5, None)


def test_what_cannot_be_measured_is_refused():
    grid = Grid.axis_aligned((3, 4, 5))
    labels = LabelVolume(np.zeros(grid.shape_zyx, dtype=np.uint8), grid)
    assert measure(labels) == {}
    with pytest.raises(InputError, match="label 2 has no voxels"):
        measure_label(labels, 2)
    elsewhere = Volume(np.zeros(grid.shape_zyx), replace(grid, affine=np.diag([2.0, 1.0, 1.0, 1.0])))
    with pytest.raises(GeometryError, match="different grids"):
        measure_label(labels, 1, elsewhere)


def masks_of(mask_zyx, grid, plane):
    """A label's masks along a plane, of a boolean volume."""
    axis = grid.plane_axis(plane)
    slices = [np.where(m, 4, -4).astype(np.float32) for m in np.moveaxis(mask_zyx, axis, 0)]
    made = {
        i: trim(logits, slice=i, shape_yx=logits.shape, iou=1.0, object_score=1.0) for i, logits in enumerate(slices)
    }
    return LabelMasks(plane, made)


@pytest.mark.parametrize("plane", list(Plane))
@pytest.mark.parametrize("slices", [(3, 7), (4, 5), (0, 2)])
@pytest.mark.parametrize("uneven", [False, True])
def test_a_label_in_its_region_measures_as_in_the_whole_volume(plane, slices, uneven):
    grid = Grid.axis_aligned((9, 30, 34), (3.0, 0.9, 0.7), (5.0, -4.0, 12.0))
    if uneven:
        heights = np.array([0, 3, 6, 9, 18, 21, 24, 30, 33.0])
        grid = replace(grid, slice_origins_mm=grid.affine[:3, 3] + np.outer(heights, [0, 0, 1]))
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    mask[slice(*slices), 8:19, 5:25] = True
    array = mask.astype(np.uint8) * 2
    array[slice(*slices), 8, 5:9] = 1  # another label won there
    whole = measure_label(LabelVolume(array, grid), 2, plane=plane)
    found = measure_masks(array, 2, masks_of(mask, grid, plane), grid)
    assert (found.voxels, found.volume_ml) == (whole.voxels, pytest.approx(whole.volume_ml))
    assert (found.first_slice, found.last_slice) == (whole.first_slice, whole.last_slice)
    assert found.diameters.long_mm == pytest.approx(whole.diameters.long_mm)


def test_a_label_without_voxels_is_not_measured():
    grid = Grid.axis_aligned((4, 10, 10), (1.0, 1.0, 1.0))
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    nothing = np.zeros(grid.shape_zyx, dtype=np.uint8)
    assert measure_masks(nothing, 1, masks_of(mask, grid, Plane.AXIAL), grid) is None
    mask[2, 3:5, 3:5] = True
    assert measure_masks(nothing, 1, masks_of(mask, grid, Plane.AXIAL), grid) is None
