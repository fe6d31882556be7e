"""Both RECIST axes: the ellipse they span, drawn point by point; what is no pair of axes; every door the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from volsweep.geometry import Grid, Plane
from volsweep.measurement import recist_diameters
from volsweep.prompts.drawn_on import moved
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist, ellipse_of
from volsweep.prompts.shapes import Slice, prompt_of_mask
from volsweep.prompts.text import parse_prompts, prompt_text
from volsweep.volume import Label

GRID = Grid((12, 80, 90), np.array([[0.3, 0.1, 0.9, -50], [-0.5, 1.1, 0.1, 20], [4.0, 0.2, -0.1, 300], [0, 0, 0, 1.0]]))
turns = st.floats(0, np.pi)


def axes(turn: float, long: float, short: float, off: float, spacing_yx: tuple[float, float] = (1, 1)) -> Recist:
    """Around (40, 35), at right angles in mm, the short one moved along itself."""
    to_voxels = 1 / np.array([spacing_yx[1], spacing_yx[0]])
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    ends = [-long * along, long * along, (off - short) * across, (off + short) * across]
    numbers = np.array([40, 35]) + np.array(ends) * to_voxels
    return Recist.from_numbers(numbers, label=1, slice=4)


@given(turns, st.floats(6, 20), st.floats(0.2, 1), st.floats(-0.9, 0.9), st.sampled_from([(1, 1), (2.0, 0.8)]))
def test_the_box_is_that_around_the_ellipse_in_mm(turn, long, ratio, off, spacing):
    short = ratio * long
    found = axes(turn, long, short, off * short, spacing).extent_xyxy(spacing)
    around = np.linspace(0, 2 * np.pi, 4001)
    along, across = long * np.cos(around), off * short + short * np.sin(around)
    x, y = along * np.cos(turn) - across * np.sin(turn), along * np.sin(turn) + across * np.cos(turn)
    low_high = 40 + x / spacing[1], 35 + y / spacing[0]
    ellipse = [low_high[0].min(), low_high[1].min(), low_high[0].max(), low_high[1].max()]
    outside = np.array([1, 1, -1, -1]) * (np.array(ellipse) - found)
    assert outside.min() > -1e-3  # the ellipse is in the box
    ends = axes(turn, long, short, off * short, spacing).points_xy()
    within = [*np.minimum(ends.min(axis=0), ellipse[:2]), *np.maximum(ends.max(axis=0), ellipse[2:])]
    np.testing.assert_allclose(found, within, atol=1e-3)


@given(turns, st.floats(6, 20), st.floats(0.2, 0.95), st.booleans())
def test_either_axis_may_come_first(turn, long, ratio, swap):
    prompt = axes(turn, long, ratio * long, 0)
    ends = prompt.points_xy()[[2, 3, 0, 1] if swap else [0, 1, 2, 3]]
    middle, semi_axes = ellipse_of(ends)
    np.testing.assert_allclose(middle, (40, 35), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(semi_axes, axis=1), (long, ratio * long))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1, 1, 1, 1, 0, 0, 2, 2), "two different ends"),
        ((10, 10, 30, 10, 20, 20, 20, 40), "cross each other"),
        ((10, 10, 30, 10, 10, 20, 30, 20), "cross each other"),
        ((10, 10, 30, 10, 5, 10, 35, 10), "cross each other"),
    ],
)
def test_what_is_no_pair_of_axes_is_refused(numbers, words):
    with pytest.raises(ValidationError, match=words):
        Recist(label=1, slice=0, axes_xyxy=numbers)


def test_axes_that_miss_each_other_by_a_hand_are_axes():
    assert Recist(label=1, slice=0, axes_xyxy=(10, 10, 30, 10, 20, 11, 20, 22)).extent_xyxy()[3] == 22


def test_a_path_draws_both_and_comes_back():
    prompt = axes(0.4, 20, 9, 3)
    path = prompt.vertices_xy()
    steps = np.diff(path, axis=0)
    for parts in ((steps[0], steps[5]), (steps[1], steps[4])):  # straight through the crossing
        assert np.linalg.det(parts) == pytest.approx(0, abs=1e-6)
    again = Recist.from_vertices_xy(path, label=1, slice=4)
    np.testing.assert_allclose(again.axes_xyxy, prompt.axes_xyxy)


def test_it_takes_the_place_of_what_was_drawn_but_not_of_clicks_and_masks():
    prompt, at = axes(0, 9, 4, 0), {"label": 1, "slice": 4}
    box, line = Box(**at, box_xyxy=(1, 1, 2, 2)), Line(**at, line_xyxy=(1, 1, 2, 2))
    assert prompt.replaces(box)
    assert prompt.replaces(line)
    assert box.replaces(prompt)
    assert line.replaces(prompt)
    assert not prompt.replaces(Point(**at, point_xy=(1, 1)))
    assert not prompt.replaces(Mask.from_array(np.ones((3, 3), bool), **at))


def test_text_file_and_millimetres_are_one_prompt(tmp_path):
    (typed,) = parse_prompts([("recist", "lesion=2@4:20,35,60,35/41,25,40,47.5")], Plane.AXIAL).prompts
    assert typed == Recist(label=2, slice=4, axes_xyxy=(20, 35, 60, 35, 41, 25, 40, 47.5))
    assert prompt_text(typed, Label("lesion", "#aa0011")) == "lesion=2@4:20,35,60,35/41,25,40,47.5"
    for lps_of in (None, GRID):
        write_prompts(tmp_path / "p.json", PromptSet((typed,)), lps_of=lps_of)
        (read,) = read_prompts(tmp_path / "p.json", GRID).prompts
        assert isinstance(read, Recist)
        np.testing.assert_allclose(read.axes_xyxy, typed.axes_xyxy, atol=1e-4)
    turned = GRID.affine.copy()
    turned[:3, 3] = (GRID.affine @ [11, 5, 0, 1])[:3]
    turned[:3, 0] *= -1
    there = moved(typed, GRID, Grid((12, 70, 90), turned))
    assert there.slice == 7
    np.testing.assert_allclose(there.points_xy(), typed.points_xy() - [0, 5], atol=1e-6)


def test_of_a_mask_it_is_what_recist_measures():
    y, x = np.mgrid[:80, :90]
    mask = ((x - 40) / 18.0) ** 2 + ((y - 35) / 8.0) ** 2 < 1
    prompt = prompt_of_mask(mask, 1, Slice(GRID, Plane.AXIAL, 4), "recist")
    expected = recist_diameters(mask, GRID.in_plane_vectors_mm(Plane.AXIAL))
    assert prompt.axes_xyxy == (*expected.long_xyxy, *expected.short_xyxy)
