"""The walk-through of docs/training.md, at tiny scale: tune on two cases, use the result."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import volsweep
from volsweep.cli import app
from volsweep.evaluate.metrics import dice
from volsweep.geometry import mask_box_xyxy

SETTINGS = {
    "batch": 6, "frames": 6, "blocks": 1, "lr": 4e-4, "warmup": 10, "made": 0, "lesions": 0, "jumps": 0.1,
    "single_slices": 0.2, "ema": 0.9, "workers": 0, "threads": 1, "device": "cpu", "bf16": False,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_cases_are_learned_by_heart(two_cases, tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(SETTINGS))
    run = tmp_path / "mine"
    command = ["train", "--data", str(two_cases), "--output", str(run), "--steps", "150", "--settings", str(settings)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    for entry in json.loads(two_cases.read_text()):
        volume = volsweep.read_volume(two_cases.parent / entry["image"])
        truth = volsweep.read_labels(two_cases.parent / entry["label"]).mask_zyx(1)
        start = int(truth.sum(axis=(1, 2)).argmax())
        session = volsweep.Session(volume, model=run / "model.safetensors")
        session.add_box(label=1, slice=start, box_xyxy=mask_box_xyxy(truth[start]))
        for _ in session.propagate():
            pass
        assert dice(truth, np.asarray(session.labels.mask_zyx(1))) > 0.95
