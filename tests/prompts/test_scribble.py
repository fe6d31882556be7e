"""Strokes: the voxels they run over, counted by brute force; text, file and millimetres say the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.drawn_on import moved
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.scribble import Scribble
from volsweep.prompts.text import parse_prompts, prompt_text
from volsweep.volume import Label

GRID = Grid((12, 80, 90), np.array([[0.3, 0.1, 0.9, -50], [-0.5, 1.1, 0.1, 20], [4.0, 0.2, -0.1, 300], [0, 0, 0, 1.0]]))
points = st.tuples(st.floats(0, 39), st.floats(0, 29))


def from_line_mm(path: list[tuple[float, float]], spacing_yx: tuple[float, float]) -> np.ndarray:
    """Distance (30, 40) of voxel centres from a polyline."""
    y, x = np.mgrid[:30, :40] * np.array(spacing_yx)[:, None, None]
    ends = np.array(path) * [spacing_yx[1], spacing_yx[0]]
    best = np.hypot(x - ends[0][0], y - ends[0][1])
    for (x0, y0), (x1, y1) in pairwise(ends):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        share = 0 if length == 0 else np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1)
        best = np.minimum(best, np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0)))
    return best


@settings(max_examples=60)
@given(
    st.lists(points, min_size=1, max_size=4), st.floats(0, 16), st.sampled_from([("px", (1.0, 1.0)), ("mm", (2, 0.7))])
)
def test_the_core_is_half_of_the_width_around_the_middle_line(path, width, how):
    unit, spacing = how
    stroke = Scribble.from_numbers(path, label=1, slice=3, width=width, unit=unit)
    core = np.zeros((60, 80), dtype=bool)
    core[tuple(np.add(stroke.core_yx(spacing), (15, 20)).T)] = True
    core = core[15:45, 20:60]
    away, voxel = from_line_mm(path, spacing), float(np.hypot(*spacing)) / 2
    assert core[away <= width / 4 - voxel].all()
    assert not core[away > width / 4 + voxel + 1e-9].any()
    middle = {tuple(at) for at in stroke.middle_yx().tolist()}
    assert {(round(y), round(x)) for x, y in path} <= middle
    assert middle <= {tuple(at) for at in stroke.core_yx(spacing).tolist()}
    _, count = ndimage.label(core, np.ones((3, 3)))
    assert count == 1


def test_places_along_it_are_evenly_spaced():
    stroke = Scribble(label=1, slice=3, path_xy=(0, 0, 30, 0, 30, 10))
    places = stroke.along_xy(3)
    np.testing.assert_allclose(places, [[10, 0], [20, 0], [30, 0]], atol=0.3)
    assert Scribble(label=1, slice=3, path_xy=(4, 5)).along_xy(3).tolist() == [[4, 5]]


@pytest.mark.parametrize("fields", [{"path_xy": (1, 2, 3)}, {"path_xy": ()}, {"path_xy": (1, 2), "width": -1},
                                    {"path_xy": (1, float("nan"))}, {"path_xy": (1, 2), "unit": "cm"}])  # fmt: skip
def test_what_is_no_stroke_is_refused(fields):
    with pytest.raises(ValidationError):
        Scribble(label=1, slice=0, **fields)


def test_text_says_sign_and_width():
    texts = {
        "1@4:20,35,60,35,41.5,25": Scribble(label=1, slice=4, path_xy=(20, 35, 60, 35, 41.5, 25)),
        "1@4:20,35,60,35,-": Scribble(label=1, slice=4, path_xy=(20, 35, 60, 35), positive=False),
        "1@4:20,35,-/3": Scribble(label=1, slice=4, path_xy=(20, 35), positive=False, width=3),
        "1@4:20,35/2.5mm": Scribble(label=1, slice=4, path_xy=(20, 35), width=2.5, unit="mm"),
    }
    for text, expected in texts.items():
        assert parse_prompts([("scribble", text)], Plane.AXIAL).prompts == (expected,)
        assert parse_prompts([("scribble", prompt_text(expected, Label.default(1)))], Plane.AXIAL).prompts == (
            expected,
        )
    for text in ("1@4:20,35,60", "1@4:20,35/wide", "1@4:20,35/3cm", "1@4:20,35/-3", "1@4:/3"):
        with pytest.raises(PromptError, match="is not of the form LABEL@SLICE"):
            parse_prompts([("scribble", text)], Plane.AXIAL)


def test_on_another_grid_it_is_as_wide_in_millimetres(tmp_path):
    stroke = Scribble(label=1, slice=4, path_xy=(20, 35, 60, 35), width=3, positive=False)
    write_prompts(tmp_path / "p.json", PromptSet((stroke,)), lps_of=GRID)
    (read,) = read_prompts(tmp_path / "p.json", GRID).prompts
    step_mm = np.mean(GRID.plane_spacing_mm(Plane.AXIAL)[1:])
    assert (read.width, read.unit, read.positive) == (pytest.approx(3 * step_mm), "mm", False)
    np.testing.assert_allclose(read.path_xy, stroke.path_xy, atol=1e-4)
    write_prompts(tmp_path / "p.json", PromptSet((stroke,)))
    assert read_prompts(tmp_path / "p.json", GRID).prompts == (stroke,)
    there = moved(stroke, GRID, GRID)
    assert (there.unit, there.width) == ("mm", pytest.approx(3 * step_mm))
