"""Volumes and intensities against geometry and SimpleITK."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from volsweep import Grid, LabelVolume, Volume, read_labels, read_volume
from volsweep.cases.phantoms import sample
from volsweep.errors import GeometryError, InputError
from volsweep.evaluate.metrics import surface_dice
from volsweep.evaluate.surface import steps_of
from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, trim
from volsweep.measurement import measure, measure_label, measure_masks

DEV = ("sarcoma/sts_025_ct", "sarcoma/sts_023_pet", "hippocampus/hippocampus_001", "ctlesion/000015_01_01_103-115")


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


def test_a_lesion_at_its_own_gaps_measures_as_in_the_even_stack():
    """The phantom's lesion at its true 4.5 mm gaps, the rest at 1.5 mm."""
    whole = read_labels(sample().truth)
    there = (whole.array_zyx == 1).any(axis=(1, 2))
    gaps = np.where(there[1:] | there[:-1], 4.5, 1.5)
    gaps[np.flatnonzero(there)[-1] :][:1] = 4.5
    step = whole.grid.affine[:3, 0] / whole.grid.spacing_zyx_mm[0]
    origins = whole.grid.affine[:3, 3] + np.outer([0, *np.cumsum(gaps)], step)
    affine = whole.grid.affine.copy()
    affine[:3, 0] = step * gaps.mean()
    uneven = LabelVolume(whole.array_zyx, Grid(whole.shape_zyx, affine, origins))
    for plane in Plane:
        true, found = (measure_label(labels, 1, plane=plane) for labels in (whole, uneven))
        assert found.volume_ml == pytest.approx(true.volume_ml, rel=1e-5)
        assert found.diameters.long_mm == pytest.approx(true.diameters.long_mm, rel=1e-5)
        assert found.diameters.short_mm == pytest.approx(true.diameters.short_mm, rel=1e-5)
        ends, true_ends = (sorted(np.reshape(d.long_xyxy, (2, 2)).tolist()) for d in (found.diameters, true.diameters))
        np.testing.assert_allclose(ends, true_ends, atol=1e-4)
    lesion, shifted = whole.mask_zyx(1), np.roll(whole.mask_zyx(1), 1, axis=0)
    true, found = (surface_dice(lesion, shifted, steps_of(labels.grid)) for labels in (whole, uneven))
    assert found == pytest.approx(true, abs=0.03)
