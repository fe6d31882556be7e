"""`volsweep follow`, as it is typed."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import numpy as np
from support.followed_patient import first_study, grid_around, imaged, saved, six_degrees, someone
from typer.testing import CliRunner

from volsweep import read_labels, read_prompts, write_labels
from volsweep.cli import app


def test_from_files_to_labels_table_report_and_prompts(tmp_path):
    patient = someone()
    volume, labels = first_study(patient)
    later, truth = imaged(patient, grid_around(), six_degrees(), tuple(0.85 * r for r in patient.radii))
    saved(tmp_path / "march.nii.gz", volume)
    saved(tmp_path / "june.nii.gz", later)
    write_labels(tmp_path / "drawn.nii.gz", labels)
    call = ["follow", *(str(tmp_path / name) for name in ("march.nii.gz", "drawn.nii.gz", "june.nii.gz"))]
    call += ["-o", str(tmp_path / "june-labels.nii.gz"), "--table", str(tmp_path / "june.csv")]
    call += ["--report", str(tmp_path / "june.json"), "--prompts", str(tmp_path / "prompts.json")]
    done = CliRunner().invoke(app, call, env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    assert "3 GTV" in done.stdout
    assert "not a diagnosis" in done.stdout
    (before, after) = re.findall(r"([\d.]+) → ([\d.]+) mm", done.stdout)[0]
    assert f"longest diameters: {before} mm, then {after} mm" in done.stdout
    found = read_labels(tmp_path / "june-labels.nii.gz")
    mask = found.mask_zyx(3)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8
    assert found.labels[3].name == "GTV"
    (row,) = csv.DictReader((tmp_path / "june.csv").read_text().splitlines())
    assert row["fate"] == "found"
    assert float(row["volume_change_percent"]) < -15
    assert json.loads((tmp_path / "june.json").read_text())["registration"]["kind"] in ("rigid", "affine")
    assert len(read_prompts(tmp_path / "prompts.json", later).prompts) == 1
    again = CliRunner().invoke(app, call)
    assert again.exit_code != 0
    assert "exists" in str(again.exception)


def test_what_made_the_images_can_be_said_as_the_note_has_it(tmp_path):
    patient = someone()
    volume, labels = first_study(patient)
    like_ct = np.where(volume.array_zyx == 0, -1000, volume.array_zyx - 300).astype(np.int16)
    saved(tmp_path / "march.nii.gz", replace(volume, array_zyx=like_ct))
    write_labels(tmp_path / "drawn.nii.gz", labels)
    paths = [str(tmp_path / name) for name in ("march.nii.gz", "drawn.nii.gz", "march.nii.gz")]
    call = ["follow", *paths, "-o", str(tmp_path / "o.nii.gz"), "--json"]
    told = json.loads(CliRunner().invoke(app, call, catch_exceptions=False).stdout)
    assert "says otherwise" in " ".join(told["notes"])
    told = json.loads(CliRunner().invoke(app, [*call, "--force", "--modality", "MR", "--gaps", "keep"]).stdout)
    assert not [note for note in told["notes"] if "says otherwise" in note]
    refused = CliRunner().invoke(app, [*call, "--force", "--modality", "X-ray"])
    assert refused.exit_code == 2
    assert "--modality" in refused.output


def test_the_studies_are_never_written_over(tmp_path):
    volume, labels = first_study(someone())
    saved(tmp_path / "march.nii.gz", volume)
    write_labels(tmp_path / "drawn.nii.gz", labels)
    before = (tmp_path / "march.nii.gz").read_bytes()
    paths = [str(tmp_path / name) for name in ("march.nii.gz", "drawn.nii.gz", "march.nii.gz")]
    done = CliRunner().invoke(app, ["follow", *paths, "-o", paths[0], "--force"])
    assert done.exit_code != 0
    assert (tmp_path / "march.nii.gz").read_bytes() == before
    assert np.array_equal(read_labels(tmp_path / "drawn.nii.gz").array_zyx, labels.array_zyx)


def test_an_sr_of_what_is_no_dicom_series_is_refused_before_the_work(tmp_path):
    volume, labels = first_study(someone())
    saved(tmp_path / "march.nii.gz", volume)
    write_labels(tmp_path / "drawn.nii.gz", labels)
    paths = [str(tmp_path / name) for name in ("march.nii.gz", "drawn.nii.gz", "march.nii.gz")]
    call = ["follow", *paths, "-o", str(tmp_path / "out.nii.gz"), "--sr", str(tmp_path / "out.dcm")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code != 0
    assert "a DICOM SR refers to the DICOM series" in str(done.exception)
    assert not (tmp_path / "out.nii.gz").exists()
