"""Names as the prompts of a job: labels, notes, the report, the journal, and what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from support.lit_finder import VALUE, head, light
from support.voxtell_server import blosc2_of_zlib, voxtell

from volsweep import Job, Plane, PromptSet, Session, run_job
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import InputError, PromptError
from volsweep.finder import finder_named
from volsweep.io import read_volume
from volsweep.job.by_name import found_by_words
from volsweep.prompts.kinds import Box
from volsweep.session.actions import LoadPrompts
from volsweep.session.file import SessionFile, VolumeReference, write_session

TAKEN = PromptSet((Box(label=1, slice=4, box_xyxy=(1, 1, 5, 5)),))


def test_names_take_the_labels_that_are_free_or_said(monkeypatch):
    finder, volume = light(monkeypatch), head()
    texts = ["right parotid", "left parotid=2", "brain stem"]
    said = found_by_words(texts, volume, Plane.AXIAL, [TAKEN], finder)
    found, told = said.prompts, said.told
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
    found = found_by_words(["Parotis links"], volume, Plane.AXIAL, [], light(monkeypatch)).prompts
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
        found = found_by_words(["very bright=4"], read_volume(ct), Plane.AXIAL, [], finder)
    told = found.told[0]
    assert (told["score"], told["finder"], told["label"], told["taken"]) == (None, "VoxTell", 4, "box")
    assert "was found by its name, without a score" in found.prompts.notes[0]


def test_a_finder_with_nothing_to_find_is_refused(ct, tmp_path):
    with pytest.raises(InputError, match="finder= has nothing to work on; give text= too"):
        run_job(Job(ct, tmp_path / "o.nii.gz", typed=(("box", "1@4:1,1,5,5"),), finder="http://127.0.0.1:9"))


def test_what_the_finder_draws_better_is_drawn_by_it_and_said_to_be_its_own(monkeypatch, ct, tmp_path):
    light(monkeypatch)
    saved = tmp_path / "r.json"
    job = Job(
        ct, tmp_path / "out.nii.gz", text=("Unterkiefer=3",), modality="CT", report=saved, preview=tmp_path / "p.png"
    )
    outcome = run_job(job)
    report = json.loads(saved.read_text())
    assert report["proposals"][0]["taken"] == "outline"
    assert report["prompts"] == []
    (row,) = report["labels"]
    assert (row["label"], row["name"]) == (3, "mandible")
    assert row["finder_slices"] == list(range(row["first_slice"], row["last_slice"] + 1))
    assert any(
        "drew itself, on 6 axial slices, not swept, that nobody has seen yet" in note for note in report["notes"]
    )
    assert not any("window" in note for note in report["notes"]), "no network looked through it"
    truth, found = head().array_zyx == VALUE["mandible"], outcome.labels.array_zyx == 3
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.85


def test_beside_a_box_both_are_done_and_where_it_is_of_the_same_object_the_box_is_swept(monkeypatch, ct, tmp_path):
    light(monkeypatch)
    box = (("box", "1@15:8,20,17,31"),)  # the right parotid gland, slices counted from 1
    both = run_job(Job(ct, tmp_path / "a.nii.gz", text=("mandible",), typed=box, modality="CT")).report
    assert [row["label"] for row in both["labels"]] == [1, 2]
    assert [("finder_slices" in row) for row in both["labels"]] == [False, True]
    assert [prompt["kind"] for prompt in both["prompts"]] == ["box"]
    mine = (("box", "1@5:10,6,59,15"),)
    one = run_job(Job(ct, tmp_path / "b.nii.gz", text=("mandible=1",), typed=mine, modality="CT")).report
    assert one["proposals"][0]["taken"] == "box"
    assert "finder_slices" not in one["labels"][0]


def test_a_range_holds_for_what_a_finder_draws_too(monkeypatch, ct, tmp_path):
    light(monkeypatch)
    job = Job(ct, tmp_path / "a.nii.gz", text=("mandible",), modality="CT", sweep=SweepOptions(3, 5))
    assert run_job(job).report["labels"][0]["finder_slices"] == [3, 4, 5]
    with pytest.raises(PromptError, match="mandible was found on slices 2 to 7, and the range is 20 to 29"):
        run_job(replace(job, output=tmp_path / "b.nii.gz", sweep=SweepOptions(20, -1)))


def test_a_session_of_what_a_finder_drew_alone_is_done_again(monkeypatch, ct, tmp_path):
    volume = read_volume(ct, modality="CT")
    session = Session(volume, device="cpu")
    session.take(light(monkeypatch).find(volume, ["mandible"])[0], label=1)
    about = VolumeReference.of(volume)
    write_session(tmp_path / "s.json", SessionFile(volume=about, actions=session.journal.effective))
    outcome = run_job(Job(ct, tmp_path / "o.nii.gz", sources=(tmp_path / "s.json",), modality="CT"))
    np.testing.assert_array_equal(outcome.labels.array_zyx, session.labels.array_zyx)
    assert outcome.report["labels"][0]["finder_slices"]
