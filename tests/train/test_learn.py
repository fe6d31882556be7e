"""Learning from sessions: what is learned from, what becomes of it, and what is refused."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from safetensors.numpy import load_file
from train.conftest import write_two_cases
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import InputError, ModelError, SessionError
from volsweep.io import read_volume
from volsweep.models import checkpoint_path, find_model
from volsweep.session.file import SessionFile, ViewState, VolumeReference, write_session
from volsweep.session.session import Session
from volsweep.train.learn import case_of, learn, open_sessions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    write_two_cases(folder)
    return folder


def drawn(folder, number: int, model: str = "volsweep-nano") -> Session:
    """A session in which a reader outlined the ball of a case, slice by slice."""
    session = Session(read_volume(folder / f"image{number}.nii.gz", modality="CT"), model, device="cpu")
    truth = np.asarray(nib.load(folder / f"label{number}.nii.gz").dataobj).T > 0
    for index in np.flatnonzero(truth.any((1, 2))):
        session.add_mask(label=3, slice=int(index), mask_yx=truth[index])
    return session


def saved(folder, number: int, model: str = "volsweep-nano"):
    session = drawn(folder, number)
    path = folder / f"session{number}.json"
    view = ViewState(window=(session.window.center, session.window.width), model=model)
    volume = VolumeReference.of(session.volume)
    write_session(path, SessionFile(volume=volume, view=view, actions=session.journal.effective), overwrite=True)
    return path


@pytest.fixture(scope="module")
def learned(folder, tmp_path_factory):
    return learn([drawn(folder, 0), drawn(folder, 1)], tmp_path_factory.mktemp("l") / "mine", steps=1, device="cpu")


def test_a_session_is_a_case_with_its_objects_as_they_are_shown(folder):
    session = drawn(folder, 0)
    case = case_of(session)
    truth = np.asarray(nib.load(folder / "label0.nii.gz").dataobj).T
    np.testing.assert_array_equal(case.labels_zyx, 3 * truth)
    assert ([t.value for t in case.targets], case.modality, case.window) == ([3], "CT", session.window)
    assert case.spacing_zyx_mm == (2.0, 1.0, 1.0)
    assert case_of(Session(session.volume, device="cpu")) is None


def test_the_networks_of_bodies_are_tuned_and_nothing_else_is_touched(learned):
    parent = find_model("volsweep-nano")
    before, after = load_file(checkpoint_path(parent)), load_file(learned.weights)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"foresight", "refiner"}
    assert not [name for name in changed if name.startswith("refiner.trunk")]
    assert find_model(learned.weights).zoom == parent.zoom


def test_where_it_comes_from_is_kept_in_hashes(learned, folder):
    about = json.loads((learned.weights.parent / "learned.json").read_text())
    volumes = [read_volume(folder / f"image{i}.nii.gz") for i in (0, 1)]
    assert about["cases"] == [[volume.content_sha256, 1] for volume in volumes]
    assert about["parent"] == "volsweep-nano"
    assert len(about["parent_sha256"]) == 64
    assert str(folder) not in json.dumps(about)
    names = {path.name for path in learned.weights.parent.iterdir()}
    assert names == {"learned.json", "model.safetensors", "model.yaml"}


def test_a_learned_model_is_learned_from_again(learned, folder, tmp_path):
    again = learn([drawn(folder, i, str(learned.weights)) for i in (0, 1)], tmp_path / "again", steps=1, device="cpu")
    assert again.parent == "model"
    with pytest.raises(InputError, match="holds a model already"):
        learn([drawn(folder, 0), drawn(folder, 1)], learned.weights.parent, steps=1)


def test_what_there_is_to_little_of_or_cannot_learn_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="too little to learn from: 1 objects"):
        learn([drawn(folder, 0)], tmp_path)
    with pytest.raises(InputError, match="at least one session"):
        learn([], tmp_path)
    with pytest.raises(ModelError, match="several models, sam2"):
        learn([drawn(folder, 0), drawn(folder, 1, "sam2.1-tiny")], tmp_path)
    with pytest.raises(ModelError, match="predicts no bodies"):
        learn([drawn(folder, 0, "sam2.1-tiny"), drawn(folder, 1, "sam2.1-tiny")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_session_files_are_opened_with_their_volumes_or_refused(folder, tmp_path):
    paths = [saved(folder, 0), saved(folder, 1)]
    for session, number in zip(open_sessions(paths, device="cpu"), (0, 1), strict=True):
        np.testing.assert_array_equal(session.labels.array_zyx, drawn(folder, number).labels.array_zyx)
    moved = json.loads(paths[0].read_text())
    moved["volume"]["path"] = str(folder / "image1.nii.gz")
    (tmp_path / "moved.json").write_text(json.dumps(moved))
    with pytest.raises(SessionError, match="another volume"):
        open_sessions([tmp_path / "moved.json"])
    with pytest.raises(ModelError, match="trust"):
        open_sessions([saved(folder, 1, str(checkpoint_path(find_model("volsweep-nano"))))])


def test_the_command_learns_from_session_files(folder, tmp_path):
    paths = [saved(folder, 0), saved(folder, 1)]
    asked = ["train", "-o", str(tmp_path / "mine"), *(f"--from-session={path}" for path in paths)]
    done = CliRunner().invoke(app, [*asked, "--steps", "1", "--device", "cpu", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["steps"] == 1
    assert find_model(told["weights"]).family == "local"
    refused = CliRunner().invoke(app, [*asked, "--batch", "3"])
    assert refused.exit_code != 0
