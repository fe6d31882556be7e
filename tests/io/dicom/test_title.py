"""Series are called by date, number and description, never by a word of the patient's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.io.dicom.title import SeriesTitle, instance_number, read_title


@pytest.fixture
def source(tmp_path):
    """The phantom, with the words that a hospital puts in."""
    for number, path in enumerate(sorted(sample().series.glob("*.dcm"))[:5]):
        dataset = pydicom.dcmread(path)
        dataset.StudyDate, dataset.SeriesNumber, dataset.SeriesDescription = "20261121", 4, "Portal venous"
        dataset.PatientName, dataset.InstanceNumber = "Doe^Jane", 105 - number
        dataset.save_as(tmp_path / path.name)
    return volsweep.read_volume(tmp_path).source


def test_a_title_and_the_images_own_numbers(source):
    assert read_title(source) == SeriesTitle("2026-11-21", 4, "Portal venous")
    assert read_title(source).line == "2026-11-21 · series 4 · Portal venous"
    numbers = [instance_number(source, index) for index in range(5)]
    assert sorted(numbers) == [101, 102, 103, 104, 105]
    assert numbers == [pydicom.dcmread(path).InstanceNumber for path in source.slice_files]
    assert instance_number(source, 5) is None


def test_a_description_with_the_patient_s_name_is_left_out(source):
    for path in source.slice_files:
        dataset = pydicom.dcmread(path)
        dataset.SeriesDescription = "Jane abdomen"
        dataset.save_as(path.with_name(f"b{path.name}"))
    other = replace(source, slice_files=tuple(p.with_name(f"b{p.name}") for p in source.slice_files))
    assert read_title(other).line == "2026-11-21 · series 4"


def test_what_is_no_series_or_is_gone_has_no_title(source):
    assert read_title(None) == SeriesTitle()
    assert read_title(replace(source, kind="nifti")) == SeriesTitle()
    gone = replace(source, slice_files=tuple(Path(f"/nowhere/{i}.dcm") for i in range(5)))
    assert read_title(gone) == SeriesTitle()
    assert instance_number(gone, 2) is None
    packed = replace(source, slice_files=(source.slice_files[0],) * 5)
    assert instance_number(packed, 1) is None
