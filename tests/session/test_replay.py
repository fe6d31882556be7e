"""What was written down before, read and done again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.geometry import Grid
from volsweep.models import checkpoint_path, find_model
from volsweep.session.file import read_session
from volsweep.session.history import Journal

DATA = Path(__file__).parent / "data"
"""A session of commit 2c98fe1, before actions were made with `MadeWith`: its file, its journal, its voxels."""


@pytest.fixture(scope="module")
def kept() -> dict[str, np.ndarray]:
    with np.load(DATA / "session_2c98fe1.npz") as file:
        return dict(file)


def test_a_session_of_before_still_reads():
    saved = read_session(DATA / "session_2c98fe1.json")
    kinds = "edit_label add_prompts add_prompts propagate add_prompts add_prompts propagate stop edit_label"
    assert [action.action for action in saved.actions] == kinds.split()
    assert saved.actions[1].made_with.window == (60, 400)
    assert saved.actions[1].made_with.model == "volsweep-nano"
    assert saved.view.window == (60, 400)
    assert saved.view.accepted == {1: (4, 5)}
    journal = Journal.read(DATA / "journal_2c98fe1.jsonl")
    assert journal.damage is None
    assert journal.effective == saved.actions
    assert len(journal) == len(saved.actions) + 2, "an action and its undo are in the journal only"


def test_what_is_written_has_the_key_of_before():
    action = read_session(DATA / "session_2c98fe1.json").actions[1]
    assert list(action.model_dump(mode="json")) == ["seen", "action", "prompts"]


def test_a_session_of_before_leads_to_the_same_voxels(kept):
    weights = checkpoint_path(find_model("volsweep-nano"))
    if hashlib.sha256(weights.read_bytes()).hexdigest() != str(kept["weights"]):
        pytest.skip("other weights are bundled now than when the session was made")
    saved = read_session(DATA / "session_2c98fe1.json")
    grid = Grid.axis_aligned(kept["image"].shape, (3, 1, 1), (-10, 5, 7))
    volume = volsweep.Volume(kept["image"], grid, "CT")
    saved.check(volume)
    session = volsweep.Session(volume, device="cpu")
    list(session.replay(saved.actions))
    np.testing.assert_array_equal(session.labels.array_zyx, kept["labels"])
    assert session.labels.labels[1] == volsweep.Label("lesion", "#aa2211")
    assert session.labels.labels[2].locked
    assert [a.action for a in session.journal.effective] == [a.action for a in saved.actions]
    assert saved.actions[1].made_with.zoom == "auto"
    assert session.journal.effective[1].made_with.zoom == session.model.zoom, "what it was, written down now"
