"""Names as the prompts of a job: labels, notes, the report, the journal, and what is refused."""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np
import pytest
from support.lit_finder import VALUE, head, light
from support.voxtell_server import blosc2_of_zlib, voxtell

from volsweep import Job, Plane, PromptSet, Session, run_job
from volsweep.errors import InputError, PromptError
from volsweep.finder import finder_named
from volsweep.io import read_volume
from volsweep.job.by_name import found_by_words
from volsweep.prompts.kinds import Box
from volsweep.session.actions import LoadPrompts

TAKEN = PromptSet((Box(label=1, slice=4, box_xyxy=(1, 1, 5, 5)),))


def test_names_take_the_labels_that_are_free_or_said(monkeypatch):
    finder, volume = light(monkeypatch), head()
    texts = ["right parotid", "left parotid=2", "brain stem"]
    found, told = found_by_words(texts, volume, Plane.AXIAL, [TAKEN], finder)
    assert [row["label"] for row in told] == [3, 2, 4]
    assert {value: label.name for value, label in found.labels.items()} == {
        2: "left parotid gland",
        3: "right parotid gland",
        4: "brain stem",
    }
    assert found.words == {2: "left parotid", 3: "right parotid", 4: "brain stem"}
    assert "that nobody has seen yet" in found.notes[0]


@pytest.mark.parametrize("text", ["", " =2", "parotid=0", "parotid=x", "parotid=70000"])
def test_what_is_no_name_is_refused(monkeypatch, text):
    with pytest.raises(PromptError, match="is not a name, nor NAME=LABEL"):
        found_by_words([text], head(), Plane.AXIAL, [], light(monkeypatch))


@pytest.fixture
def ct(tmp_path):
    volume = head()
    affine = volume.grid.affine[:, [2, 1, 0, 3]] * np.array([[-1], [-1], [1], [1]])
    nib.save(nib.Nifti1Image(volume.array_zyx.T, affine), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


def test_a_job_finds_and_says_how_sure_it_was(monkeypatch, ct, tmp_path):
    light(monkeypatch)
    job = Job(ct, tmp_path / "out.nii.gz", text=("right parotid",), modality="CT", report=tmp_path / "r.json")
    outcome = run_job(job)
    row = outcome.report["proposals"][0]
    assert (row["words"], row["name"], row["label"]) == ("right parotid", "right parotid gland", 1)
    assert row["score"] == pytest.approx(0.52, abs=0.08)
    assert outcome.report["prompts"][0]["box_xyxy"] == row["box_xyxy"]
    assert any("was found by its name" in note for note in outcome.report["notes"])
    truth = head().array_zyx == VALUE["right parotid gland"]
    found = outcome.labels.array_zyx == 1
    assert (found & truth).sum() > 0.5 * truth.sum()
    assert (found & truth).sum() > 0.9 * found.sum()
    assert outcome.labels.labels[1].name == "right parotid gland"


def test_a_name_that_is_not_found_writes_nothing(monkeypatch, ct, tmp_path):
    light(monkeypatch)
    with pytest.raises(PromptError, match="no larynx is found"):
        run_job(Job(ct, tmp_path / "out.nii.gz", text=("larynx",), modality="CT"))
    assert not (tmp_path / "out.nii.gz").exists()


def test_the_journal_keeps_the_words(monkeypatch):
    volume = head()
    found, _ = found_by_words(["Parotis links"], volume, Plane.AXIAL, [], light(monkeypatch))
    session = Session(volume)
    session.load_prompts(found)
    action = session.journal.effective[-1]
    assert isinstance(action, LoadPrompts)
    assert action.words == {1: "Parotis links"}
    assert LoadPrompts.model_validate_json(action.model_dump_json()) == action
    before = action.model_dump(mode="json", exclude={"words"})  # as in files of before
    assert LoadPrompts.model_validate(before).words == {}


def test_a_voxtell_server_gets_nothing_unless_that_is_said(ct, tmp_path):
    with voxtell() as server, pytest.raises(PromptError, match="send_voxels=True says so"):
        run_job(Job(ct, tmp_path / "o.nii.gz", text=("bright",), finder=server.url))
    assert server.asked == []


def test_what_another_finder_proposes_is_told_without_a_score(ct, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "blosc2", blosc2_of_zlib())
    with voxtell() as server:
        finder = finder_named(server.url, may_send=True)
        found, told = found_by_words(["very bright=4"], read_volume(ct), Plane.AXIAL, [], finder)
    assert (told[0]["score"], told[0]["finder"], told[0]["label"]) == (None, "VoxTell", 4)
    assert "was found by its name, without a score" in found.notes[0]


def test_a_finder_with_nothing_to_find_is_refused(ct, tmp_path):
    with pytest.raises(InputError, match="finder= has nothing to work on; give text= too"):
        run_job(Job(ct, tmp_path / "o.nii.gz", typed=(("box", "1@4:1,1,5,5"),), finder="http://127.0.0.1:9"))
