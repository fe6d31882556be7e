"""A manifest from a tree: checked by running what it says."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

import volsweep
from volsweep.batch import Places, problems_of
from volsweep.batch.make import rows_below
from volsweep.cases.phantoms import sample
from volsweep.cli import app
from volsweep.io import convert

CT, MR = sample("ct_phantom"), sample("mr_phantom")


@pytest.fixture
def tree(drawn, tmp_path) -> Path:
    """Two series, the CT's contours and segmentation elsewhere, and contours of a series that is not there."""
    scans = tmp_path / "scans"
    shutil.copytree(CT.series, scans / "anna" / "ct")
    shutil.copytree(MR.series, scans / "anna" / "mr")
    shutil.copytree(drawn, scans / "drawn")
    return scans


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """What trees have of contours."""
    folder = tmp_path_factory.mktemp("drawn")
    convert(CT.truth, folder / "RS.dcm", source=CT.series, dicom="rtstruct")
    convert(CT.truth, folder / "a.seg.dcm", source=CT.series)
    lost = pydicom.dcmread(folder / "RS.dcm")
    study = lost.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    study.RTReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3.4"
    lost.SOPInstanceUID = lost.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    lost.save_as(folder / "lost.dcm")
    return folder


def test_rows_name_series_and_drawing_and_run_as_they_stand(tree, tmp_path):
    manifest = tmp_path / "manifest.csv"
    done = CliRunner().invoke(app, ["batch", "make", str(tree), "-o", str(manifest)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with manifest.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    uid = volsweep.find_series(CT.series)[0].uid
    assert {(row["series"], row["uid"]) for row in rows} == {("scans/anna/ct", uid)}
    assert {row["prompts"] for row in rows} == {"scans/drawn/RS.dcm", "scans/drawn/a.seg.dcm"}
    names = [row["output"] for row in rows]
    assert names == ["1_Synthetic_abdomen_liver_lesion", "1_Synthetic_abdomen_liver_lesion_2"]
    said = " ".join(done.output.split())
    assert "so this one is 1_Synthetic_abdomen_liver_lesion_2" in said, "no name is changed in silence"
    assert "drawn on series 1.2.3.4, which is not below this folder" in said
    assert "left out, since they have no RTSTRUCT or SEG: 1_Synthetic_head_T1_after_contrast_metastasis" in said
    places = Places(manifest)
    assert [problems_of(entry, places, deep=True) for entry in places.entries()] == [[], []]


def test_nothing_is_overwritten_and_nothing_made_of_nothing(tree, tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("mine")
    run = CliRunner()
    refused = run.invoke(app, ["batch", "make", str(tree), "-o", str(manifest)])
    assert "exists already" in str(refused.exception)
    assert manifest.read_text() == "mine"
    empty = run.invoke(app, ["batch", "make", str(MR.series), "-o", str(tmp_path / "new.csv")])
    assert empty.exit_code == 3
    assert not (tmp_path / "new.csv").exists()
    told = run.invoke(app, ["batch", "make", str(tree), "-o", str(manifest), "--force", "--json"])
    assert len(json.loads(told.stdout)["rows"]) == 2


def test_a_manifest_elsewhere_names_whole_paths(tree, tmp_path):
    made = rows_below(tree, tmp_path / "other" / "m.csv")
    assert {row["series"] for row in made.rows} == {str(tree / "anna" / "ct")}
