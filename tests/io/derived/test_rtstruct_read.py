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

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
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
    assert any("beyond the series" in w and "between slices" in w for w in labels.warnings)


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
