"""RTSTRUCT out, held against rt-utils."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from scipy import ndimage
from support.dicom_files import AXIAL, OBLIQUE, along, pattern, write_series
from support.drawn_labels import LABELS, drawn_on, for_rt_utils, series

from volsweep.io import read_labels, read_volume, write_labels
from volsweep.volume import Label, LabelVolume


def test_rt_utils_fills_the_same_objects(tmp_path):
    rt_utils = pytest.importorskip("rt_utils")
    volume, mask = for_rt_utils(tmp_path / "in")
    labels = LabelVolume(mask.astype(np.uint8), volume.grid, {1: Label("ring", "#ff0000")}, volume.source)
    write_labels(tmp_path / "x.rtstruct.dcm", labels)
    theirs = rt_utils.RTStructBuilder.create_from(str(tmp_path / "in"), str(tmp_path / "x.rtstruct.dcm"))
    found = np.moveaxis(theirs.get_roi_mask_by_name("ring"), -1, 0)
    # It rounds contours to whole pixels and counts those on the line: a pixel more at the edges, holes kept.
    assert not (found & ~ndimage.binary_dilation(mask, np.ones((1, 3, 3)))).any()
    assert not (~found & mask).any()
    assert not found[:3, 17, 13].any()


def test_every_contour_lies_on_its_image_and_every_piece_has_its_own(tmp_path, rng):
    labels = drawn_on(series(tmp_path / "in", OBLIQUE), rng)
    write_labels(tmp_path / "x.rtstruct.dcm", labels)
    made = pydicom.dcmread(tmp_path / "x.rtstruct.dcm")
    uids = labels.source.sop_instance_uids
    for roi, value in zip(made.ROIContourSequence, LABELS, strict=True):
        assert roi.ReferencedROINumber == value
        pieces = [0] * labels.shape_zyx[0]
        for contour in roi.ContourSequence:
            index = uids.index(contour.ContourImageSequence[0].ReferencedSOPInstanceUID)
            points = np.reshape([float(v) for v in contour.ContourData], (-1, 3))
            assert len(points) == contour.NumberOfContourPoints
            assert np.abs(labels.grid.to_index_zyx(points)[:, 0] - index).max() < 1e-4
            pieces[index] += 1
        # Holes are joined to the outline around them, so there are as many contours as 4-connected pieces.
        assert pieces == [ndimage.label(mask)[1] for mask in labels.array_zyx == value]


@pytest.mark.filterwarnings("ignore:The value for the data element:UserWarning")  # pydicom's, of what others write
def test_an_outline_of_many_points_is_written_and_read(tmp_path):
    write_series(tmp_path / "in", pattern(2, 110, 110), along(AXIAL, 2, 3.0))
    volume = read_volume(tmp_path / "in")
    mask = np.ones(volume.shape_zyx, dtype=np.uint8)
    mask[:, 1:-1:2, 1:-1:2] = 0  # thousands of holes, joined to one outline by keyholes
    labels = LabelVolume(mask, volume.grid, {1: Label("lung", "#ff0000")}, volume.source)
    receipt = write_labels(tmp_path / "x.rtstruct.dcm", labels)
    assert receipt.dice == {1: 1.0}
    made = pydicom.dcmread(tmp_path / "x.rtstruct.dcm")
    assert len(made.ROIContourSequence[0].ContourSequence[0].ContourData) > 2**16 / 3
    # Others write such a value as explicit VR, where it has no type.
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.save_as(tmp_path / "explicit.dcm", implicit_vr=False, little_endian=True)
    assert np.array_equal(read_labels(tmp_path / "explicit.dcm", source=volume).array_zyx, mask)
