"""RTSTRUCT in: contours of others, holes, planes between slices, and what does not fit."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy import ndimage
from support.dicom_files import OBLIQUE
from support.drawn_labels import for_rt_utils, series

from volsweep.errors import GeometryError, InputError, PromptError
from volsweep.geometry import Grid
from volsweep.io import read_labels, read_objects, write_labels
from volsweep.prompts.labels import prompts_from_labels
from volsweep.volume import Label, LabelVolume, Volume


def contoured(path: Path, volume: Volume, contours, kind: str = "CLOSED_PLANAR", frame: str | None = None) -> Path:
    """A structure set by another hand: `contours` are lists of LPS points."""
    base = np.zeros(volume.shape_zyx, dtype=np.uint8)
    base[0, 0, 0] = 1
    write_labels(path, LabelVolume(base, volume.grid, {1: Label("ROI", "#00ff00")}, volume.source))
    ds = pydicom.dcmread(path)
    items = []
    for points in contours:
        item = deepcopy(ds.ROIContourSequence[0].ContourSequence[0])
        item.ContourGeometricType = kind
        item.ContourData = [f"{v:.5f}" for v in np.ravel(points)]
        item.NumberOfContourPoints = len(points)
        items.append(item)
    ds.ROIContourSequence[0].ContourSequence = items
    if frame:
        ds.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = frame
        ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame
    ds.save_as(path)
    return path


def square(grid: Grid, z: float, first: float, last: float) -> np.ndarray:
    return grid.to_lps_mm([[z, first, first], [z, first, last], [z, last, last], [z, last, first]])


def test_contours_of_others(tmp_path):
    volume = series(tmp_path / "in", OBLIQUE)
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    holed = contoured(out, volume, [square(grid, 3, 4.5, 20.5), square(grid, 3, 9.5, 12.5)])
    assert (read_labels(holed, source=volume).array_zyx == 1).sum() == 16 * 16 - 9
    out.unlink()
    off = contoured(out, volume, [square(grid, 3.2, 4.5, 8.5), square(grid, 3.45, 4.5, 20.5), square(grid, 60, 1, 5)])
    labels = read_labels(off, source=volume)
    assert (labels.array_zyx == 1).sum() == 16  # of two planes on one slice the nearer one
    assert any("0.20 slices" in w for w in labels.warnings)
    assert any("beyond the series" in w for w in labels.warnings)
    assert any("between slices" in w for w in labels.warnings)


def test_contours_that_do_not_fit_are_refused(tmp_path):
    volume = series(tmp_path / "in")
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    tilted = grid.to_lps_mm([[1, 4, 4], [1, 4, 20], [6, 20, 20], [6, 20, 4]])
    with pytest.raises(GeometryError, match="not parallel"):
        read_labels(contoured(out, volume, [tilted]), source=volume)
    out.unlink()
    with pytest.raises(GeometryError, match="frame of reference"):
        read_labels(contoured(out, volume, [square(grid, 3, 4, 9)], frame="1.2.3"), source=volume)
    out.unlink()
    with pytest.raises(GeometryError, match=r"no area.*1 contours of type POINT"):
        read_labels(contoured(out, volume, [square(grid, 3, 4, 9)], kind="POINT"), source=volume)
    with pytest.raises(InputError, match="give the series"):
        read_labels(out)


@pytest.mark.filterwarnings("ignore:.*will be removed in v4.0:DeprecationWarning")  # how rt_utils calls pydicom
def test_contours_of_rt_utils_are_read(tmp_path):
    rt_utils = pytest.importorskip("rt_utils")
    _, mask = for_rt_utils(tmp_path / "in")
    theirs = rt_utils.RTStructBuilder.create_new(str(tmp_path / "in"))
    theirs.add_roi(mask=np.moveaxis(mask, 0, -1), name="disc", color=[0, 0, 255])
    theirs.save(str(tmp_path / "theirs.dcm"))
    labels = read_labels(tmp_path / "theirs.dcm", source=tmp_path / "in")
    assert labels.labels[1] == Label("disc", "#0000ff")
    # Its contours run through the centres of the edge pixels, half a pixel within the mask.
    ours = labels.array_zyx == 1
    assert not (ours & ~ndimage.binary_dilation(mask, np.ones((1, 3, 3)))).any()
    assert not (~ours & ndimage.binary_erosion(mask, np.ones((1, 3, 3)))).any()


def structures(path: Path, volume: Volume, rois: dict[str, list], numbers=None) -> pydicom.Dataset:
    """A structure set of several ROIs: name -> lists of LPS points."""
    contoured(path, volume, [square(volume.grid, 3, 4.5, 9.5)])
    ds = pydicom.dcmread(path)
    roi, drawn = ds.StructureSetROISequence[0], ds.ROIContourSequence[0]
    listed, contours = [], []
    for number, (name, areas) in zip(numbers or range(1, 99), rois.items(), strict=False):
        one, other = deepcopy(roi), deepcopy(drawn)
        one.ROINumber, one.ROIName, other.ReferencedROINumber = number, name, number
        items = []
        for points in areas:
            item = deepcopy(drawn.ContourSequence[0])
            item.ContourData = [f"{v:.5f}" for v in np.ravel(points)]
            item.NumberOfContourPoints = len(points)
            items.append(item)
        other.ContourSequence = items
        listed.append(one)
        contours.append(other)
    ds.StructureSetROISequence, ds.ROIContourSequence = listed, contours
    ds.save_as(path)
    return ds


def test_what_cannot_be_drawn_is_left_out_by_name(tmp_path):
    volume = series(tmp_path / "in")
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    sagittal = grid.to_lps_mm([[3, 5, 9], [7, 5, 9], [7, 15, 9], [3, 15, 9]])
    good = [square(grid, 3, 4.5, 9.5)]
    rois = {"GTV": good, "sketch": [sagittal], "seed": [square(grid, 3, 7.2, 7.4)], "empty": [], "elsewhere": good}
    ds = structures(out, volume, rois)
    ds.StructureSetROISequence[4].ReferencedFrameOfReferenceUID = "1.2.3"
    ds.ROIContourSequence[0].ContourSequence.append(deepcopy(ds.ROIContourSequence[0].ContourSequence[0]))
    ds.ROIContourSequence[0].ContourSequence[1].ContourData = ["1", "2"]
    ds.save_as(out)
    found = read_labels(out, source=volume)
    assert {v: label.name for v, label in found.labels.items()} == {1: "GTV", 4: "empty"}
    assert (found.array_zyx == 1).sum() == 25
    told = " ".join(found.warnings)
    assert all(f"'{name}'" in told for name in rois)
    assert "not parallel" in told
    assert "no voxel's centre" in told
    assert "another frame of reference" in told
    assert "damaged" in told


def test_a_number_that_is_no_label_changes_no_other(tmp_path):
    volume = series(tmp_path / "in")
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    rois = {
        "BODY": [square(grid, 3, 1.5, 25.5)],
        "GTV": [square(grid, 3, 4.5, 9.5)],
        "PTV": [square(grid, 3, 3.5, 10.5)],
    }
    structures(out, volume, rois, numbers=[0, 1, 3])
    found = read_objects(out, source=volume)
    assert {v: label.name for v, label in found.labels.items()} == {1: "GTV", 2: "BODY", 3: "PTV"}
    assert any("'BODY' has the number 0" in w and "label 2" in w for w in found.warnings)
    chosen = prompts_from_labels(found, only=["0", "1"])
    assert {label.name for label in chosen.labels.values()} == {"BODY", "GTV"}
    with pytest.raises(PromptError, match="there is no label '2'"):
        prompts_from_labels(found, only=["2"])


def test_nested_targets_are_whole_one_by_one(tmp_path):
    volume = series(tmp_path / "in")
    out = tmp_path / "x.rtstruct.dcm"
    rois = {name: [square(volume.grid, 3, 4.5 + i, 20.5 - i)] for i, name in enumerate(("PTV", "CTV", "GTV"))}
    structures(out, volume, rois)
    objects = read_objects(out, source=volume)
    assert [int(objects.mask_zyx(v).sum()) for v in (1, 2, 3)] == [16**2, 14**2, 12**2]
    painted = objects.painted()
    assert [int((painted.array_zyx == v).sum()) for v in (1, 2, 3)] == [16**2 - 14**2, 14**2 - 12**2, 12**2]
    assert len(painted.warnings) == 2


def test_contours_half_a_slice_off_lose_nothing_and_are_told(tmp_path):
    volume = series(tmp_path / "in")
    out = tmp_path / "x.rtstruct.dcm"
    contoured(out, volume, [square(volume.grid, z + 0.5, 4.5, 9.5) for z in range(2, 7)])
    labels = read_labels(out, source=volume)
    assert (labels.array_zyx == 1).sum(axis=(1, 2)).tolist() == [0, 0, 0, 25, 25, 25, 25, 25, 0]
    assert any("0.50 slices" in w for w in labels.warnings)


@pytest.mark.filterwarnings("ignore:The value length")  # a kind that is misspelt so is too long for DICOM, and is met
def test_contours_of_the_exclusive_kind_take_away_what_is_in_both(tmp_path):
    volume = series(tmp_path / "in")
    areas = [square(volume.grid, 3, 4.5, 9.5), square(volume.grid, 3, 7.5, 12.5)]
    for kind, voxels in (("CLOSED_PLANAR", 46), ("CLOSEDPLANAR_XOR", 42), ("CLOSED_PLANAR_XOR", 42)):
        found = read_labels(contoured(tmp_path / f"{kind}.rtstruct.dcm", volume, areas, kind), source=volume)
        assert np.count_nonzero(found.array_zyx) == voxels


def test_rois_that_share_a_number_or_have_none_keep_no_other_back(tmp_path):
    volume = series(tmp_path / "ct")
    shape = [square(volume.grid, 3, 4.5, 9.5)]
    dataset = structures(tmp_path / "rs.rtstruct.dcm", volume, {"GTV": shape, "a": shape, "b": shape, "c": shape})
    dataset.StructureSetROISequence[2].ROINumber = 2
    del dataset.StructureSetROISequence[3].ROINumber
    dataset.save_as(tmp_path / "rs.rtstruct.dcm")
    objects = read_objects(tmp_path / "rs.rtstruct.dcm", source=volume)
    assert [(one.label.name, one.voxels) for one in objects.found] == [("GTV", 25)]
    told = " ".join(objects.warnings)
    assert "'a' has number 2, as another has" in told
    assert "'b' has number 2" in told
    assert "'c' has no number" in told


def test_a_frame_of_reference_that_only_the_file_has(tmp_path):
    volume = series(tmp_path / "ct")
    dataset = structures(tmp_path / "rs.rtstruct.dcm", volume, {"gtv": [square(volume.grid, 3, 4.5, 9.5)]})
    for roi in dataset.StructureSetROISequence:
        del roi.ReferencedFrameOfReferenceUID
    dataset.pop("ReferencedFrameOfReferenceSequence", None)
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        contour["ContourGeometricType"]._value = "closed_planar"
    dataset.FrameOfReferenceUID = volume.source.frame_of_reference_uid
    dataset.save_as(tmp_path / "rs.rtstruct.dcm")
    assert read_objects(tmp_path / "rs.rtstruct.dcm", source=volume).found[0].voxels == 25
    dataset.FrameOfReferenceUID = "1.2.3"
    dataset.save_as(tmp_path / "rs.rtstruct.dcm")
    with pytest.raises(GeometryError, match="another frame of reference"):
        read_objects(tmp_path / "rs.rtstruct.dcm", source=volume)


def test_what_a_contour_loses_is_told(tmp_path):
    volume = series(tmp_path / "in", OBLIQUE)
    grid = volume.grid
    far = square(grid, 2, 4.5, 8.5)
    far[0] = 1e6
    contours = [square(grid, 3, 4.5, 8.5), far, square(grid, 4, -0.5, 6.5), square(grid, 5, -9.5, 6.5)]
    path = contoured(tmp_path / "x.rtstruct.dcm", volume, contours)
    ds = pydicom.dcmread(path)
    ds.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 40
    ds.save_as(path)
    labels = read_labels(path, source=volume)
    assert np.flatnonzero((labels.array_zyx == 1).any(axis=(1, 2))).tolist() == [3, 4, 5]
    for told in (
        "1 damaged contours",
        "1 contours have fewer points than they say",
        "1 contours reach beyond the image",
    ):
        assert any(told in warning for warning in labels.warnings), told
