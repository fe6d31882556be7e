"""Prompts as they are typed: what was written is read, and what is malformed named."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import DRAWN, Point
from volsweep.prompts.mask import Mask
from volsweep.prompts.text import FORMS, extent_text, parse_prompts, prompt_text
from volsweep.volume import Label

numbers = st.floats(-0.5, 4095).map(lambda v: round(v, 2))
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1).map(str.strip)


@given(st.sampled_from(sorted(DRAWN)), st.lists(numbers, min_size=4, max_size=4), st.booleans(), names, st.data())
def test_what_is_written_is_read(kind, xyxy, positive, name, data):
    if kind == "box":
        xyxy = [min(xyxy[::2]), min(xyxy[1::2]), max(xyxy[::2]), max(xyxy[1::2])]
    if kind == "line" and xyxy[:2] == xyxy[2:]:
        xyxy[0] = round(xyxy[0] + 1, 2)  # as many decimals as the others have
    if kind == "recist":  # at right angles to it, as long
        x0, y0, x1, y1 = xyxy
        x1 += round(float((x0, y0) == (x1, y1)), 2)
        xyxy = [x0, y0, x1, y1, *(round(v, 2) for v in (x0 + y1 - y0, y0 + x0 - x1, x0 + y0 - y1, y0 + x1 - x0))]
    if kind == "scribble":
        said = {"positive": positive, "width": round(abs(xyxy[0]), 2), "unit": data.draw(st.sampled_from(["px", "mm"]))}
    where = {"label": data.draw(st.integers(1, 65535)), "slice": data.draw(st.integers(0, 9999)), "plane": "coronal"}
    prompt = DRAWN[kind].from_numbers(xyxy[:2] if kind == "point" else xyxy, **where)
    if kind == "point":
        prompt = prompt.model_copy(update={"positive": positive})
    if kind == "scribble":
        prompt = prompt.model_copy(update=said)
    label = Label(name, "#ff0000")
    read = parse_prompts([(kind, prompt_text(prompt, label))], Plane.CORONAL)
    assert read.prompts == (prompt,)
    assert [x.name for x in read.labels.values()] == ([] if not name or set("=@") & set(name) else [name])


def test_a_default_name_is_not_written():
    assert prompt_text(Point(label=3, slice=7, point_xy=(1.5, 2)), Label.default(3)) == "3@7:1.5,2"


def test_a_mask_is_not_typed():
    with pytest.raises(PromptError, match="mask"):
        prompt_text(Mask.from_array(np.ones((2, 2), dtype=bool), label=1, slice=0), Label.default(1))


@pytest.mark.parametrize("kind", sorted(FORMS.keys() - {"extent"}))
@pytest.mark.parametrize("text", ["", "1@2", "1@2:3", "1@2:a,b,c,d", "x@2:1,2,3,4", "1@-2:1,2,3,4", "1@2:1,2,3,4,5"])
def test_what_is_malformed_is_refused_with_its_form(kind, text):
    with pytest.raises(PromptError, match="is not of the form LABEL@SLICE"):
        parse_prompts([(kind, text)], Plane.AXIAL)


@given(st.integers(1, 65535), st.lists(st.integers(0, 9999), min_size=2, max_size=2), st.sampled_from([3, 2, 1]))
def test_an_extent_that_is_written_is_read(label, ends, told):
    first, last = sorted(ends)
    extent = Extent(label=label, plane="coronal", first=first if told & 1 else None, last=last if told & 2 else None)
    read = parse_prompts([("extent", extent_text(extent))], Plane.CORONAL)
    assert read.extents == (extent,)
    assert not read.prompts


def test_an_extent_names_its_object_too():
    read = parse_prompts([("extent", " liver=2@ :30 ")], Plane.AXIAL)
    assert read.extents == (Extent(label=2, last=30),)
    assert read.labels[2].name == "liver"


@pytest.mark.parametrize("text", ["", "1@:", "1@3", "1@3:a", "x@3:4", "1@-3:4", "1@3:4:5"])
def test_a_malformed_extent_is_refused_with_its_form(text):
    with pytest.raises(PromptError, match="is not of the form LABEL@FIRST:LAST"):
        parse_prompts([("extent", text)], Plane.AXIAL)


def test_an_extent_that_ends_before_it_begins_is_refused():
    with pytest.raises(PromptError, match="not from 9 to 4"):
        parse_prompts([("extent", "1@9:4")], Plane.AXIAL)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1@20:55 98 86 126", "1 coordinate is given, and a box has 4 (X0,Y0,X1,Y1), with commas between them"),
        ("1@20:55;98;86;126", "1 coordinate is given, and a box has 4 (X0,Y0,X1,Y1), with commas between them"),
        ("1@20:55", "1 coordinate is given, and a box has 4 (X0,Y0,X1,Y1);"),
        ("1@20:55,98,86", "3 coordinates are given, and a box has 4 (X0,Y0,X1,Y1);"),
        ("1@20:", "0 coordinates are given, and a box has 4 (X0,Y0,X1,Y1);"),
    ],
)
def test_coordinates_that_are_not_parted_by_commas(text, told):
    with pytest.raises(PromptError, match=re.escape(told)):
        parse_prompts([("box", text)], Plane.AXIAL)
