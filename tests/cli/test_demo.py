"""`volsweep demo`: both phantoms, with the bundled network."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from volsweep.cli import app


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


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
