"""`volsweep demo`: both phantoms, with the bundled network."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from volsweep.cli import app


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("sample", "as_json"), [("ct_phantom", False), ("mr_phantom", True)])
def test_demo(tmp_path, sample, as_json):
    shown = call("demo", "--output", tmp_path / "demo", "--sample", sample, *["--json"] * as_json)
    if as_json:
        told = json.loads(shown)
        assert (told["sample"], told["output"]) == (sample, str(tmp_path / "demo"))
        assert all(0.5 < row["dsc"] <= 1 for row in told["labels"])
        assert told["labels"]
    else:
        assert "DSC" in shown
    assert {p.name for p in (tmp_path / "demo").iterdir()} == {
        "labels.nii.gz",
        "labels.labels.json",
        "preview.png",
        "report.json",
    }


def test_what_was_copied_is_json_too(tmp_path):
    told = json.loads(call("demo", "--copy", tmp_path / "mine", "--json"))
    assert told["output"] == str(tmp_path / "mine")
    assert sorted(told["copied"]) == sorted(path.name for path in (tmp_path / "mine").iterdir())
