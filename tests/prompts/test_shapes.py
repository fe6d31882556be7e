"""Masks as the prompts that they are to be, and labels by number or name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.kinds import Box, Line
from volsweep.prompts.mask import Mask
from volsweep.prompts.shapes import Slice, choose, prompt_of_mask
from volsweep.volume import Label

GRID = Grid.axis_aligned((6, 40, 50), (4.0, 2.0, 0.5))
AT = Slice(GRID, Plane.AXIAL, 3)


@pytest.fixture
def mask():
    y, x = np.indices((40, 50))
    return ((y - 20) * 2.0 / 14) ** 2 + ((x - 25) * 0.5 / 9) ** 2 <= 1


def test_a_box_holds_it_and_no_more(mask):
    box = prompt_of_mask(mask, 2, AT, "box")
    rows, columns = np.nonzero(mask)
    assert box == Box(label=2, slice=3, box_xyxy=(columns.min(), rows.min(), columns.max(), rows.max()))


def test_a_line_is_the_longest_diameter_in_millimetres(mask):
    line = prompt_of_mask(mask, 2, AT, "line")
    assert isinstance(line, Line)
    x0, y0, x1, y1 = line.line_xyxy
    rows, columns = np.nonzero(mask)
    longest = pdist(np.column_stack([rows * 2.0, columns * 0.5])).max()
    assert np.hypot((x1 - x0) * 0.5, (y1 - y0) * 2.0) == pytest.approx(longest, abs=2.1), "to within a row"


def test_a_mask_stays_one(mask):
    prompt = prompt_of_mask(mask, 2, Slice(GRID, Plane.AXIAL, 5), "mask")
    assert isinstance(prompt, Mask)
    assert (prompt.slice, prompt.plane) == (5, Plane.AXIAL)
    np.testing.assert_array_equal(prompt.to_array(), mask)


def test_nothing_else_is_drawn(mask):
    with pytest.raises(PromptError, match="'box', 'line', 'recist' or 'mask' prompts, not 'ring'"):
        prompt_of_mask(mask, 2, AT, "ring")


THERE = {1: Label("GTV", "#ff0000"), 2: Label("node", "#00ff00"), 3: Label("Node", "#0000ff")}


@pytest.mark.parametrize(
    ("only", "found"),
    [([], [1, 2, 3]), ([2], [2]), (["gtv"], [1]), (["Node", "node"], [3, 2]), (["3", "gtv", 3], [3, 1])],
)
def test_labels_are_chosen_by_number_or_name(only, found):
    assert choose(THERE, only) == found


def test_numbers_are_those_of_the_file():
    numbers = {1: 40, 2: 41, 3: 300}
    assert choose(THERE, ["300", "40"], numbers) == [3, 1]
    with pytest.raises(PromptError, match="no label '1'; there are: 40 GTV, 41 node, 300 Node"):
        choose(THERE, [1], numbers)


def test_a_label_is_found_by_another_name_for_the_same():
    names = {1: "Glandula parotis sinistra", 2: "Parotid_R", 3: "x"}
    there = {value: Label(name, "#102030") for value, name in names.items()}
    assert choose(there, ["left parotid"]) == [1]
    assert choose(there, ["rechte Ohrspeicheldrüse"]) == [2]
    with pytest.raises(PromptError, match=r"there is no label 'parotid'; did you mean 1 .Glandula.* or 2 .Parotid_R"):
        choose(there, ["parotid"])


def test_what_two_labels_may_be_is_refused_with_both():
    with pytest.raises(PromptError, match=r"'NODE' may be 2 \(node\) or 3 \(Node\)"):
        choose(THERE, ["NODE"])
