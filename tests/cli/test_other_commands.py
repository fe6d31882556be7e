"""`volsweep info`, `models` and `demo`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.models import MODELS

PHANTOM = Path(__file__).resolve().parents[2] / "sample_data" / "ct_phantom"


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_info_as_json():
    (series,) = json.loads(call("info", PHANTOM, "--json"))
    assert (series["modality"], series["shape_zyx"], series["loadable"]) == ("CT", [40, 256, 256], True)


def test_info_as_a_table():
    shown = call("info", PHANTOM)
    assert "40 × 256 × 256" in shown
    assert "4.5 × 1.4 × 1.4" in shown


@pytest.mark.cases
def test_info_says_why_a_series_cannot_be_loaded(cases):
    shown = call("info", cases / "dicom" / "missing_slice_mr")
    assert "cannot be loaded" in shown
    assert "--gaps keep loads it" in shown


def test_models_list():
    shown = call("models", "list")
    assert all(name in shown for name in MODELS)
    listed = {entry["id"]: entry for entry in json.loads(call("models", "list", "--json"))}
    assert listed["volsweep-nano"]["here"]
    assert listed["volsweep-nano"]["licence"] == "Apache-2.0"


def test_models_path_and_verify():
    assert Path(call("models", "path", "volsweep-nano").strip()).is_file()
    assert "published" in call("models", "verify", "volsweep-nano")


@pytest.mark.parametrize("sample", ["ct_phantom", "mr_phantom"])
def test_demo(tmp_path, sample):
    shown = call("demo", "--output", tmp_path / "demo", "--sample", sample)
    assert "DSC" in shown
    assert {p.name for p in (tmp_path / "demo").iterdir()} == {
        "labels.nii.gz",
        "labels.labels.json",
        "preview.png",
        "report.json",
    }


def test_evaluate(tmp_path):
    truth = PHANTOM.parent / "ct_phantom_truth.nii.gz"
    case = {"image": str(PHANTOM), "label": str(truth), "family": "phantom", "modality": "CT"}
    (tmp_path / "cases.json").write_text(json.dumps([case]))
    shown = call("evaluate", tmp_path / "cases.json", "-o", tmp_path / "out")
    assert "volsweep-nano" in shown
    assert "ellips" in shown, "baselines stand in the same table"
    assert {p.suffix for p in (tmp_path / "out").iterdir()} >= {".md", ".json", ".png"}
