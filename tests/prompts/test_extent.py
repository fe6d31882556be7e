"""How far an object reaches, as a reader says it."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Grid, Plane
from volsweep.prompts.extent import Extent, Region, SideBox
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.prompts.text import extent_text, parse_prompts

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


@pytest.mark.parametrize("stored", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("side", list(Plane))
@pytest.mark.parametrize("swept", list(Plane))
def test_a_box_on_another_plane_says_where_an_object_begins_and_ends(stored, side, swept):
    """Whatever way the volume is stored: the slices on which a block has voxels, and the box around it on a side."""
    columns = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}[stored]
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, columns]
    grid = Grid((12, 40, 60), affine)
    block = np.zeros(grid.shape_zyx, dtype=bool)
    block[3:9, 10:25, 30:52] = True
    if side == swept:
        with pytest.raises(ValidationError, match="does not say how far"):
            Extent(label=1, plane=swept, drawn=SideBox(plane=side, slice=4, box_xyxy=(1, 1, 2, 2)))
        return
    masks = np.moveaxis(block, grid.plane_axis(side), 0)
    index = int(np.flatnonzero(masks.any(axis=(1, 2)))[0])
    rows, cols = np.nonzero(masks[index])
    drawn = SideBox(plane=side, slice=index, box_xyxy=(cols.min() - 0.4, rows.min(), cols.max(), rows.max() + 0.3))
    extent = Extent(label=1, plane=swept, drawn=drawn)
    extent.check_on(grid)
    there = np.flatnonzero(np.moveaxis(block, grid.plane_axis(swept), 0).any(axis=(1, 2)))
    assert extent.on(grid).ends == (there[0], there[-1])
    assert extent.on(grid).on(grid) == extent.on(grid)


def test_text_and_file_keep_the_box(tmp_path):
    text = "lesion=2@coronal:12:30,3,51.5,8"
    (extent,) = parse_prompts([("extent", text)], Plane.AXIAL).extents
    assert extent.drawn == SideBox(plane="coronal", slice=12, box_xyxy=(30, 3, 51.5, 8))
    assert extent_text(extent) == "2@coronal:12:30,3,51.5,8"
    write_prompts(tmp_path / "p.json", PromptSet((), extents=(extent,)))
    (read,) = read_prompts(tmp_path / "p.json", GRID).extents
    assert read == extent.on(GRID)
    assert read.ends == (3, 8)
    write_prompts(tmp_path / "p.json", PromptSet((), extents=(read,)), lps_of=GRID)
    assert read_prompts(tmp_path / "p.json", GRID).extents == (Extent(label=2, first=3, last=8),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1@axial:3:1,2,3,4", "does not say how far"),
        ("1@oblique:3:1,2,3,4", "there is no plane 'oblique'; give axial, coronal, sagittal"),
        ("1@cornal:3:1,2,3,4", "there is no plane 'cornal'; did you mean coronal"),
        ("1@coronal:3:1,2,3", "3 coordinates are given"),
        ("1@coronal:3:5,2,3,4", "x0 <= x1"),
    ],
)
def test_a_box_that_cannot_be_is_refused_with_its_text(text, words):
    with pytest.raises(PromptError, match=f"extent .*{words}"):
        parse_prompts([("extent", text)], Plane.AXIAL)


@pytest.mark.parametrize(("slice", "box"), [(40, (1, 1, 5, 5)), (3, (1, 1, 60, 5)), (3, (1, 1, 5, 12))])
def test_a_box_outside_the_volume_is_named(slice, box):
    drawn = SideBox(plane="coronal", slice=slice, box_xyxy=box)
    with pytest.raises(PromptError, match=f"on coronal slice {slice} is outside the volume: slices go from 0 to 39"):
        Extent(label=1, drawn=drawn).check_on(GRID)


@pytest.mark.parametrize("plane", list(Plane))
def test_a_region_lies_where_it_was_on_every_slice(plane):
    volume = np.zeros(GRID.shape_zyx, dtype=bool)
    volume[3:7, 10:31, 20:43] = np.random.default_rng(0).random((4, 21, 23)) > 0.5
    region = Region.from_array(volume[3:7, 10:31, 20:43], (3, 10, 20))
    region.check_on(GRID)
    for index, truth in enumerate(np.moveaxis(volume, GRID.plane_axis(plane), 0)):
        np.testing.assert_array_equal(region.on_slice(plane, index, GRID), truth)


def test_a_region_goes_through_json_and_an_extent_without_one_has_no_key_for_it():
    region = Region.from_array(np.ones((2, 3, 5), bool), (1, 2, 3))
    extent = Extent(label=1, first=1, within=region)
    assert Extent.model_validate_json(extent.model_dump_json()) == extent
    assert set(Extent(label=1, first=1).model_dump(mode="json")) == {"label", "plane", "first", "last", "drawn"}


@pytest.mark.parametrize(
    "other", [{"bits": "!"}, {"bits": ""}, {"low_zyx": (-1, 0, 0)}, {"size_zyx": (9, 9, 9)}, {"size_zyx": (2**20,) * 3}]
)
def test_a_region_that_cannot_be_is_refused(other):
    region = Region.from_array(np.ones((2, 3, 5), bool), (1, 2, 3))
    with pytest.raises(ValidationError):
        Region.model_validate({**region.model_dump(), **other})
    with pytest.raises(PromptError, match=r"up to voxel \(13, 5, 8\) does not lie in a volume of \(12, 40, 60\)"):
        Extent(label=1, within=Region.from_array(np.ones((2, 3, 5), bool), (11, 2, 3))).check_on(GRID)


def test_a_region_stays_on_its_voxels_and_only_there(tmp_path):
    extent = Extent(label=1, first=2, last=4, within=Region.from_array(np.ones((2, 3, 5), bool), (1, 2, 3)))
    said = PromptSet((Box(label=1, slice=3, box_xyxy=(4, 4, 9, 9)),), {}, extents=(extent,))
    write_prompts(tmp_path / "here.json", said)
    assert read_prompts(tmp_path / "here.json", GRID).extents == (extent,)
    write_prompts(tmp_path / "mm.json", said, lps_of=GRID)
    (placed,) = read_prompts(tmp_path / "mm.json", GRID).extents
    assert (placed.ends, placed.within) == (extent.ends, None)
