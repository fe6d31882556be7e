"""`tools/train_finder.py` runs: a step on cases of noise, and what it writes is a finder's weights."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from volsweep.finder import BundledFinder
from volsweep.models import sha256_of
from volsweep.models.registry import FINDER

TOOL = Path(__file__).resolve().parents[2] / "tools" / "train_finder.py"


@pytest.fixture
def cases(tmp_path) -> Path:
    """Two heads, each with all seven organs, and two limbs with none, of which the script holds the first back."""
    rng = np.random.default_rng(0)
    entries = []
    for family, name in (("headneck", "h1"), ("headneck", "h2"), ("sarcoma", "s1"), ("sarcoma", "s2")):
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        labels = np.zeros((16, 16, 16), np.uint8)
        if family == "headneck":
            for value in range(1, 8):
                labels[2 * value - 2 : 2 * value, 4:12, 4:12] = value
        for file, array in (("image", rng.integers(-1000, 1000, labels.shape).astype(np.int16)), ("label", labels)):
            nib.save(nib.Nifti1Image(array, np.diag([-3.0, -3, 3, 1])), folder / f"{file}.nii.gz")
        entries.append({"path": name, "split": "train", "family": family, "modality": "CT"})
    (tmp_path / "cases" / "cases.json").write_text(json.dumps(entries))
    return tmp_path / "cases"


def test_a_step_is_learnt_and_written(cases, tmp_path, monkeypatch, capsys):
    out = tmp_path / "finder.safetensors"
    monkeypatch.setattr(sys, "argv", [str(TOOL), "--cases", str(cases), "--steps", "1", "--out", str(out)])
    runpy.run_path(str(TOOL), run_name="__main__")
    told = capsys.readouterr().out
    assert "1 to learn from, 1 held back, 1 without" in told
    assert "held back: brain stem 0." in told
    spec = replace(FINDER, bundled=False, weights_path=out, sha256=sha256_of(out))
    assert [one.name for one in BundledFinder(spec).known] == [one.name for one in BundledFinder().known]
