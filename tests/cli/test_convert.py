"""`volsweep convert`, as a user calls it."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.geometry import Grid
from volsweep.io import read_labels, read_objects, write_labels
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.volume import Label

CASE = "dicom/sarcoma_sts025/MR_T1"


def run(*arguments, succeeds: bool = True):
    done = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    assert (done.exit_code == 0) == succeeds, done.output
    return done


def test_from_contours_to_everything_and_back(cases, tmp_path):
    series, contours = cases / CASE / "image", cases / CASE / "mask" / "RS.dcm"
    expert = read_labels(contours, source=series).array_zyx
    names = ["a.nii.gz", "b.seg.dcm", "c.nrrd", "d.rtstruct.dcm", "e.nii"]
    previous = contours
    for name in names:
        said = run(previous, tmp_path / name, "--source", series).stdout
        assert "label 1: 9655 voxels; read back with a Dice of 1" in said
        assert np.array_equal(read_labels(tmp_path / name, source=series).array_zyx, expert)
        previous = tmp_path / name


def test_options(cases, tmp_path):
    series, contours = cases / CASE / "image", cases / CASE / "mask" / "RS.dcm"
    receipt = json.loads(run(contours, tmp_path / "x.dcm", "--source", series, "--json").stdout)
    assert receipt["dice"] == {"1": 1.0}
    assert pydicom.dcmread(tmp_path / "x.dcm").Modality == "SEG"
    assert "exists already" in str(run(contours, tmp_path / "x.dcm", "--source", series, succeeds=False).exception)
    run(contours, tmp_path / "x.dcm", "--source", series, "--force", "--to", "rtstruct")
    assert pydicom.dcmread(tmp_path / "x.dcm").Modality == "RTSTRUCT"


@pytest.mark.parametrize(("name", "reason"), [("x.nii", "give the series"), ("x.png", "not as 'x.png'")])
def test_refusals(cases, tmp_path, name, reason):
    arguments = [cases / CASE / "mask" / "RS.dcm", tmp_path / name]
    if name.endswith("png"):
        arguments += ["--source", cases / CASE / "image"]
    refused = run(*arguments, succeeds=False)
    assert reason in " ".join(f"{refused.output} {refused.exception}".split())
    assert not list(tmp_path.iterdir())


def test_segment_from_an_experts_contours_to_a_segmentation(cases, tmp_path):
    series, contours = cases / CASE / "image", cases / CASE / "mask" / "RS.dcm"
    arguments = ["segment", series, "--prompts", contours, "--range", "8:12", "-q", "-o"]
    done = CliRunner().invoke(app, [*map(str, arguments), str(tmp_path / "x.seg.dcm")])
    assert done.exit_code == 0, done.output
    found = read_labels(tmp_path / "x.seg.dcm", source=series)
    assert found.labels[1].name == "GTV_Mass_MR_T1"
    assert (found.array_zyx == 1).any()


def test_segment_refuses_a_dicom_result_before_the_sweep(cases, tmp_path):
    arguments = [
        "segment",
        cases / "dicom" / "chest_ct",
        "--box",
        "1@5:100,100,200,200",
        "-q",
        "-o",
        tmp_path / "x.dcm",
    ]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert "removed by de-identification" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_what_overlaps_is_painted_with_a_note_or_stays_whole(tmp_path):
    found = []
    for value, (name, side) in enumerate({"organ": 6, "lesion": 2}.items(), start=1):
        found.append(LabelledObject(value, Label(name, Label.default(value).color)))
        mask_yx = np.zeros((8, 8), bool)
        mask_yx[:side, :side] = True
        found[-1].add(1, mask_yx)
    write_labels(tmp_path / "in.seg.nrrd", Objects(Grid.axis_aligned((3, 8, 8), (2, 1, 1)), found))
    done = run(tmp_path / "in.seg.nrrd", tmp_path / "painted.nii.gz")
    assert "overlap in 4 voxels" in done.stderr
    assert np.bincount(read_labels(tmp_path / "painted.nii.gz").array_zyx.ravel()).tolist()[1:] == [32, 4]
    run(tmp_path / "in.seg.nrrd", tmp_path / "whole.nii.gz", "--whole")
    assert (tmp_path / "whole.overlap-2.nii.gz").is_file()
    whole = read_objects(tmp_path / "whole.nii.gz")
    assert [int(whole.mask_zyx(value).sum()) for value in (1, 2)] == [36, 4]
