"""What became of objects, as rows and as actions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.followed_patient import first_study, someone

from volsweep.follow import Change, Fate, FollowUp, Registration
from volsweep.measurement import measure
from volsweep.models import DEFAULT_MODEL, find_model
from volsweep.napari.reading.followed import Followable, Followed, as_text, cells, find, taken
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.session.state import State
from volsweep.volume import Label


@pytest.fixture
def followed() -> Followed:
    """One found half as large, one gone."""
    volume, labels = first_study(someone())
    before = measure(labels, volume)[3]
    after = replace(before, volume_ml=before.volume_ml / 2)
    named = {3: Label("=GTV", "#d55e00", tracking_uid="2.25.7"), 5: Label("node", "#56b4e9", tracking_uid="2.25.8")}
    changes = (Change(3, "=GTV", Fate.FOUND, before, after), Change(5, "node", Fate.GONE, before, None, "look"))
    box = Box(label=3, slice=4, box_xyxy=(3, 3, 9, 9))
    found = FollowUp(replace(labels, labels=named), changes, Registration(np.eye(4), "rigid"), PromptSet((box,)))
    return Followed(volume, "june", found, volume.array_zyx, labels.array_zyx)


def test_a_row_says_what_changed(followed):
    first, second = cells(followed)
    assert first[1] == "found"
    assert first[3] == "-50 %"
    assert second[1:4] == ("gone", f"{followed.found.changes[1].before.volume_ml:.2f} → 0.00", "-100 %")
    assert (followed.is_there(0), followed.is_there(1)) == (True, False)
    assert "not a diagnosis" in followed.sentence()
    assert "node: look." in followed.sentence()
    assert "\n'=GTV\t" in as_text(followed)  # no formula for a spreadsheet


def test_what_is_taken_keeps_its_number_name_colour_and_tracking_uid(followed):
    action = taken(followed, [0], {})
    state = State()
    for part in action.parts:
        state = state.after(part)
    assert dict(state.labels) == dict(followed.found.labels.labels)
    assert state.labels[3].tracking_uid == "2.25.7"
    assert [prompt.label for prompt in action.prompts] == [3]
    assert not taken(followed, [], {}).prompts


def test_what_was_drawn_in_the_later_study_is_not_taken_for_what_is_followed(followed):
    there = {
        3: Label("cyst", "#111111"),
        6: Label("mine", "#222222"),
        9: Label("node", "#56b4e9", tracking_uid="2.25.8"),
    }
    action = taken(followed, [0, 1], there)
    assert {(one.label, one.name) for one in action.labels} == {(10, "=GTV"), (9, "node")}
    assert [prompt.label for prompt in action.prompts] == [10]


def test_what_cannot_be_followed_is_a_sentence(tmp_path):
    volume, labels = first_study(someone())
    (tmp_path / "x.nii.gz").write_bytes(b"nothing")
    model = find_model(DEFAULT_MODEL)
    said = find(Followable(volume, labels, tmp_path / "x.nii.gz", "x", model, "cpu"))
    assert isinstance(said, str)
    assert "x.nii.gz" in said
    other = find(Followable(volume, labels, replace(volume, modality="CT"), "x", model, "cpu"))
    assert "the follow-up CT" in other
