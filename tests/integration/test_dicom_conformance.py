"""What other programs say of our DICOM: dciodvfy of dicom3tools, segimage2itkimage of dcmqi."""

from __future__ import annotations

import json
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from support.changed_objects import shrunk_and_gone
from support.dicom_files import CORONAL, OBLIQUE, along, pattern, write_series
from support.programs import complaints, program

from volsweep.follow import to_sr
from volsweep.io import convert, read_labels, read_volume, write_labels
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.volume import Label, LabelVolume

pytestmark = pytest.mark.integration

SERIES = {
    "ct": ("sarcoma_sts023/CT/image", "refuse"),
    "mr": ("sarcoma_sts025/MR_T1/image", "refuse"),
    "pet": ("sarcoma_sts025/PET/image", "refuse"),
    "tilted, uneven": ("head_ct_tilted_variable_spacing", "keep"),
    "gap": ("missing_slice_mr", "keep"),
    "enhanced": ("enhanced_multiframe_mr/In/Siemens/XA10/6_1.dcm", "refuse"),
}


def drawn_on(series: Path, gaps: str) -> LabelVolume:
    volume = read_volume(series, gaps=gaps)
    nz, ny, nx = volume.shape_zyx
    z, y, x = np.indices(volume.shape_zyx)
    radius = np.hypot((y - ny / 2) / ny, (x - nx / 2) / nx)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[(radius < 0.4) & (radius > 0.2) & (z > 0) & (z < nz - 1)] = 1
    array[(radius < 0.1) & (z > nz // 3)] = 4
    names = {1: Label("liver", "#e69f00"), 4: Label("Läsion 腫瘍", "#56b4e9")}
    return LabelVolume(array, volume.grid, names, volume.source)


@pytest.mark.parametrize("suffix", [".seg.dcm", ".rtstruct.dcm"])
@pytest.mark.parametrize("series", SERIES)
def test_dciodvfy_finds_no_error(cases, tmp_path, series, suffix):
    folder, gaps = SERIES[series]
    write_labels(tmp_path / f"out{suffix}", drawn_on(cases / "dicom" / folder, gaps))
    assert complaints(tmp_path / f"out{suffix}") == []


def test_dciodvfy_finds_no_error_in_the_changes_between_two_studies(tmp_path):
    (tmp_path / "changes.sr.dcm").write_bytes(to_sr(*shrunk_and_gone(tmp_path)))
    assert complaints(tmp_path / "changes.sr.dcm") == []


@pytest.mark.parametrize("suffix", [".seg.dcm", ".rtstruct.dcm"])
@pytest.mark.parametrize(
    "kind", ["many points", "many segments", "overlaps", "japanese", "odd values", "coronal", "oblique", "one slice"]
)
def test_dciodvfy_finds_no_error_in_objects_of_every_kind(tmp_path, kind, suffix):
    """Outlines of thousands of points (implicit VR), names in other alphabets, values that are not valid."""

    def edit(ds, _):
        if kind == "japanese":
            ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
            ds.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
        if kind == "odd values":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ds.StudyTime, ds.PatientSex, ds.PatientBirthDate, ds.StudyDate = "12:30:15", "U", "260102", "2026.01.02"
                ds.PatientID, ds.StudyID, ds.PatientAge, ds.SeriesNumber = "x" * 80, "y" * 30, "45", 2**31 - 1

    orientation = {"coronal": CORONAL, "oblique": OBLIQUE}.get(kind, (1, 0, 0, 0, 1, 0))
    count, size = (1 if kind == "one slice" else 5), (128 if kind == "many points" else 40)
    write_series(tmp_path / "in", pattern(count, size, size, np.uint16), along(orientation, count, 2.5),
                 orientation=orientation, edit=edit)  # fmt: skip
    volume = read_volume(tmp_path / "in")
    _, y, x = np.indices(volume.shape_zyx)
    array = np.zeros(volume.shape_zyx, np.uint8)
    array[(y > 3) & (x > 3) & (y < size - 3) & (x < size - 3)] = 1
    names = {1: Label("肝臓 腫瘍" if kind == "japanese" else "liver", "#e69f00")}
    if kind == "many points":
        array[(y % 3 == 1) & (x % 3 == 1)] = 0
    if kind == "many segments":
        array = np.where(array > 0, 1 + (y // 4) * 10 + x // 4, 0).astype(np.uint8)
        names = {}
    labels = LabelVolume(array, volume.grid, names, volume.source)
    if kind == "overlaps":
        whole = Objects.of(labels)
        inner = LabelledObject(
            2, Label("node", "#56b4e9"), 2, {index: (10, 10, np.ones((6, 6), bool)) for index in range(5)}
        )
        labels = Objects(whole.grid, [*whole.found, inner], whole.source)
    write_labels(tmp_path / f"out{suffix}", labels)
    assert complaints(tmp_path / f"out{suffix}") == []
    again = tmp_path / f"again{'.rtstruct.dcm' if suffix == '.seg.dcm' else '.seg.dcm'}"
    convert(tmp_path / f"out{suffix}", again, source=tmp_path / "in")
    assert complaints(again) == []


def test_dciodvfy_would_find_one(cases, tmp_path):
    import pydicom

    folder, gaps = SERIES["mr"]
    write_labels(tmp_path / "out.dcm", drawn_on(cases / "dicom" / folder, gaps))
    harmed = pydicom.dcmread(tmp_path / "out.dcm")
    del harmed.SegmentSequence[0].SegmentLabel
    harmed.save_as(tmp_path / "harmed.dcm")
    assert any("SegmentLabel" in line for line in complaints(tmp_path / "harmed.dcm"))


@pytest.mark.parametrize("series", ["ct", "mr", "pet"])
def test_dcmqi_reads_identical_voxels(cases, tmp_path, series):
    folder, gaps = SERIES[series]
    labels = drawn_on(cases / "dicom" / folder, gaps)
    write_labels(tmp_path / "out.dcm", labels)
    command = [program("segimage2itkimage"), "--inputDICOM", str(tmp_path / "out.dcm"), "-t", "nrrd",
               "--outputDirectory", str(tmp_path), "--prefix", "dcmqi"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "dcmqi-meta.json").read_text())
    names = [segment["SegmentLabel"] for group in told["segmentAttributes"] for segment in group]
    assert sorted(names) == sorted(label.name for label in labels.labels.values())
    seen = set()
    for path in sorted(tmp_path.glob("dcmqi-*.nrrd")):
        image = SimpleITK.ReadImage(path)
        array = SimpleITK.GetArrayFromImage(image)
        for value in np.unique(array[array > 0]):
            indices = np.argwhere(array == value)
            points = np.array(
                [image.TransformIndexToPhysicalPoint([int(v) for v in zyx[::-1]]) for zyx in indices[::37]]
            )
            at = labels.grid.to_index_zyx(points)
            assert np.abs(at - np.rint(at)).max() < 1e-3
            mine = {int(labels.array_zyx[tuple(v)]) for v in np.rint(at).astype(int)}
            assert len(mine) == 1
            assert len(indices) == int((labels.array_zyx == mine.copy().pop()).sum())
            seen |= mine
    assert seen == {1, 4}


def test_a_segmentation_made_by_dcmqi_is_read(cases, tmp_path):
    series = cases / "dicom" / SERIES["mr"][0]
    labels = drawn_on(series, "refuse")
    convert_to = tmp_path / "labels.nrrd"
    write_labels(convert_to, labels)
    code = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    segments = [
        {"labelID": value, "SegmentLabel": f"from dcmqi {value}", "SegmentDescription": "x",
         "SegmentAlgorithmType": "MANUAL", "recommendedDisplayRGBValue": [0, 255, 0],
         "SegmentedPropertyCategoryCodeSequence": code, "SegmentedPropertyTypeCodeSequence": code}
        for value in (1, 4)
    ]  # fmt: skip
    meta = {"segmentAttributes": [segments], "ContentCreatorName": "x", "SeriesDescription": "x"}
    meta |= {"SeriesNumber": "300", "InstanceNumber": "1"}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    options = {
        "--inputImageList": convert_to,
        "--inputDICOMDirectory": series,
        "--outputDICOM": tmp_path / "dcmqi.dcm",
        "--inputMetadata": tmp_path / "meta.json",
    }
    command = [program("itkimage2segimage"), *(str(part) for option in options.items() for part in option)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr + done.stdout
    back = read_labels(tmp_path / "dcmqi.dcm", source=series)
    for number, value in ((1, 1), (2, 4)):
        assert np.array_equal(back.array_zyx == number, labels.array_zyx == value)
        assert back.labels[number].name == f"from dcmqi {value}"
    assert convert(tmp_path / "dcmqi.dcm", tmp_path / "own.nii.gz").voxels == {
        1: int((labels.array_zyx == 1).sum()), 2: int((labels.array_zyx == 4).sum())
    }  # fmt: skip
