"""Comparing changes nothing, and says why it cannot; what comes of a press is asked of no server."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import TinySession

import volsweep
from volsweep.errors import VolsweepError
from volsweep.geometry import Grid
from volsweep.napari.worker import events
from volsweep.napari.worker.asked import compared, prepared
from volsweep.napari.worker.tasks import Compare, Prepare
from volsweep.prompts.kinds import Point
from volsweep.session.actions import AddPrompts
from volsweep.volume import Label, LabelVolume, Volume

GRID = Grid.axis_aligned((6, 20, 20), (2, 1, 1))


@pytest.fixture
def session():
    session = TinySession(Volume(np.zeros(GRID.shape_zyx, np.int16), GRID, "CT"), device="cpu")
    mask = np.zeros((20, 20), bool)
    mask[4:12, 4:12] = True
    session.add_mask(label=1, slice=3, mask_yx=mask)
    session.name_label(1, "Node")
    return session


def written(path, grid=GRID):
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[3, 4:12, 8:16], array[5, :2, :2] = 2, 1
    volsweep.write_labels(path, LabelVolume(array, grid, {1: Label("Liver", "#112233"), 2: Label("node", "#445566")}))
    return path


def test_objects_of_one_name_are_held_against_each_other(session, tmp_path):
    before = session.journal.effective
    path = written(tmp_path / "other.seg.nrrd")
    said = list(compared(session, Compare(path)))
    assert [event.what for event in said if isinstance(event, events.Busy)] == ["Comparing with other.seg.nrrd", ""]
    (found,) = (event for event in said if isinstance(event, events.Compared))
    by_name = {row.name.lower(): row for row in found.rows}
    assert by_name["node"].dsc == pytest.approx(0.5)
    assert by_name["node"].found_ml == pytest.approx(64 * 2 / 1000)
    assert by_name["liver"].dsc == 0
    assert (found.labels_zyx == 2).sum() == 64
    assert session.journal.effective == before


def test_labels_of_another_grid_are_refused(session, tmp_path):
    path = written(tmp_path / "elsewhere.seg.nrrd", Grid.axis_aligned((6, 20, 20), (2, 3, 3)))
    with pytest.raises(VolsweepError):
        list(compared(session, Compare(path)))


def test_what_comes_of_a_press_is_told_when_the_click_is_given_and_asked_of_no_server(session, monkeypatch):
    task, asked = Prepare(AddPrompts(prompts=(Point(label=1, slice=70, point_xy=(1, 1)),))), []
    assert list(prepared(session, task)) == [], "it lies outside"
    monkeypatch.setattr(session, "get_ready_for", asked.append)
    monkeypatch.setattr(type(session), "server", object())
    assert list(prepared(session, task)) == []
    assert asked == []
