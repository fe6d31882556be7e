"""Every named way to do something builds the one action that says it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.lit_finder import head
from support.tiny_engine import TinySession

from volsweep.errors import PromptError
from volsweep.finder import Proposal
from volsweep.finder.proposals import Outline
from volsweep.geometry import Grid, Plane
from volsweep.operations.kinds import Grow
from volsweep.prompts.extent import Extent, SideBox
from volsweep.prompts.kinds import Box, Line, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.session import actions
from volsweep.session.actions import AddPrompts
from volsweep.session.builders import Builders
from volsweep.session.state import State
from volsweep.volume import Label, Volume

MASK = np.eye(7, 8, dtype=bool)
AT = {"label": 2, "slice": 3}


class Told(Builders):
    """Takes down what it is told."""

    plane = Plane.AXIAL
    state = State()

    def _preview(self, *_):
        raise AssertionError("nothing of it is looked at")

    def __init__(self) -> None:
        self.volume = Volume(np.zeros((6, 7, 8), np.int16), Grid.axis_aligned((6, 7, 8)))
        self.actions = []

    def apply(self, action) -> None:
        self.actions.append(action)


def added(prompt) -> AddPrompts:
    return AddPrompts(prompts=(prompt,))


@pytest.mark.parametrize(
    ("call", "action"),
    [
        (lambda it: it.add_box(**AT, box_xyxy=(1, 2, 3, 4)), added(Box(**AT, box_xyxy=(1, 2, 3, 4)))),
        (lambda it: it.add_line(**AT, line_xyxy=(1, 2, 3, 4)), added(Line(**AT, line_xyxy=(1, 2, 3, 4)))),
        (lambda it: it.add_mask(**AT, mask_yx=MASK.astype(int)), added(Mask.from_array(MASK, **AT))),
        (
            lambda it: it.add_box(**AT, box_xyxy=(1, 2, 3, 4), plane="coronal"),
            added(Box(**AT, box_xyxy=(1, 2, 3, 4), plane="coronal")),
        ),
        (lambda it: it.add_point(label=2, point_zyx=(3, 4, 5)), added(Point(**AT, point_xy=(5, 4)))),
        (
            lambda it: it.add_point(label=2, point_zyx=(4, 3.2, 5), plane="coronal", positive=False),
            added(Point(**AT, point_xy=(5, 4), plane="coronal", positive=False)),
        ),
        (
            lambda it: it.add_point(label=2, point_zyx=(4, 5, 2.6), plane="sagittal"),
            added(Point(**AT, point_xy=(5, 4), plane="sagittal")),
        ),
        (
            lambda it: it.add_recist(**AT, axes_xyxy=(1, 2, 5, 2, 3, 1, 3, 4)),
            added(Recist(**AT, axes_xyxy=(1, 2, 5, 2, 3, 1, 3, 4))),
        ),
        (
            lambda it: it.add_scribble(**AT, path_xy=[(1, 2), (5, 2)], width=2, unit="mm", positive=False),
            added(Scribble(**AT, path_xy=(1, 2, 5, 2), width=2, unit="mm", positive=False)),
        ),
        (
            lambda it: it.set_side_box(label=2, side="coronal", slice=3, box_xyxy=(1, 2, 5, 4)),
            actions.SetExtent(extent=Extent(label=2, drawn=SideBox(plane="coronal", slice=3, box_xyxy=(1, 2, 5, 4)))),
        ),
        (lambda it: it.clear_prompts(**AT), actions.ClearPrompts(**AT, plane="axial")),
        (
            lambda it: it.set_prompts([Point(**AT, point_xy=(1, 1))], **AT),
            actions.SetPrompts(**AT, plane="axial", prompts=(Point(**AT, point_xy=(1, 1)),)),
        ),
        (
            lambda it: it.set_extent(label=2, first=1, plane="sagittal"),
            actions.SetExtent(extent=Extent(label=2, plane="sagittal", first=1)),
        ),
        (lambda it: it.name_label(2, "liver"), actions.EditLabel(label=2, name="liver")),
        (lambda it: it.name_label(2, color="#123456"), actions.EditLabel(label=2, color="#123456")),
        (lambda it: it.lock(2), actions.EditLabel(label=2, locked=True)),
        (lambda it: it.lock(2, False), actions.EditLabel(label=2, locked=False)),
        (lambda it: it.delete_label(2), actions.DeleteLabel(label=2)),
        (lambda it: it.operate(Grow(mm=2), label=2), actions.Operate(label=2, operation=Grow(mm=2))),
        (lambda it: it.tick(2, 3, ticked=False), actions.Tick(**AT, plane="axial", ticked=False)),
        (lambda it: it.undo(), actions.Undo()),
        (lambda it: it.redo(), actions.Redo()),
    ],
)
def test_it_is_one_action(call, action):
    it = Told()
    call(it)
    assert it.actions == [action]


def test_a_file_is_one_action_and_an_empty_one_none():
    it = Told()
    box, extent = Box(**AT, box_xyxy=(1, 2, 3, 4)), Extent(label=2, last=5)
    it.load_prompts(
        PromptSet((box,), {2: Label("liver", "#102030"), 3: Label("x", "#000000", locked=True)}, extents=(extent,))
    )
    it.load_prompts(PromptSet(()))
    (loaded,) = it.actions
    assert loaded.prompts == (box,)
    assert [(each.label, each.name, each.locked) for each in loaded.labels] == [(2, "liver", None), (3, "x", True)]
    assert [each.extent for each in loaded.extents] == [extent]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda it: it.add_box(label=0, slice=1, box_xyxy=(1, 1, 2, 2)), "box: label.*0"),
        (lambda it: it.add_point(label=1, point_zyx=(1, 2, 3, 4)), r"three coordinates .*not \(1, 2, 3, 4\)"),
        (lambda it: it.name_label(1, color="red"), "color.*red"),
        (lambda it: it.set_extent(label=1, first=4, last=2), "extent"),
    ],
)
def test_what_cannot_be_meant_builds_nothing(call, words):
    it = Told()
    with pytest.raises(PromptError, match=words):
        call(it)
    assert not it.actions


def test_a_proposal_is_taken_as_its_outline_where_it_has_one_else_as_its_box():
    volume = head()
    where: dict[str, Any] = {"low_zyx": (2, 6, 10), "high_zyx": (7, 15, 59), "finder": "f"}
    boxed = Proposal("Kiefer", "mandible", 0.9, **where)
    inside = np.ones((6, 10, 50), bool)
    outline = Outline(inside, np.full(inside.shape, 0.9, np.float32), (2, 6, 10), 0.8)
    it = TinySession(volume, device="cpu")
    it.take(boxed, label=1)
    it.take(replace(boxed, outline=outline), label=2)
    box, *_ = it.state.on_slice(1, it.plane, 4)
    assert (box.kind, box.box_xyxy) == ("box", (10, 6, 59, 15))
    assert it.state.labels[1].name == it.state.labels[2].name == "mandible"
    assert (it.masks(2).region(volume.grid)) == (slice(2, 8), slice(6, 16), slice(10, 60))
    expected = pytest.approx(0.8 * 2 * 0.9 / (1 + 0.9), abs=1e-3)
    assert all(mark.trust == expected for mark in it.trust(2).values())
    it.undo()
    assert 2 not in it.state.labels


def test_what_a_coming_click_shows_is_asked_for_as_it_will_be_and_nothing_changes(monkeypatch):
    """On a slice that was prompted, and on one that was swept, whose mask the click will correct."""
    session = TinySession(Volume(np.zeros((9, 14, 16), np.int16), Grid.axis_aligned((9, 14, 16)), "CT"), device="cpu")
    session.add_box(label=1, slice=4, box_xyxy=(4, 4, 8, 8))
    session.sweep()
    asked, engine = [], session.engine
    preview = engine.preview
    monkeypatch.setattr(engine, "preview", lambda *about: asked.append(about) or preview(*about))
    for index in (4, 5):
        click = Point(label=1, slice=index, point_xy=(10, 6))
        before = session.state, len(session.journal)
        session.get_ready_for(added(click))
        assert (session.state, len(session.journal)) == before
        coming = asked.copy()
        asked.clear()
        session.add(click)
        session.preview(label=1, slice=index)
        assert [(dict(by_slice), *at) for by_slice, *at in coming] == [(dict(by), *at) for by, *at in asked]
        assert len(asked) == 1
        asked.clear()
    with pytest.raises(PromptError, match="outside"):
        session.get_ready_for(added(Point(label=1, slice=40, point_xy=(1, 1))))
