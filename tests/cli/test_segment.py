"""`volsweep segment` on the phantom and on a real series, as a user types it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from support.dicom_files import write_ball
from typer.testing import CliRunner

from volsweep.cli import app

PHANTOM = Path(__file__).resolve().parents[2] / "sample_data" / "ct_phantom"
BOX = "lesion=1@20:55,98,86,126"
BALL = "lesion=1@4:14,12,25,23"
"""Around the ball of the small series."""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A CT series of a bright ball, nine slices of 3 mm: what does not depend on the image is asked of it."""
    return write_ball(tmp_path_factory.mktemp("ball"))


@pytest.fixture
def run(call):
    return call


def test_files_of_a_run(run, tmp_path):
    out, report, preview = (tmp_path / name for name in ("o.nii.gz", "r.json", "p.png"))
    code, printed, _ = run(
        "segment", PHANTOM, "-o", out, "--box", BOX, "--range", "14:26", "--report", report, "--preview", preview
    )
    assert code == 0
    assert "1 lesion" in printed
    image = nib.load(out)
    assert image.get_data_dtype() == np.uint8
    assert set(np.unique(np.asarray(image.dataobj))) == {0, 1}
    told = json.loads(report.read_text())
    assert told["schema"] == "volsweep-report"
    assert told["labels"][0]["name"] == "lesion"
    assert told["labels"][0]["voxels"] == int((np.asarray(image.dataobj) == 1).sum())
    assert told["receipt"]["voxels"]["1"] == told["labels"][0]["voxels"]
    assert told["run"]["range"] == [14, 26]
    assert len(told["model"]["sha256"]) == 64
    assert told["slices_visited"] <= 12
    with Image.open(preview) as picture:
        assert picture.size == (1280, 680)
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 500
    assert {p.name for p in tmp_path.iterdir()} == {"o.nii.gz", "o.labels.json", "r.json", "p.png"}


def test_prompt_file_and_box_give_the_same(run, tmp_path, on_arithmetic):
    prompts = PHANTOM.parent / "ct_phantom_prompts.json"
    assert run("segment", PHANTOM, "-o", tmp_path / "a.nii.gz", "--prompts", prompts, "--range", "17:23", "-q")[0] == 0
    assert run("segment", PHANTOM, "-o", tmp_path / "b.nii.gz", "--box", BOX, "--range", "17:23", "-q")[0] == 0
    a, b = (np.asarray(nib.load(tmp_path / name).dataobj) for name in ("a.nii.gz", "b.nii.gz"))
    np.testing.assert_array_equal(a, b)


def test_json_is_the_report_and_the_reader_stands_there_and_in_the_seg_alone(run, small, tmp_path, caplog):
    caplog.set_level("DEBUG")
    code, printed, said = run(
        "segment", small, "-o", tmp_path / "a.seg.dcm", "--point", "2@4:19,17", "--point", "2@4:5,5,-",
        "--range", "3:5", "--json", "--reader", "QZ7", "--sign",
    )  # fmt: skip
    assert code == 0
    told = json.loads(printed)
    assert told["reader"] == "QZ7"
    assert pydicom.dcmread(tmp_path / "a.seg.dcm").ContentCreatorName == "QZ7"
    assert caplog.records
    assert "QZ7" not in caplog.text + said
    assert [p["positive"] for p in told["prompts"]] == [True, False]
    assert told["labels"][0]["label"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--box", "1@4:1,2,3"], 2, "is not of the form LABEL@SLICE:X0,Y0,X1,Y1"),
        (["--box", "1@99:1,2,3,4"], 1, "slice 99 is outside the volume"),
        (["--box", "0@4:1,2,3,4"], 2, "label 0: give at least 1"),
        (["--box", BALL, "--window", "lungs"], 2, "window 'lungs' is unknown"),
        (["--box", BALL, "--model", "sam3"], 1, "sam3"),
        (["--box", BALL, "--model", "sam2.1-large"], 1, "volsweep models download sam2.1-large"),
        (["--box", BALL, "--device", "cuda:7"], 1, "cuda:7"),
        (["--box", BALL, "--series", "1.2.3"], 1, "1.2.3"),
        (["--box", BALL, "--range", "0:2"], 1, "no prompted slice in the range"),
        (["--box", BALL, "--range", "a"], 2, "Z0:Z1"),
        (["--box", BALL, "--plane", "diagonal"], 2, "diagonal"),
        ([], 2, "--box"),
        (["--prompts", "none.json"], 1, "none.json"),
        (["--box", BALL, "--reader", "Dr. Q."], 2, "is no initials"),
        (["--box", BALL, "--sign"], 1, "give --reader, such as AB"),
        (["--box", BALL, "--reader", "Q", "--sign"], 1, "only a DICOM SEG has"),
    ],
)  # fmt: skip
def test_bad_calls(run, small, tmp_path, arguments, code, words):
    got, _, err = run("segment", small, "-o", tmp_path / "o.nii.gz", *arguments)
    assert got == code, err
    assert words in " ".join(err.split())
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir()), "a call that fails leaves nothing behind"


def test_nothing_is_overwritten_without_being_told_to(run, small, tmp_path):
    out = tmp_path / "o.nii.gz"
    out.write_text("precious")
    code, _, err = run("segment", small, "-o", out, "--box", BALL)
    assert (code, out.read_text()) == (1, "precious")
    assert "--force" in err
    assert run("segment", small, "-o", out, "--box", BALL, "--range", "3:5", "--force", "-q")[0] == 0
    assert nib.load(out).shape == (40, 36, 9)


def test_two_outputs_of_one_name_are_refused(run, small, tmp_path):
    code, _, err = run("segment", small, "-o", tmp_path / "o.nii", "--report", tmp_path / "o.nii", "--box", BALL)
    assert code == 1
    assert "two outputs have the same name" in err


def test_interrupt_leaves_no_half_file(run, small, tmp_path, monkeypatch):
    import volsweep.job.run as job

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    killed = []
    monkeypatch.setattr(job, "write_labels", interrupted)
    monkeypatch.setattr("os.kill", lambda process, number: killed.append((process, number)))
    code, _, err = run("segment", small, "-o", tmp_path / "o.nii.gz", "--box", BALL, "--range", "3:5")
    assert killed == [(os.getpid(), signal.SIGINT)], "so that a loop of the shell ends as well"
    assert code == 130, "where a signal ends nobody"
    assert "stopped" in err
    assert not list(tmp_path.iterdir())


def test_mr_by_two_planes(run, tmp_path):
    """A coronal sweep of the same lesion lands on the same place as an axial one."""
    series = PHANTOM.parent / "mr_phantom"
    truth = np.asarray(nib.load(PHANTOM.parent / "mr_phantom_truth.nii.gz").dataobj).T > 0
    y = int(np.argmax(truth.sum(axis=(0, 2))))
    rows, columns = (np.flatnonzero(truth[:, y].any(axis=a)) for a in (1, 0))
    box = f"1@{y}:{columns[0]},{rows[0]},{columns[-1]},{rows[-1]}"
    span = np.flatnonzero(truth.any(axis=(0, 2)))
    code, _, err = run(
        "segment", series, "-o", tmp_path / "o.nrrd", "--plane", "coronal", "--box", box,
        "--range", f"{span[0]}:{span[-1]}", "-q",
    )  # fmt: skip
    assert code == 0, err
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "o.nrrd"))) > 0
    assert found[:, y].any(), "the prompted coronal slice is in there"
    away_mm = (np.mean(np.nonzero(found), axis=1) - np.mean(np.nonzero(truth), axis=1)) * (5.0, 1.2, 1.2)
    assert np.linalg.norm(away_mm) < 15, "a mirrored or shifted axis would put it elsewhere"
    assert (found & truth).sum() / truth.sum() > 0.4


@pytest.mark.cases
def test_real_ct_with_a_box_from_the_expert(run, tmp_path, cases):
    """The whole way on a real series: what is saved lies on the DICOM for SimpleITK and for nibabel."""
    folder = cases / "dicom" / "sarcoma_sts025" / "CT" / "image"
    contour = pydicom.dcmread(next((folder.parent / "mask").iterdir()))
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    source = sitk.ReadImage(files)
    # The expert's largest slice, as a box in our voxels, through SimpleITK's geometry.
    boxes = {}
    for item in contour.ROIContourSequence[0].ContourSequence:
        points = np.reshape(np.asarray(item.ContourData, dtype=float), (-1, 3))
        index = np.array([source.TransformPhysicalPointToContinuousIndex(p) for p in points])
        low, high = index.min(axis=0), index.max(axis=0)
        boxes[round(index[0, 2])] = (np.prod((high - low)[:2]), low, high)
    z, (_, low, high) = max(boxes.items(), key=lambda entry: entry[1][0])
    box = f"gtv=1@{z}:{low[0]:.1f},{low[1]:.1f},{high[0]:.1f},{high[1]:.1f}"
    code, _, err = run("segment", folder, "-o", tmp_path / "o.nii.gz", "--box", box, "-q")
    assert code == 0, err

    saved = sitk.ReadImage(str(tmp_path / "o.nii.gz"))
    assert saved.GetSize() == source.GetSize()
    affine = nib.load(tmp_path / "o.nii.gz").affine
    for corner in np.ndindex(2, 2, 2):
        index = [int(c * (n - 1)) for c, n in zip(corner, source.GetSize(), strict=True)]
        expected = np.array(source.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(saved.TransformIndexToPhysicalPoint(index), expected, atol=0.01)
        np.testing.assert_allclose((affine @ [*index, 1])[:3] * [-1, -1, 1], expected, atol=0.01)
    drawn = sitk.GetArrayFromImage(saved)[z] > 0
    rows, columns = np.nonzero(drawn)
    centre = np.array([columns.mean(), rows.mean()])
    assert (np.abs(centre - (low + high)[:2] / 2) < (high - low)[:2] / 4).all(), "the mask is where the expert drew"


def test_help_lists_every_option():
    shown = CliRunner().invoke(app, ["segment", "--help"], env={"COLUMNS": "200"}).output
    for option in ("--box", "--point", "--line", "--prompts", "--plane", "--range", "--direction", "--stride",
                   "--window", "--model", "--device", "--series", "--gaps", "--report", "--preview", "--force",
                   "--quiet", "--json"):  # fmt: skip
        assert option in shown
