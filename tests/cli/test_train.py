"""`volsweep train`: what its options become, and what is refused before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import InputError, ModelError
from volsweep.train import loop


@pytest.fixture
def asked(monkeypatch):
    """The settings that a run was started with; it says that it made a step."""
    seen = []

    def train(config, on_progress):
        seen.append(config)
        on_progress(loop.Progress(1, config.steps, 12.0, {"loss": 0.5, "dsc": 0.75}))
        return config.output / "model.safetensors"

    monkeypatch.setattr(loop, "train", train)
    return seen


def call(*arguments: object):
    return CliRunner().invoke(app, ["train", *map(str, arguments)], env={"COLUMNS": "200"})


def test_options_win_over_the_file_of_settings(asked, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"steps": 9, "batch": 3, "seed": 4, "foresight_lr": 1e-3}))
    done = call("-o", tmp_path / "run", "--settings", tmp_path / "s.json", "--steps", 5, "--freeze", "body",
                "--freeze", "memory", "--workers", 0)  # fmt: skip
    assert done.exit_code == 0, done.output
    (config,) = asked
    assert (config.steps, config.batch, config.seed, config.body_lr) == (5, 3, 4, 1e-3)
    assert (config.freeze, config.workers, config.init) == (("body", "memory"), 0, "volsweep-nano")
    assert done.stdout.strip() == str(tmp_path / "run" / "model.safetensors")


def test_what_a_script_reads(asked, tmp_path):
    done = call("-o", tmp_path / "run", "--steps", 5, "--json")
    told = json.loads(done.stdout)
    weights = str(tmp_path / "run" / "model.safetensors")
    assert told == {"weights": weights, "steps": 5, "last_step": {"loss": 0.5, "dsc": 0.75}}


def test_none_is_random_weights(asked, tmp_path):
    call("-o", tmp_path, "--init", "none")
    call("-o", tmp_path, "--init", "sam2.1-tiny")
    assert [config.init for config in asked] == [None, "sam2.1-tiny"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "must be a JSON object of TrainConfig fields"),
        ("{", "cannot be read as JSON"),
        ('{"step": 3}', "step is not known here"),
        ('{"made": 2}', "made 2: give at most 1"),
        (None, "cannot be read as JSON"),
    ],
)
def test_settings_that_are_none_are_named(asked, tmp_path, text, words):
    path = Path(tmp_path / "s.json")
    if text is not None:
        path.write_text(text)
    done = call("-o", tmp_path / "run", "--settings", path)
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)
    assert asked == []
    assert not (tmp_path / "run").exists()


def test_weights_that_a_file_of_settings_names_are_asked_about(asked, tmp_path):
    """Whoever wrote the file chose them; a name of the registry, and what is typed, need no consent."""
    (tmp_path / "s.json").write_text(json.dumps({"init": "/x/theirs.safetensors"}))
    told = call("-o", tmp_path / "run", "--settings", tmp_path / "s.json")
    assert isinstance(told.exception, ModelError)
    assert "s.json asks for weights that are none of Volsweep's own" in str(told.exception)
    assert asked == []
    for more in (["--trust-model"], ["--init", "sam2.1-tiny"]):
        call("-o", tmp_path / "run", "--settings", tmp_path / "s.json", *more)
    (tmp_path / "s.json").write_text(json.dumps({"init": "sam2.1-tiny"}))
    call("-o", tmp_path / "run", "--settings", tmp_path / "s.json")
    assert [config.init for config in asked] == ["/x/theirs.safetensors", "sam2.1-tiny", "sam2.1-tiny"]
