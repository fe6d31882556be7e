"""`volsweep info`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from volsweep.cli import app

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
