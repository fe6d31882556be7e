"""`volsweep evaluate` on the CT phantom."""

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


@pytest.mark.parametrize("as_json", [False, True])
def test_evaluate(tmp_path, as_json):
    truth = PHANTOM.parent / "ct_phantom_truth.nii.gz"
    case = {"image": str(PHANTOM), "label": str(truth), "family": "phantom", "modality": "CT"}
    (tmp_path / "cases.json").write_text(json.dumps([case]))
    call_for = ["evaluate", "--data", tmp_path / "cases.json"]
    if as_json:
        call_for.remove("--data")  # as it was called before
        (score,) = json.loads(call(*call_for, "--json", "--no-baselines"))["scores"]
        assert "volsweep-nano" in score["method"]
        assert 0.5 < score["dice"] <= 1
        return
    shown = call(*call_for, "-o", tmp_path / "out")
    assert "volsweep-nano" in shown
    assert "ellips" in shown, "baselines stand in the same table"
    assert {p.suffix for p in (tmp_path / "out").iterdir()} >= {".md", ".json", ".png"}
