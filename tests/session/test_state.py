"""From one state to the next: all of an action or nothing, and the state before stays what it was."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from support.tiny_engine import box, loaded, replayed, tiny

from volsweep.errors import PromptError, SessionError, VolsweepError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.operations.kinds import Grow
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box, Point
from volsweep.prompts.mask import Mask
from volsweep.session.actions import (
    AddPrompts,
    ClearPrompts,
    DeleteLabel,
    EditLabel,
    Operate,
    SetExtent,
    SetPrompts,
    Tick,
)
from volsweep.session.state import State


def test_prompts_of_a_file_are_one_action_and_one_undo():
    session = tiny()
    box(session, 1, 4)
    list(session.steps())
    before, labels = session.state, session.labels.array_zyx
    session.load_prompts(loaded())
    assert [a.action for a in session.journal.effective] == ["add_prompts", "propagate", "load_prompts"]
    assert session.state.labels == loaded().labels
    assert session.state.extent(1, Plane.AXIAL).first == 1
    assert [p.kind for p in session.state.on_slice(1, Plane.AXIAL, 6)] == ["mask", "point"], (
        "what was swept is corrected"
    )
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)
    after = session.labels.array_zyx
    session.undo()
    assert session.state is before
    np.testing.assert_array_equal(session.labels.array_zyx, labels)
    session.redo()
    np.testing.assert_array_equal(session.labels.array_zyx, after)


@pytest.mark.parametrize(("index", "locked"), [(7, False), (4, True)], ids=["outside the volume", "a locked label"])
def test_of_prompts_that_are_refused_none_is_taken(index, locked):
    session = tiny()
    box(session, 2, 1)
    session.lock(2, locked)
    before, count = session.state, len(session.journal)
    with pytest.raises(VolsweepError):
        session.load_prompts(loaded(index))
    assert session.state is before
    assert len(session.journal) == count


def test_what_a_lock_holds_follows_from_what_was_there_then_whenever_it_is_asked_for():
    session = tiny()
    box(session, 1, 4, left=1)
    box(session, 2, 4, left=7)
    session.use(window=Window(41, 400))
    session.add_point(label=1, point_zyx=(4, 6, 7))
    session.lock(2)
    held = session.labels.array_zyx == 2
    session.use(window=Window(42, 400), zoom=3.0)
    session.set_prompts(session.state.on_slice(1, Plane.AXIAL, 4), label=1, slice=4)
    np.testing.assert_array_equal(session.labels.array_zyx == 2, held)
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_states_and_labels_can_be_copied_and_sent(copied):
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    again = copied(session.labels)
    np.testing.assert_array_equal(again.array_zyx, session.labels.array_zyx)
    assert again.labels == session.labels.labels
    state = copied(session.state)
    assert (state.prompts, state.labels, state.made_with) == (
        session.state.prompts,
        session.state.labels,
        session.state.made_with,
    )
    assert state.swept[1].by_slice.keys() == session.state.swept[1].by_slice.keys()


BOX = Box(label=1, slice=2, box_xyxy=(1, 1, 5, 6))
INSIDE = Point(label=1, slice=2, point_xy=(3, 3))
DRAWN = Mask.from_array(np.eye(8, dtype=bool), label=1, slice=2)


def after(*actions) -> State:
    state = State()
    for action in actions:
        state = state.after(action)
    return state


def given(*prompts) -> list[AddPrompts]:
    return [AddPrompts(prompts=(prompt,)) for prompt in prompts]


def test_a_box_takes_the_place_of_a_box_a_mask_of_all_and_points_add_up():
    moved = BOX.model_copy(update={"box_xyxy": (2, 2, 5, 6)})
    assert after(*given(BOX, INSIDE, moved, INSIDE)).prompts == (INSIDE, moved, INSIDE)
    assert after(*given(BOX, INSIDE, DRAWN)).prompts == (DRAWN,)
    assert after(*given(DRAWN, INSIDE)).prompts == (DRAWN, INSIDE), "a click corrects what was drawn"
    elsewhere = BOX.model_copy(update={"slice": 5})
    assert after(*given(BOX, elsewhere, moved)).prompts == (elsewhere, moved)


def test_the_state_before_stays_what_it_was():
    before = after(*given(BOX))
    for action in (*given(DRAWN), EditLabel(label=1, name="x", locked=True), DeleteLabel(label=1)):
        assert before.after(action) != before
        assert before.prompts == (BOX,)
        assert before.labels[1].name != "x"


def test_prompts_of_a_slice_go_with_their_slice_and_labels_with_all_of_theirs():
    other = BOX.model_copy(update={"label": 2})
    state = after(
        *given(BOX, INSIDE, other),
        SetExtent(extent=Extent(label=1, first=1)),
        Tick(label=1, plane=Plane.AXIAL, slice=2),
    )
    cleared = state.after(ClearPrompts(label=1, plane=Plane.AXIAL, slice=2))
    assert cleared.prompts == (other,)
    assert cleared.extents == state.extents
    gone = state.after(DeleteLabel(label=1))
    assert (gone.prompts, list(gone.labels), gone.extents, gone.ticks) == ((other,), [2], (), {})
    assert {label for label, *_ in gone.made_with} == {2}


def test_an_extent_takes_the_place_of_the_one_along_its_plane():
    ends = [Extent(label=1, first=1), Extent(label=1, plane="coronal", last=4), Extent(label=1, first=2, last=6)]
    state = after(*(SetExtent(extent=extent) for extent in ends))
    assert state.extents == (ends[1], ends[2])
    assert state.extent(1, Plane.AXIAL) == ends[2]
    assert state.after(SetExtent(extent=Extent(label=1))).extents == (ends[1],)


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (AddPrompts(prompts=(BOX, BOX.model_copy(update={"slice": 3}))), PromptError, "one label on one slice"),
        (SetPrompts(label=1, plane="axial", slice=5, prompts=(BOX,)), PromptError, "one label on one slice"),
        (ClearPrompts(label=1, plane="axial", slice=5), PromptError, "no prompt on axial slice 5"),
        (DeleteLabel(label=4), SessionError, r"no object 4 \(there are: \[1\]\)"),
        (Operate(label=1, operation=Grow(mm=1)), SessionError, "never done"),
        (SetExtent(extent=Extent(label=1, first=3)), PromptError, "beyond its extent"),
    ],
)
def test_what_cannot_be_done_says_why(action, error, words):
    with pytest.raises(error, match=words):
        after(*given(BOX), action)


@pytest.mark.parametrize(
    "action",
    [
        AddPrompts(prompts=(INSIDE,)),
        SetPrompts(label=1, plane="axial", slice=2, prompts=()),
        ClearPrompts(label=1, plane="axial", slice=2),
        DeleteLabel(label=1),
        SetExtent(extent=Extent(label=1, last=5)),
        Operate(label=2, operation=Grow(mm=1), found=(DRAWN,)),
    ],
)
def test_a_locked_label_changes_only_its_name_colour_ticks_and_lock(action):
    locked = after(*given(BOX), EditLabel(label=1, locked=True))
    with pytest.raises(SessionError, match=r"object 1 .*is locked"):
        locked.after(action)
    assert locked.after(EditLabel(label=1, name="x")).labels[1].name == "x"
    assert locked.after(Tick(label=1, plane="axial", slice=2)).ticks
    assert locked.after(EditLabel(label=1, locked=False)).after(action) != locked


def test_a_slice_that_an_operation_drew_is_nobodys_until_it_is_prompted():
    done = Operate(label=1, operation=Grow(mm=1), found=(DRAWN, DRAWN.model_copy(update={"slice": 3})))
    state = after(*given(BOX), done)
    assert state.operated == {(1, Plane.AXIAL, 3)}, "slice 2 was the reader's, and stays so"
    assert after(*given(BOX), done, *given(BOX.model_copy(update={"slice": 3}))).operated == set()
