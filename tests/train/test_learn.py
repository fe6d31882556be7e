"""Learning from sessions: what is learned from, what becomes of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from safetensors.numpy import load_file
from train.conftest import write_two_cases
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import InputError, ModelError
from volsweep.io import read_volume
from volsweep.models import checkpoint_path, find_model
from volsweep.session.file import SessionFile, ViewState, VolumeReference, write_session
from volsweep.session.session import Session
from volsweep.train.learn import RECIPE, case_of, learn


@pytest.fixture(scope="module", autouse=True)
def _a_small_recipe():
    """As many blocks as there are objects: what is asked is what is tuned and kept, not how well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPE, "blocks", 2)
        patch.setitem(RECIPE, "planes", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    write_two_cases(folder)
    return folder


def drawn(folder, number: int, model: str | Path) -> Session:
    """A session in which a reader outlined the ball of a case, slice by slice."""
    session = Session(read_volume(folder / f"image{number}.nii.gz", modality="CT"), model, device="cpu")
    truth = np.asarray(nib.load(folder / f"label{number}.nii.gz").dataobj).T > 0
    for index in np.flatnonzero(truth.any((1, 2))):
        session.add_mask(label=3, slice=int(index), mask_yx=truth[index])
    return session


def saved(folder, number: int, model: str):
    session = drawn(folder, number, model)
    path = folder / f"session{number}.json"
    view = ViewState(window=(session.window.center, session.window.width), model=model)
    volume = VolumeReference.of(session.volume)
    write_session(path, SessionFile(volume=volume, view=view, actions=session.journal.effective), overwrite=True)
    return path


@pytest.fixture(scope="module")
def learned(folder, narrow_nano, tmp_path_factory):
    sessions = [drawn(folder, i, narrow_nano) for i in (0, 1)]
    return learn(sessions, tmp_path_factory.mktemp("l") / "mine", steps=1, device="cpu")


def test_a_session_is_a_case_with_its_objects_as_they_are_shown(folder, narrow_nano):
    session = drawn(folder, 0, narrow_nano)
    case = case_of(session)
    truth = np.asarray(nib.load(folder / "label0.nii.gz").dataobj).T
    np.testing.assert_array_equal(case.labels_zyx, 3 * truth)
    assert ([t.value for t in case.targets], case.modality, case.window) == ([3], "CT", session.window)
    assert case.spacing_zyx_mm == (2.0, 1.0, 1.0)
    assert case_of(Session(session.volume, device="cpu")) is None


def test_the_networks_of_bodies_are_tuned_and_nothing_else_is_touched(learned, narrow_nano):
    parent = find_model(narrow_nano)
    before, after = load_file(checkpoint_path(parent)), load_file(learned.weights)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"foresight", "refiner"}
    assert not [name for name in changed if name.startswith("refiner.trunk")]
    assert find_model(learned.weights).zoom == parent.zoom


def test_where_it_comes_from_is_kept_in_hashes(learned, folder):
    about = json.loads((learned.weights.parent / "learned.json").read_text())
    volumes = [read_volume(folder / f"image{i}.nii.gz") for i in (0, 1)]
    assert about["cases"] == [[volume.content_sha256, 1] for volume in volumes]
    assert about["parent"] == "narrow"
    assert len(about["parent_sha256"]) == 64
    assert str(folder) not in json.dumps(about)
    names = {path.name for path in learned.weights.parent.iterdir()}
    assert names == {"learned.json", "model.safetensors", "model.yaml"}


def test_what_is_tuned_has_the_licence_of_what_it_was_tuned_from(learned):
    spec = find_model(learned.weights)
    assert spec.licence == "Apache-2.0"
    assert spec.licence_note == "Tuned from narrow, whose licence it has, as model.yaml beside it says."


def test_a_learned_model_is_learned_from_again(learned, folder, tmp_path):
    again = learn([drawn(folder, i, learned.weights) for i in (0, 1)], tmp_path / "again", steps=1, device="cpu")
    assert again.parent == "model"
    assert find_model(again.weights).licence == "Apache-2.0"
    with pytest.raises(InputError, match="holds a model already"):
        learn([drawn(folder, i, learned.weights) for i in (0, 1)], learned.weights.parent, steps=1)


def test_what_there_is_to_little_of_or_cannot_learn_is_refused(folder, tmp_path, narrow_nano):
    with pytest.raises(InputError, match="too little to learn from: 1 objects"):
        learn([drawn(folder, 0, narrow_nano)], tmp_path)
    with pytest.raises(InputError, match="at least one session"):
        learn([], tmp_path)
    with pytest.raises(ModelError, match="several models, narrow, sam2"):
        learn([drawn(folder, 0, narrow_nano), drawn(folder, 1, "sam2.1-tiny")], tmp_path)
    with pytest.raises(ModelError, match="predicts no bodies"):
        learn([drawn(folder, 0, "sam2.1-tiny"), drawn(folder, 1, "sam2.1-tiny")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_learns_from_session_files(folder, tmp_path, narrow_nano):
    paths = [saved(folder, i, str(narrow_nano)) for i in (0, 1)]
    asked = ["train", "-o", str(tmp_path / "mine"), *(f"--from-session={path}" for path in paths)]
    asked = [*asked, "--trust-model", "--device", "cpu"]
    done = CliRunner().invoke(app, [*asked, "--steps", "1", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["steps"] == 1
    assert find_model(told["weights"]).family == "local"
    refused = CliRunner().invoke(app, [*asked, "--batch", "3"])
    assert refused.exit_code != 0
