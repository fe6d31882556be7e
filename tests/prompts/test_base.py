"""What every kind of prompt is asked, and says the same way."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box, Line, Point
from volsweep.prompts.mask import Mask

GRID = Grid.axis_aligned((12, 40, 60), (5, 1, 1))
DRAWN = [
    Point(label=1, slice=4, point_xy=(3, 5)),
    Box(label=1, slice=4, box_xyxy=(3, 5, 9, 12)),
    Line(label=1, slice=4, line_xyxy=(3, 5, 9, 12)),
    Mask.from_array(np.ones((40, 60), bool), label=1, slice=4),
]


@pytest.mark.parametrize("prompt", DRAWN, ids=lambda prompt: prompt.kind)
def test_each_says_whether_the_object_is_on_its_slice(prompt):
    assert prompt.is_there
    prompt.check_on(GRID)


def test_a_negative_click_and_an_empty_mask_say_that_it_is_not():
    assert not Point(label=1, slice=4, point_xy=(3, 5), positive=False).is_there
    assert not Mask.from_array(np.zeros((40, 60), bool), label=1, slice=4).is_there


@pytest.mark.parametrize("prompt", DRAWN, ids=lambda prompt: prompt.kind)
def test_a_slice_outside_the_volume_is_named(prompt):
    with pytest.raises(PromptError, match="slice 12 is outside the volume: axial slices go from 0 to 11"):
        prompt.model_copy(update={"slice": 12}).check_on(GRID)
