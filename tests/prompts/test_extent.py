"""How far an object reaches, as a reader says it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.extent import Extent

GRID = Grid.axis_aligned((12, 40, 60), (5, 1, 1))


@pytest.mark.parametrize(("first", "last"), [(None, None), (3, None), (None, 8), (3, 8), (5, 5)])
def test_it_holds_what_lies_between_its_ends(first, last):
    extent = Extent(label=1, first=first, last=last)
    held = [z for z in range(12) if extent.holds(z)]
    assert held == list(range(first or 0, 12 if last is None else last + 1))


@pytest.mark.parametrize("ends", [{"first": 8, "last": 3}, {"first": -1}, {"last": 2.5}])
def test_ends_that_cannot_be_are_refused(ends):
    with pytest.raises(ValidationError):
        Extent(label=1, **ends)


def test_an_end_outside_the_volume_is_named():
    Extent(label=1, first=0, last=11).check_on(GRID)
    Extent(label=1, plane="sagittal", last=59).check_on(GRID)
    with pytest.raises(PromptError, match="slice 12, outside the volume: axial slices go from 0 to 11"):
        Extent(label=1, last=12).check_on(GRID)
