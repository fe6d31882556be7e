"""`volsweep gui` starts the plugin's own process; `tests/napari/test_main.py` holds what that does."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.cli import gui as module
from volsweep.io.dicom.samples import sample_folder


@pytest.mark.parametrize(
    ("typed", "opened"),
    [
        (
            ["sample:mr_phantom", "--series", "1.2", "--labels", str(sample_folder() / "ct_phantom")],
            [str(sample_folder() / "mr_phantom"), "--series", "1.2", "--labels", str(sample_folder() / "ct_phantom")],
        ),
        ([], []),
        (["sample:mr_phantom"], [str(sample_folder() / "mr_phantom")]),
        ([str(sample_folder())], None),
    ],
)
def test_it_opens_napari_and_leaves_with_its_code(monkeypatch, typed, opened):
    called = []
    monkeypatch.setattr(module.subprocess, "call", lambda command: called.append(command) or 7)
    done = CliRunner().invoke(app, ["gui", *typed])
    assert done.exit_code == 7
    assert called == [[sys.executable, "-m", "volsweep.napari", *(typed if opened is None else opened)]]


def test_what_is_not_there_is_refused_before_a_window_opens(monkeypatch):
    monkeypatch.setattr(module.subprocess, "call", lambda _: pytest.fail("a window was opened"))
    nothing = CliRunner().invoke(app, ["gui", "sample:ct_phantom", "--labels", "nowhere.nii.gz"])
    assert "nowhere.nii.gz does not exist" in str(nothing.exception)
    assert CliRunner().invoke(app, ["gui", "--series", "1.2"]).exit_code == 2
    assert "nowhere does not exist" in str(CliRunner().invoke(app, ["gui", "nowhere"]).exception)
