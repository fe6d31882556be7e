"""Which slices are doubtful, in what order they are visited, and the command that repeats a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import volsweep
from volsweep.composite import LabelMasks
from volsweep.engine.result import trim
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.napari.command_line import command_line
from volsweep.napari.review import Mark, marks_of, next_doubtful


def mask(index: int, left: int, *, prompted: bool = False, agreement: float | None = None):
    logits = np.full((20, 20), -4, dtype=np.float32)
    logits[5:15, left : left + 10] = 4
    made = trim(logits, slice=index, shape_yx=(20, 20), iou=0.8, object_score=3.0)
    return type(made)(**{**made.__dict__, "prompted": prompted, "agreement": agreement})


def test_a_mask_that_jumps_is_doubtful_seen_from_its_prompted_slice():
    masks = {3: mask(3, 0), 4: mask(4, 8), 5: mask(5, 8, prompted=True), 6: mask(6, 8, agreement=0.4)}
    marks = marks_of(LabelMasks(Plane.AXIAL, masks))
    assert marks[3].neighbour_iou == pytest.approx(2 / 18)
    assert [z for z, m in marks.items() if m.doubtful] == [3, 6]
    assert marks[5].trust == 1
    assert marks[6].trust == 0.4


def test_doubtful_slices_are_visited_round_and_round_but_not_when_ticked_off():
    bad, good = Mark(0.1, 0.9, 1, None, False, False), Mark(0.9, 0.9, 1, None, False, False)
    marks = {2: bad, 5: good, 7: bad, 9: bad}
    assert [next_doubtful(marks, frozenset(), z) for z in (0, 2, 8, 9)] == [2, 7, 9, 2]
    assert next_doubtful(marks, frozenset({7}), 2) == 9
    assert next_doubtful(marks, frozenset(), 7, backwards=True) == 2
    assert next_doubtful(marks, frozenset({2, 7, 9}), 0) is None


def test_the_copied_command_is_one_that_the_shell_understands(controller, volume, tmp_path):
    from volsweep.cli import app

    controller.tools.drawn(volsweep.Box(label=1, slice=5, box_xyxy=(12, 10, 20.5, 18)))
    controller.tools.drawn(volsweep.Point(label=1, slice=5, point_xy=(14, 12), positive=False))
    controller.objects.rename(1, name="lesion")
    controller.look.set_window(Window(40, 400))
    words = command_line(controller, {"direction": "forward", "slices": (2, 9), "stride": 2}, Path("p.json"))
    assert words[2:5] == ["PATH", "-o", "labels.nii.gz"]
    assert words[5:] == [
        *("--box", "lesion=1@5:12,10,20.5,18", "--point", "lesion=1@5:14,12,-"),
        *("--window", "400/40", "--direction", "forward", "--range", "2:9", "--stride", "2"),
    ]
    (tmp_path / "absent").mkdir()
    words[2] = str(tmp_path / "absent")
    result = CliRunner().invoke(app, words[1:])
    assert "No such option" not in result.output
    assert result.exit_code != 0  # there is no series in that folder


def test_painted_masks_go_through_a_prompt_file(controller):
    controller.tools.painted(np.ones((40, 48), dtype=bool), 3)
    assert command_line(controller, {}, Path("p.json"))[5:7] == ["--prompts", "p.json"]
