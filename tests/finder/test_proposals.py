"""Proposals as prompts: the slice, the box, the extent, the words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from volsweep import Plane
from volsweep.finder import Proposal, Section
from volsweep.finder.proposals import Found, Outline, proposal_of
from volsweep.geometry import Grid

GRID = Grid((20, 30, 40), np.array([[0, 0, 1.0, 0], [0, 1.0, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]]))


def proposal(**changes) -> Proposal:
    return Proposal("Parotis rechts", "right parotid gland", 0.876, (3, 8, 10), (9, 14, 22), "a finder", **changes)


@pytest.mark.parametrize(
    ("plane", "slice_", "box"),
    [
        (Plane.AXIAL, 6, (10, 8, 22, 14)),
        (Plane.CORONAL, 11, (10, 3, 22, 9)),
        (Plane.SAGITTAL, 16, (8, 3, 14, 9)),
    ],
)
def test_without_a_better_slice_the_middle_of_the_box_is_prompted(plane, slice_, box):
    assert proposal().section(plane, GRID) == Section(slice_, box)


def test_a_better_slice_is_taken_and_ends_have_a_slice_to_spare():
    better = Section(4, (11.0, 9.0, 20.0, 13.0))
    prompts = proposal(sections={Plane.AXIAL: better}).prompts(Plane.AXIAL, GRID, 5)
    box, extent = prompts.prompts[0], prompts.extents[0]
    assert (box.label, box.slice, box.box_xyxy) == (5, 4, better.box_xyxy)
    assert extent.ends == (2, 10)
    assert prompts.labels[5].name == "right parotid gland"
    assert prompts.words == {5: "Parotis rechts"}


def test_ends_stay_on_the_volume_and_open_ones_are_not_told():
    whole = Proposal("w", "brain stem", 1.0, (0, 0, 0), (19, 5, 5), "f")
    assert whole.extent(Plane.AXIAL, GRID, 1).ends == (0, 19)
    assert proposal(open_ended=True).prompts(Plane.AXIAL, GRID, 1).extents == ()


def test_json_says_what_was_asked_and_what_was_found():
    told = proposal().to_dict(Plane.AXIAL, GRID, 2)
    assert told["words"] == "Parotis rechts"
    assert told["score"] == 0.876
    assert (told["plane"], told["slice"], told["box_xyxy"]) == ("axial", 6, [10, 8, 22, 14])


def found(mask: np.ndarray, low=(0, 0, 0), grid: Grid = GRID) -> Proposal:
    return proposal_of(mask, low, grid, Found("w", "w", None, "f"))


def test_the_point_of_a_horseshoe_lies_in_it_where_the_middle_of_its_box_does_not():
    mask = np.zeros((3, 12, 20), bool)
    mask[1, :, :4] = mask[1, :, 17:] = mask[1, :3] = True  # the left arm is a voxel thicker than the right one
    where = found(mask, (5, 8, 10)).section(Plane.AXIAL, GRID)
    assert (where.slice, where.box_xyxy) == (6, (10, 8, 29, 19))
    x, y = where.point_xy
    assert mask[1, int(y) - 8, int(x) - 10]
    assert not mask[1, round((8 + 19) / 2) - 8, round((10 + 29) / 2) - 10]
    assert 11 <= x <= 12, "deep in the thicker arm"


def test_the_point_of_a_box_is_its_middle():
    mask = np.ones((1, 5, 11), bool)
    assert found(mask, (4, 3, 2)).section(Plane.AXIAL, GRID).point_xy == (7, 5)
    # Where no outline is known the middle of the box is the best guess.
    assert proposal().section(Plane.AXIAL, GRID).point_xy == (16, 11)
    assert proposal().to_dict(Plane.AXIAL, GRID, 1)["point_xy"] == [16, 11]


@pytest.mark.parametrize("plane", list(Plane))
def test_the_point_is_deep_in_millimetres(plane):
    rng = np.random.default_rng(7)
    grid = Grid.axis_aligned((14, 18, 16), (3.0, 1.0, 0.6))
    for _ in range(6):
        mask = ndimage.gaussian_filter(rng.random(grid.shape_zyx), 2) > 0.5
        where = found(mask, grid=grid).section(plane, grid)
        shown = np.take(mask, where.slice, grid.plane_axis(plane))
        outside = np.argwhere(~np.pad(shown, 1)) - 1
        spacing = np.array(grid.plane_spacing_mm(plane)[1:])
        depth = {
            (int(y), int(x)): np.linalg.norm((outside - (y, x)) * spacing, axis=1).min() for y, x in np.argwhere(shown)
        }
        x, y = where.point_xy
        assert depth[int(y), int(x)] >= 0.9 * max(depth.values()) - 1e-9


@pytest.mark.parametrize("plane", list(Plane))
def test_an_outline_lies_on_the_slices_of_every_plane_as_it_lies_in_the_volume(plane):
    rng = np.random.default_rng(4)
    likely = rng.random((5, 6, 7)).astype(np.float32)
    inside, low = likely > 0.7, (3, 8, 10)
    whole = np.zeros(GRID.shape_zyx, bool)
    whole[3:8, 8:14, 10:17] = inside
    operation, masks = proposal(outline=Outline(inside, likely, low, 0.5)).drawn(plane, GRID, 4)
    axis = GRID.plane_axis(plane)
    put = np.zeros_like(whole)
    for mask in masks:
        np.moveaxis(put, axis, 0)[mask.slice] = mask.to_array()
    np.testing.assert_array_equal(put, whole)
    assert {(mask.label, mask.plane) for mask in masks} == {(4, plane)}
    assert (operation.finder, operation.words) == ("a finder", "Parotis rechts")
    at = masks[1].slice - low[axis]
    ours, p = np.take(inside, at, axis), np.take(likely, at, axis)
    # DSC of a mask and of a truth that is where it is as likely as the map says.
    assert operation.expected[1] == pytest.approx(0.5 * 2 * p[ours].sum() / (ours.sum() + p.sum()), abs=1e-3)


def test_without_an_outline_nothing_is_drawn():
    assert proposal().drawn(Plane.AXIAL, GRID, 4)[1] == ()
    assert proposal().to_dict(Plane.AXIAL, GRID, 4)["taken"] == "box"
