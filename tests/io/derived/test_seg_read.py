"""DICOM SEG in: overlaps, fractions, label maps, and segments that do not fit."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
from support.dicom_files import AXIAL, OBLIQUE, along
from support.drawn_labels import drawn_on, series, write_foreign

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid
from volsweep.io import convert, read_labels, read_objects, write_labels
from volsweep.io.derived.reference import read_headers
from volsweep.volume import Label, LabelVolume, Volume


def test_a_segmentation_stands_on_its_own(tmp_path, rng):
    volume = series(tmp_path / "in", OBLIQUE)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2, 4:9, 5:9], array[5, 3:5, 3:5] = 1, 2
    write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {}, volume.source))
    own = read_labels(tmp_path / "out.dcm")
    assert own.shape_zyx == (4, 33, 29)  # slices 2 to 5, the empty ones between filled in
    assert np.array_equal(own.array_zyx, array[2:6])
    assert np.allclose(own.grid.to_lps_mm([0, 0, 0]), volume.grid.to_lps_mm([2, 0, 0]))
    assert own.source is not None
    assert own.source.series_uid == volume.source.series_uid
    receipt = convert(tmp_path / "out.dcm", tmp_path / "out.nii.gz")
    assert receipt.voxels == {1: 20, 2: 4}


def test_overlapping_segments_are_given_to_the_smaller_one(tmp_path):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    masks = np.zeros((*volume.shape_zyx, 2), dtype=bool)
    masks[2:7, 5:25, 5:25, 0] = True
    masks[4, 10:14, 10:14, 1] = True
    write_foreign(tmp_path / "out.dcm", headers, masks, "BINARY")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert np.array_equal(labels.array_zyx == 2, masks[..., 1])
    assert np.array_equal(labels.array_zyx == 1, masks[..., 0] & ~masks[..., 1])
    assert len(labels.warnings) == 1
    assert "16 voxels" in labels.warnings[0]
    painted = convert(tmp_path / "out.dcm", tmp_path / "out.nrrd")
    assert painted.warnings == labels.warnings
    whole = convert(tmp_path / "out.dcm", tmp_path / "whole.nrrd", overlaps="files")
    assert (whole.warnings, whole.voxels[1]) == ((), masks[..., 0].sum())


def test_fractional_segments_are_cut_at_one_half(tmp_path):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    fractions = np.zeros((*volume.shape_zyx, 1), dtype=np.float32)
    fractions[3, 5, 5:9, 0] = [0.2, 0.45, 0.55, 1.0]
    write_foreign(tmp_path / "out.dcm", headers, fractions, "FRACTIONAL")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert labels.array_zyx[3, 5, 5:9].tolist() == [0, 0, 1, 1]
    assert "fractional" in labels.warnings[0]


def test_labelmap_segmentations_are_read(tmp_path):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 5, 5:9], array[4, 5, 5:9] = 1, 2
    write_foreign(tmp_path / "out.dcm", headers, array, "LABELMAP")
    assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, array)


def test_segments_of_another_series_are_refused(tmp_path, rng):
    volume = series(tmp_path / "in")
    write_labels(tmp_path / "out.dcm", drawn_on(volume, rng))
    other = series(tmp_path / "other", AXIAL, along(AXIAL, 9, 2.5, start=(-20, 11, 51.0)))
    with pytest.raises(GeometryError, match="frame of reference"):
        read_labels(tmp_path / "out.dcm", source=tmp_path / "other")
    frame = volume.source.frame_of_reference_uid
    same_frame = replace(other, source=replace(other.source, frame_of_reference_uid=frame))
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(tmp_path / "out.dcm", source=same_frame)


def test_a_segment_beyond_the_series_is_left_out_by_name(tmp_path):
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2:4, 5:9, 5:9], array[7, 5:9, 5:9] = 1, 2
    labels = {1: Label("here", "#ff0000"), 2: Label("beyond", "#00ff00")}
    write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, labels, volume.source))
    part = Volume(volume.array_zyx[:6], Grid((6, 33, 29), volume.affine), source=None)
    found = read_labels(tmp_path / "out.dcm", source=part)
    assert found.values() == [1]
    assert list(found.labels) == [1]
    assert any("left out" in w and "'beyond'" in w for w in found.warnings)


@pytest.mark.parametrize("padding", [None, 0, 255])
def test_a_label_map_says_what_its_background_is(tmp_path, padding):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 5, 5:9], array[4, 5, 5:9] = 1, 2
    write_foreign(tmp_path / "out.dcm", headers, array, "LABELMAP")
    made = pydicom.dcmread(tmp_path / "out.dcm")
    if padding is not None:
        made.PixelPaddingValue = padding
    if padding:
        stored = np.frombuffer(made.PixelData, dtype=np.uint8)
        made.PixelData = np.where(stored == 0, padding, stored).astype(np.uint8).tobytes()
        listed = deepcopy(made.SegmentSequence[0])
        listed.SegmentNumber, listed.SegmentLabel = padding, "Background"
        made.SegmentSequence.append(listed)
    made.save_as(tmp_path / "out.dcm")
    found = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert np.array_equal(found.array_zyx, array)
    assert list(found.labels) == [1, 2]


def test_overlapping_segments_are_whole_one_by_one_and_where_a_format_holds_them(tmp_path):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    masks = np.zeros((*volume.shape_zyx, 2), dtype=bool)
    masks[2:7, 5:25, 5:25, 0] = True
    masks[4, 10:14, 10:14, 1] = True
    write_foreign(tmp_path / "in.seg.dcm", headers, masks, "BINARY")
    for name in ("out.rtstruct.dcm", "out.seg.dcm"):
        receipt = convert(tmp_path / "in.seg.dcm", tmp_path / name, source=tmp_path / "in")
        assert receipt.voxels == {1: 5 * 400, 2: 16}
        assert receipt.warnings == ()
        found = read_objects(tmp_path / name, source=tmp_path / "in")
        assert all(np.array_equal(found.mask_zyx(v), masks[..., v - 1]) for v in (1, 2))
    theirs = highdicom.seg.segread(tmp_path / "out.seg.dcm").get_volume(combine_segments=False).array
    assert theirs.sum(axis=(0, 1, 2)).tolist() == [5 * 400, 16]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.5.1.4.1.1.2", "9.9", ""])
def test_a_damaged_transfer_syntax_ends_in_labels_or_a_sentence(tmp_path, rng, syntax):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "out.dcm", labels)
    stored = (tmp_path / "out.dcm").read_bytes()
    known = b"1.2.840.10008.1.2.1\0"
    assert stored.count(known) == 1
    (tmp_path / "out.dcm").write_bytes(stored.replace(known, syntax.encode().ljust(len(known), b"\0")[: len(known)]))
    with suppress(InputError):
        assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, labels.array_zyx)


def test_frames_of_a_segment_that_is_not_listed_keep_no_other_back(tmp_path):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    masks = np.zeros((*volume.shape_zyx, 2), dtype=bool)
    masks[2:7, 5:25, 5:25, 0] = masks[4, 10:14, 10:14, 1] = True
    path = tmp_path / "out.dcm"
    write_foreign(path, headers, masks, "BINARY")
    dataset = pydicom.dcmread(path)
    frames = dataset.PerFrameFunctionalGroupsSequence
    for frame in frames:
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2:
            frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9
    dataset.save_as(path)
    objects = read_objects(path, source=volume)
    assert [one.voxels for one in objects.found] == [2000, 0]
    assert objects.warnings == (
        "left out of out.dcm: 16 voxels of segment 9, which it does not list",
        "'segment 2' has no voxel",
    )
    for frame in frames:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9
    dataset.save_as(path)
    with pytest.raises(InputError, match=r"segments \[9\], which it does not list"):
        read_objects(path, source=volume)


def test_what_a_segment_is_called_in_all_studies_is_kept_and_what_is_no_uid_is_not(tmp_path):
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2, 4:9, 5:9], array[5, 3:5, 3:5] = 1, 2
    labels = {1: Label("GTV", "#e69f00", tracking_uid="2.25.77"), 2: Label("b", "#56b4e9", tracking_uid="1.02.x")}
    write_labels(tmp_path / "out.seg.dcm", LabelVolume(array, volume.grid, labels, volume.source))
    first, second = pydicom.dcmread(tmp_path / "out.seg.dcm").SegmentSequence
    assert (first.TrackingUID, first.TrackingID) == ("2.25.77", "GTV")
    assert "TrackingUID" not in second
    found = read_labels(tmp_path / "out.seg.dcm", source=volume)
    assert [label.tracking_uid for label in found.labels.values()] == ["2.25.77", None]


def test_a_segmentation_that_holds_more_than_it_says_or_two_frames_in_one_place(tmp_path, rng):
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2, 4:9, 5:9], array[3, 12:15, 12:15] = 1, 1
    write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {1: Label("lesion", "#ff0000")}, volume.source))
    ds = pydicom.dcmread(tmp_path / "out.dcm")
    rows, groups = ds.Rows, ds.PerFrameFunctionalGroupsSequence
    ds.Rows = rows // 2
    ds.save_as(tmp_path / "half.dcm")
    with pytest.raises(InputError, match="hold more than 2 frames"):
        read_labels(tmp_path / "half.dcm", source=volume)
    ds.Rows = rows
    place = groups[0].PlanePositionSequence[0].ImagePositionPatient
    groups[1].PlanePositionSequence[0].ImagePositionPatient = place
    ds.save_as(tmp_path / "twice.dcm")
    objects = read_objects(tmp_path / "twice.dcm", source=volume)
    assert any("1 frames of 'lesion' lie where another frame" in told for told in objects.warnings)
    assert sorted(objects.mask_zyx(1).sum(axis=(1, 2)))[-2:] == [0, 29]
