"""`volsweep models`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import ModelError
from volsweep.finder import BundledFinder
from volsweep.models import MODELS, find_model


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
    plain = call("models", "path", "volsweep-nano").strip()
    assert Path(plain).is_file()
    for command in ("path", "download"):  # what is bundled is fetched from nowhere
        assert json.loads(call("models", command, "volsweep-nano", "--json")) == {"path": plain}
    assert "published" in call("models", "verify", "volsweep-nano")


def test_the_finder_is_listed_told_about_and_verified():
    assert "volsweep-finder" in call("models", "list")
    told = json.loads(call("models", "info", "volsweep-finder", "--json"))
    assert told["licence"] == "Apache-2.0"
    assert told["finds"] == [one.name for one in BundledFinder().known]
    assert "finds: brain stem" in call("models", "info", "volsweep-finder")
    assert "published" in call("models", "verify", "Volsweep_Finder")
    assert Path(call("models", "path", "volsweep-finder").strip()).is_file()
    assert "to cite" in call("models", "info", "sam2.1-tiny")


def test_the_finder_sweeps_nothing():
    with pytest.raises(ModelError, match="finds organs by their names and draws none"):
        find_model("volsweep-finder")
