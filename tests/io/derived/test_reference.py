"""The series that a result refers to: what it must have, and what is taken over from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.drawn_labels import KINDS, drawn_on, series

from volsweep.errors import OutputError
from volsweep.io import check_can_hold, read_labels, read_volume, write_labels
from volsweep.volume import Label, LabelVolume


@pytest.mark.parametrize("suffix", KINDS)
def test_what_has_no_series_to_refer_to_is_refused(tmp_path, rng, suffix):
    out = tmp_path / f"out{suffix}"
    volume = series(tmp_path / "in")
    labels = drawn_on(volume, rng)
    with pytest.raises(OutputError, match=r"refers to the DICOM series.*give the series \(source=\)"):
        write_labels(out, LabelVolume(labels.array_zyx, labels.grid))
    with pytest.raises(OutputError, match=r"drawn on, and this is none: write \.nii\.gz"):
        check_can_hold(out, None, labels.grid)
    shutil.make_archive(str(tmp_path / "in"), "zip", tmp_path / "in")
    with pytest.raises(OutputError, match="archive"):
        convert_drawn(tmp_path / "in.zip", out, rng)

    def edit(ds, _):
        del ds.FrameOfReferenceUID

    with pytest.raises(OutputError, match="has no FrameOfReferenceUID"):
        write_labels(out, drawn_on(series(tmp_path / "anonymous", edit=edit), rng))
    with pytest.raises(OutputError, match="FrameOfReferenceUID"):
        check_can_hold(out, read_volume(tmp_path / "anonymous").source)
    shutil.rmtree(tmp_path / "in")
    with pytest.raises(OutputError, match="is gone"):
        write_labels(out, labels)
    assert not out.exists()
    assert not list(tmp_path.glob(".volsweep-*"))


@pytest.mark.parametrize("suffix", KINDS)
def test_the_kind_of_image_is_taken_from_the_files_own_header_where_it_is_missing(tmp_path, rng, suffix):
    def edit(ds, _):
        del ds.SOPClassUID

    volume = series(tmp_path / "in", edit=edit)
    check_can_hold(tmp_path / f"out{suffix}", volume.source, volume.grid)
    labels = drawn_on(volume, rng)
    write_labels(tmp_path / f"out{suffix}", labels)
    assert read_labels(tmp_path / f"out{suffix}", source=volume).values() == labels.values()


def convert_drawn(source: Path, out: Path, rng) -> None:
    write_labels(out, drawn_on(read_volume(source), rng))


def test_a_series_that_changed_meanwhile_is_noticed(tmp_path, rng):
    volume = series(tmp_path / "in")
    labels = drawn_on(volume, rng)
    shutil.rmtree(tmp_path / "in")
    series(tmp_path / "in")
    with pytest.raises(OutputError, match="no longer the file"):
        write_labels(tmp_path / "out.dcm", labels)


def test_a_deidentified_series_is_refused_with_what_is_missing(cases, tmp_path):
    volume = read_volume(cases / "dicom" / "chest_ct")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[5] = 1
    with pytest.raises(OutputError, match=r"SOPInstanceUID.*removed by de-identification"):
        write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {}, volume.source))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_uid_with_leading_zeros_is_kept_and_told(tmp_path, rng):
    def edit(ds, _):
        with pydicom.config.disable_value_validation():
            ds.StudyInstanceUID = "1.2.03.4"

    labels = drawn_on(series(tmp_path / "in", edit=edit), rng)
    receipt = write_labels(tmp_path / "out.seg.dcm", labels)
    assert pydicom.dcmread(tmp_path / "out.seg.dcm").StudyInstanceUID == "1.2.03.4"
    assert any("StudyInstanceUID of the series is no valid UID" in note for note in receipt.warnings)


def test_patients_and_labels_in_two_alphabets_meet_in_unicode(tmp_path, rng):
    def edit(ds, _):
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.PatientName = "Müller^Jörg"

    labels = drawn_on(series(tmp_path / "in", edit=edit), rng)
    named = LabelVolume(labels.array_zyx, labels.grid, {2: Label("腫瘍\\x\n" + "y" * 99, "#ff0000")}, labels.source)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", named)
        made = pydicom.dcmread(tmp_path / f"out{suffix}")
        assert str(made.PatientName) == "Müller^Jörg"
        assert (
            read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in").labels[2].name
            == "腫瘍/x" + "y" * 30 + "..." + "y" * 27
        )
