"""Measurement reports, read back by highdicom's reader and by our own."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import highdicom.sr
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from support.annotation_files import presence_in
from support.dicom_files import OBLIQUE, along, pattern, write_enhanced
from support.drawn_labels import series

from volsweep.errors import OutputError
from volsweep.io import read_volume
from volsweep.io.derived.annotations import read_annotations
from volsweep.io.derived.sr_write import Reported, Summed, report_bytes
from volsweep.measurement import measure
from volsweep.prompts.recist import Recist
from volsweep.prompts.source import read_prompt_source
from volsweep.volume import Label, LabelVolume, Volume

UID = "2.25.4711"
GTV = Label("GTV Läsion", "#e69f00", tracking_uid=UID)


def drawn(volume: Volume, columns: slice) -> LabelVolume:
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3:6, 8:14, columns] = 2
    return LabelVolume(array, volume.grid, {2: GTV}, volume.source)


@pytest.fixture
def studies(tmp_path) -> tuple[Volume, Volume]:
    """Of one patient."""
    return series(tmp_path / "march"), series(tmp_path / "june")


def reported(studies) -> list[Reported]:
    march, june = studies
    before, after = measure(drawn(march, slice(5, 20)), march)[2], measure(drawn(june, slice(5, 15)), june)[2]
    return [Reported(UID, 2, GTV, 0, before), Reported(UID, 2, GTV, 1, after, volume_change_percent=-33.3)]


def groups_of(content: bytes):
    report = highdicom.sr.srread(BytesIO(content))
    return report, report.content.get_image_measurement_groups()


def test_highdicom_finds_both_studies_under_one_tracking_uid(studies):
    rows = reported(studies)
    report, groups = groups_of(report_bytes(studies, rows, Summed(8.0, -33.0, "PR")))
    assert report.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    first, second, summed = groups
    for group, row in zip((first, second), rows, strict=True):
        assert group.tracking_uid == UID
        assert group.tracking_identifier == "GTV Läsion"
        assert group.finding_type.meaning == "Lesion" or group.finding_type.meaning == "Neoplasm"
        (volume,) = group.get_measurements(name=codes.SCT.Volume)
        assert volume.value == pytest.approx(row.measurement.volume_ml, abs=0.001)
        (long,) = group.get_measurements(name=codes.SCT.LongAxis)
        assert long.value == pytest.approx(row.measurement.diameters.long_mm, abs=0.01)
        assert long.unit == codes.UCUM.Millimeter
    (change,) = [m for m in second.get_measurements() if m.unit == codes.UCUM.Percent]
    assert change.value == -33.3
    assert summed.method == codes.DCM.RECIST1Point1
    (response,) = summed.get_qualitative_evaluations()
    assert response.value == codes.DCM.TargetLesionPartialResponse


def test_it_belongs_to_the_later_study_and_refers_to_both(studies):
    march, june = studies
    report = pydicom.dcmread(BytesIO(report_bytes(studies, reported(studies))))
    header = pydicom.dcmread(june.source.slice_files[0])
    for keyword in ("StudyInstanceUID", "PatientName", "PatientID"):
        assert report[keyword].value == header[keyword].value
    own = report.CurrentRequestedProcedureEvidenceSequence[0]
    other = report.PertinentOtherEvidenceSequence[0]
    assert own.StudyInstanceUID == june.source.study_uid
    assert other.StudyInstanceUID == march.source.study_uid
    assert report.Modality == "SR"
    assert report.VerificationFlag == "UNVERIFIED"


def test_its_axes_lie_where_they_were_measured(studies, tmp_path):
    june = studies[1]
    rows = reported(studies)
    (tmp_path / "r.dcm").write_bytes(report_bytes(studies, rows))
    lines = [one for one in read_annotations(tmp_path / "r.dcm").found if one.shape == "line"]
    expected = [
        line for row in rows for line in (row.measurement.diameters.long_xyxy, row.measurement.diameters.short_xyxy)
    ]
    np.testing.assert_allclose([one.points.ravel() for one in lines], expected, atol=1e-4)
    assert lines[2].images[0][0] == june.source.sop_instance_uids[rows[1].measurement.diameter_slice]
    (prompt,) = read_prompt_source(tmp_path / "r.dcm", june).prompts  # opened on the later study, it is a prompt there
    assert isinstance(prompt, Recist)
    assert prompt.slice == rows[1].measurement.diameter_slice


def test_gone_and_not_imaged_are_told_and_have_no_numbers(studies):
    first, second = reported(studies)
    for absent, meaning in ((True, "Absent"), (False, "Not imaged")):
        gone = replace(second, measurement=None, absent=absent, volume_change_percent=None)
        _, groups = groups_of(report_bytes(studies, [first, gone]))
        assert {m.name.meaning for m in groups[1].get_measurements()} == {"Time Point Order"}
        assert presence_in(groups[1]) == meaning
        assert presence_in(groups[0]) == "Present"


def test_an_earlier_study_that_is_no_series_is_told_in_numbers_alone(studies):
    march, june = studies
    bare = replace(march, source=None)
    _, groups = groups_of(report_bytes((bare, june), reported(studies)))
    assert len(groups[0].get_measurements(name=codes.SCT.LongAxis)) == 1
    report = pydicom.dcmread(BytesIO(report_bytes((bare, june), reported(studies))))
    assert "PertinentOtherEvidenceSequence" not in report


def test_a_later_study_that_is_no_series_is_refused(studies):
    march, june = studies
    with pytest.raises(OutputError, match="this study is none: write the table as CSV or JSON"):
        report_bytes((march, replace(june, source=None)), reported(studies))


def test_an_oblique_multi_frame_study_names_its_frames(tmp_path):
    positions = along(OBLIQUE, 6, 2.5)
    frames = [
        {"position": p, "orientation": OBLIQUE, "spacing": (0.8, 0.7), "time": i} for i, p in enumerate(positions)
    ]
    write_enhanced(tmp_path / "e.dcm", pattern(6, 20, 24), frames)
    volume = read_volume(tmp_path / "e.dcm")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[4, 3:9, 4:15] = 1
    found = measure(LabelVolume(array, volume.grid, {}, volume.source), volume)[1]
    content = report_bytes([volume], [Reported(UID, 1, GTV, 0, found)])
    (tmp_path / "r.dcm").write_bytes(content)
    lines = [one for one in read_annotations(tmp_path / "r.dcm").found if one.shape == "line"]
    assert {one.images[0][1] for one in lines} == {volume.source.frame_numbers[4]}
