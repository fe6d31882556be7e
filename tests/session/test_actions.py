"""What an action says of itself: what it touches, what it may be done beside, how it is written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.operations.kinds import Grow, SplitIslands
from volsweep.prompts.base import checked
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box
from volsweep.prompts.mask import Mask
from volsweep.session import actions
from volsweep.session.actions import MadeWith, parse_action

BOX = Box(label=3, slice=2, box_xyxy=(1, 1, 5, 6))
DRAWN = Mask.from_array(np.eye(8, dtype=bool), label=3, slice=2)
SPLIT = Mask.from_array(np.eye(8, dtype=bool), label=4, slice=2)
MADE = MadeWith(window=(40, 400), model="volsweep-nano", zoom=3)
WHERE = {"label": 3, "plane": "axial", "slice": 2}
LOADED = actions.LoadPrompts(
    prompts=(BOX, SPLIT),
    labels=(actions.EditLabel(label=3, name="lesion", locked=True), actions.EditLabel(label=5, color="#112233")),
    extents=(actions.SetExtent(extent=Extent(label=3, first=1)),),
    made_with=MADE,
)


def sweep(*labels: int) -> actions.Propagate:
    return actions.Propagate(
        labels=labels, plane="axial", direction="both", first=0, last=9, stride=1, patience=2, made_with=MADE
    )


TABLE = [
    (actions.AddPrompts(prompts=(BOX,), made_with=MADE), {3}, False),
    (actions.SetPrompts(**WHERE, prompts=(BOX,)), {3}, False),
    (actions.ClearPrompts(**WHERE), {3}, False),
    (actions.Operate(label=3, operation=Grow(mm=1)), {3}, False),
    (actions.Operate(label=7, operation=SplitIslands(), found=(SPLIT,)), {7, 4}, True),
    (actions.SetExtent(extent=Extent(label=3, last=5)), {3}, False),
    (actions.EditLabel(label=3, name="lesion"), {3}, True),
    (actions.EditLabel(label=3, locked=True), {3}, False),
    (actions.EditLabel(label=3, locked=False), {3}, False),
    (actions.EditLabel(label=8, locked=False), {8}, True),
    (actions.EditLabel(label=8, locked=True), {8}, False),
    (actions.Relate(label=3, inside=4, outside=(5,)), {3}, False),
    (actions.Relate(label=8, overlaps=True), {8}, True),
    (actions.DeleteLabel(label=3), {3}, False),
    (actions.DeleteLabel(label=8), {8}, True),
    (actions.Tick(**WHERE), {3}, True),
    (LOADED, None, False),
    (actions.LoadPrompts(prompts=(SPLIT,)), None, True),
    (sweep(8, 9), {8, 9}, False),
    (actions.Stop(steps=3), None, False),
    (actions.Undo(), None, False),
    (actions.Redo(), None, False),
]
"""An action, what it touches, and whether it may be done while label 3 is swept."""


@pytest.mark.parametrize(("action", "touched", "beside"), TABLE)
def test_what_it_touches_and_what_it_may_be_done_beside(action, touched, beside):
    assert action.touches == touched
    assert action.runs_beside(sweep(3)) is beside


@pytest.mark.parametrize("action", [row[0] for row in TABLE])
def test_what_is_written_down_is_read(action):
    assert parse_action(action.model_dump_json().encode()) == action


def test_every_kind_of_action_is_in_the_table():
    kinds = {
        each
        for each in vars(actions).values()
        if isinstance(each, type) and "action" in vars(each).get("__annotations__", {})
    }
    assert {type(action) for action, *_ in TABLE} == kinds


def test_in_files_what_it_was_made_with_is_called_seen():
    written = json.loads(TABLE[0][0].model_dump_json())
    assert written["seen"] == {
        "window": [40, 400], "model": "volsweep-nano", "zoom": 3, "second": None, "weights": None,
        "precision": None, "processor": None
    }  # fmt: skip
    assert "made_with" not in written


@pytest.mark.parametrize(
    "line",
    [
        b'{"action": "jump"}',
        b'{"action": "undo", "twice": true}',
        b'{"action": "delete_label", "label": 0}',
        b'{"action": "add_prompts", "prompts": []}',
        b'{"action": "edit_label", "label": 1, "color": "red"}',
    ],
)
def test_what_is_no_action_is_refused(line):
    with pytest.raises(ValidationError):
        parse_action(line)


def test_a_file_is_taken_names_first_and_locks_last():
    parts = LOADED.parts
    assert [part.action for part in parts] == ["edit_label"] * 2 + ["add_prompts"] * 2 + ["set_extent", "edit_label"]
    assert [part.locked for part in parts if part.action == "edit_label"] == [None, None, True]
    assert parts[0].name == "lesion"
    assert parts[1].color == "#112233"
    assert [part.prompts for part in parts[2:4]] == [(BOX,), (SPLIT,)]
    assert all(part.made_with == MADE for part in parts[2:4])


@pytest.mark.parametrize(
    "action",
    [
        actions.AddPrompts(prompts=(BOX,)),
        actions.SetPrompts(**WHERE, prompts=(BOX,)),
        actions.Operate(label=3, operation=Grow(mm=1), found=(DRAWN,)),
        actions.SetExtent(extent=Extent(label=3, last=5)),
        LOADED,
        actions.LoadPrompts(prompts=(), extents=(actions.SetExtent(extent=Extent(label=3, last=5)),)),
    ],
)
def test_what_lies_outside_a_volume_is_refused(action):
    action.check_on(Grid.axis_aligned((9, 8, 8)))
    with pytest.raises(PromptError, match="outside"):
        action.check_on(Grid.axis_aligned((2, 8, 8)))


def test_masks_made_otherwise_are_told_as_far_as_both_are_known():
    slow, fast = (MADE.model_copy(update={"precision": p, "processor": "a CPU"}) for p in ("float32", "bfloat16"))
    assert MADE.told_apart(slow) is slow.told_apart(MADE) is slow.told_apart(slow) is None
    assert "made in float32 on a CPU, and are made again in bfloat16" in slow.told_apart(fast)
    assert slow.view == fast.view == MADE
    assert slow != fast


def test_a_field_that_does_not_fit_is_named_with_its_value():
    with pytest.raises(PromptError, match=r"tick: .*slice.*'third'"):
        checked(actions.Tick, label=1, plane=Plane.AXIAL, slice="third")
