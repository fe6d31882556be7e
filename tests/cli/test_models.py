"""`volsweep models`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.models import MODELS


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_models_list():
    shown = call("models", "list")
    assert all(name in shown for name in MODELS)
    listed = {entry["id"]: entry for entry in json.loads(call("models", "list", "--json"))}
    assert listed["volsweep-nano"]["here"]
    assert listed["volsweep-nano"]["licence"] == "Apache-2.0"


def test_models_path_and_verify():
    assert Path(call("models", "path", "volsweep-nano").strip()).is_file()
    assert "published" in call("models", "verify", "volsweep-nano")
