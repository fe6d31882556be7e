"""DICOM SEG out, held against highdicom."""

from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest
from support.dicom_files import OBLIQUE
from support.drawn_labels import LABELS, drawn_on, series

from volsweep.errors import OutputError
from volsweep.io import write_labels


def test_highdicom_reads_the_segments_where_they_are(tmp_path, rng):
    volume = series(tmp_path / "in", OBLIQUE)
    labels = drawn_on(volume, rng)
    write_labels(tmp_path / "out.seg.dcm", labels)
    seg = highdicom.seg.segread(tmp_path / "out.seg.dcm")
    assert seg.segmentation_type.value == "BINARY"
    assert volume.source is not None
    for number, value in enumerate(LABELS, start=1):
        planes = seg.get_pixels_by_source_instance(
            source_sop_instance_uids=list(volume.source.sop_instance_uids),
            segment_numbers=[number],
            assert_missing_frames_are_empty=True,
        )
        assert np.array_equal(planes[..., 0] > 0, labels.array_zyx == value)
    geometry = seg.get_volume_geometry()
    z, y, x = np.argwhere(labels.array_zyx > 0)[0]
    assert geometry is not None
    assert np.allclose(geometry.map_reference_to_indices(labels.grid.to_lps_mm([[z, y, x]])) % 1, [0, 0, 0], atol=1e-6)


def test_a_segmentation_says_what_it_is_of(tmp_path, rng):
    volume = series(tmp_path / "in")
    write_labels(tmp_path / "out.seg.dcm", drawn_on(volume, rng))
    seg = pydicom.dcmread(tmp_path / "out.seg.dcm")
    source = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    tumour, lesion, kidney = seg.SegmentSequence
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["liver tumour", "Läsion", "left kidney"]
    assert tumour.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Neoplasm"
    assert lesion.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert kidney.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Kidney"
    modifier = kidney.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    assert modifier.CodeMeaning == "Left"
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientName", "PatientID"):
        assert seg[keyword].value == source[keyword].value
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID


def test_who_made_it_is_named_only_where_that_is_asked_for(tmp_path, rng):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "signed.seg.dcm", labels, creator="AB")
    assert pydicom.dcmread(tmp_path / "signed.seg.dcm").ContentCreatorName == "AB"
    write_labels(tmp_path / "out.seg.dcm", labels)
    assert not pydicom.dcmread(tmp_path / "out.seg.dcm").get("ContentCreatorName")
    for name in ("out.nii.gz", "out.rtstruct.dcm", "out.seg.nrrd"):
        with pytest.raises(OutputError, match="no place for who made it"):
            write_labels(tmp_path / name, labels, creator="AB")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.seg.dcm", "signed.seg.dcm"]
