"""DICOM SEG and RTSTRUCT alike: round trips in any geometry, experts' contours, the series they belong to."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from support.dicom_files import AXIAL, CORONAL, OBLIQUE, PATIENT, SAGITTAL, along, pattern, write_enhanced
from support.drawn_labels import KINDS, LABELS, drawn_on, series

from volsweep.errors import InputError, OutputError
from volsweep.io import convert, read_labels, read_volume, write_labels
from volsweep.volume import Label, LabelVolume

SARCOMAS = ["sarcoma_sts023/CT", "sarcoma_sts025/CT", "sarcoma_sts025/MR_T1", "sarcoma_sts025/PET"]
WRITTEN = ("sarcoma_sts025/MR_T1", "sarcoma_sts025/PET")
NIFTI = {"CT": "ct", "MR_T1": "t1", "PET": "pet"}


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE], ids=["axial", "cor", "sag", "oblique"])
def test_round_trip_in_any_orientation(tmp_path, rng, orientation, suffix):
    labels = drawn_on(series(tmp_path / "in", orientation), rng)
    receipt = write_labels(tmp_path / f"out{suffix}", labels)
    back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in")
    assert np.array_equal(back.array_zyx, labels.array_zyx)
    assert back.labels == labels.labels
    assert back.grid.matches(labels.grid)
    assert receipt.dice == {2: 1.0, 5: 1.0, 9: 1.0}
    assert receipt.max_corner_error_mm < 1e-6
    assert receipt.voxels == {v: int((labels.array_zyx == v).sum()) for v in LABELS}
    assert not list(tmp_path.glob(".volsweep-*"))


@pytest.mark.parametrize("suffix", KINDS)
def test_round_trip_on_tilted_and_unevenly_spaced_slices(tmp_path, rng, suffix):
    positions = along(AXIAL, 8, 2.0) + np.array([[0, 0.6 * z, 0] for z in range(8)])
    positions = positions[[0, 1, 2, 4, 5, 7]]
    volume = series(tmp_path / "in", AXIAL, positions)
    assert volume.grid.slice_origins_mm is not None
    labels = drawn_on(volume, rng)
    write_labels(tmp_path / f"out{suffix}", labels)
    assert np.array_equal(read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in").array_zyx, labels.array_zyx)


@pytest.mark.parametrize("case", SARCOMAS)
def test_expert_contours_fill_to_the_masks_others_made_of_them(cases, tmp_path, case):
    folder = cases / "dicom" / case
    labels = read_labels(folder / "mask" / "RS.dcm", source=folder / "image")
    patient, modality = case.split("/")
    nifti = cases / "dev" / "sarcoma" / f"sts_{patient[-3:]}_{NIFTI[modality]}" / "label.nii.gz"
    mask = read_labels(nifti, source=folder / "image").array_zyx > 0
    ours = labels.array_zyx > 0
    assert 2 * (ours & mask).sum() / (ours.sum() + mask.sum()) > 0.999
    for suffix in KINDS if case in WRITTEN else ():
        receipt = convert(nifti, tmp_path / f"out{suffix}", source=folder / "image")
        assert receipt.dice == {1: 1.0}
        again = read_labels(tmp_path / f"out{suffix}", source=folder / "image").array_zyx > 0
        assert np.array_equal(again, mask)


def test_a_real_tilted_series_with_uneven_slices(cases, tmp_path, rng):
    volume = read_volume(cases / "dicom" / "head_ct_tilted_variable_spacing", gaps="keep")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3:20, 200:300, 180:260] = 1
    array[5:9, 230:250, 200:220] = 3
    labels = LabelVolume(array, volume.grid, {}, volume.source)
    for suffix in KINDS:
        assert write_labels(tmp_path / f"out{suffix}", labels).dice == {1: 1.0, 3: 1.0}


def test_an_enhanced_multi_frame_series(tmp_path, rng):
    positions = along(OBLIQUE, 6, 3.0)[::-1]  # frames in falling order
    frames = [{"position": p, "orientation": OBLIQUE, "spacing": (0.9, 0.8)} for p in positions]
    write_enhanced(tmp_path / "mr.dcm", pattern(6, 20, 22), frames)
    labels = drawn_on(read_volume(tmp_path / "mr.dcm"), rng)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", labels)
        back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "mr.dcm")
        assert np.array_equal(back.array_zyx, labels.array_zyx)
    seg = pydicom.dcmread(tmp_path / "out.seg.dcm")
    group = seg.PerFrameFunctionalGroupsSequence[0]
    referenced = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
    assert np.allclose(group.PlanePositionSequence[0].ImagePositionPatient, positions[int(referenced) - 1])


def test_labels_without_a_voxel_are_kept_by_name(tmp_path):
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[4, 10:20, 10:20] = 1
    labels = LabelVolume(array, volume.grid, {1: Label("a", "#ff0000"), 4: Label("b", "#00ff00")}, volume.source)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", labels)
        assert read_labels(tmp_path / f"out{suffix}", source=volume).labels == labels.labels


def test_the_series_is_found_among_others_by_its_uid(tmp_path, rng):
    volume = series(tmp_path / "study" / "a")
    series(tmp_path / "study" / "b", AXIAL, along(AXIAL, 30, 1.0))  # larger: read by default
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", drawn_on(volume, rng))
        back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "study")
        assert back.source is not None
        assert back.source.series_uid == volume.source.series_uid


def test_nothing_about_the_patient_is_said(tmp_path, rng, capsys):
    volume = series(tmp_path / "in")
    receipt = write_labels(tmp_path / "out.dcm", drawn_on(volume, rng))
    told = str(receipt.to_dict()) + "".join(capsys.readouterr())
    assert not any(part in told for part in (*PATIENT.split("^"), "LAMANCHA", "15470929"))


def test_existing_files_and_strange_names(tmp_path, rng):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "out.dcm", labels)
    with pytest.raises(OutputError, match="exists already"):
        write_labels(tmp_path / "out.dcm", labels)
    write_labels(tmp_path / "out.dcm", labels, overwrite=True, dicom="rtstruct")
    assert pydicom.dcmread(tmp_path / "out.dcm").Modality == "RTSTRUCT"
    with pytest.raises(OutputError, match=r"end it with \.dcm"):
        write_labels(tmp_path / "out.nii", labels, dicom="seg")
    with pytest.raises(InputError, match="is a folder"):
        read_labels(tmp_path / "in")
    with pytest.raises(InputError, match="modality CT"):
        read_labels(next((tmp_path / "in").iterdir()))


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize(("value", "told"), [(0, "there is no object"), (70000, "from 1 to 65535, and not 70000")])
def test_what_dicom_cannot_hold_is_told_in_words(tmp_path, suffix, value, told):
    """It said "and not []"."""
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, np.int32)
    array[1, 2:4, 2:4] = value
    with pytest.raises(OutputError, match=told):
        write_labels(tmp_path / f"out{suffix}", LabelVolume(array, volume.grid, source=volume.source))
